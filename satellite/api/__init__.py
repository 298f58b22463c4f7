"""What a satellite answers over HTTP: Explorer's questions (`/api/v1`), health, metrics, diagnostics.

An endpoint reads its parameters and asks `explore` or the store; it computes nothing itself.
"""

ROOT = "/api/v1"
"""Below it are all endpoints of Explorer."""

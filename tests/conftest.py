"""What holds for all tests."""

from __future__ import annotations

from hypothesis import settings

# A busy machine is no defect: no test fails for the time it takes. Sixty examples keep `make unit` under a minute;
# `make fuzz` looks for what needs more.
settings.register_profile("patient", deadline=None, max_examples=60)
settings.load_profile("patient")

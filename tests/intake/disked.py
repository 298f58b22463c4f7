from __future__ import annotations

from satellite.store.recall.engine import RecallStore


class Disked(RecallStore):
    """Says that it waits for a disk, so that no event loop works for it: a test can hold a call up and go on."""

    write_waits = True

"""The default engine: every span in memory, in segments, under a byte budget. Only `app` names it."""

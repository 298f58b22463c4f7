"""Attacks that once worked, kept so that they cannot come back: `python -m tests.attack`, and each for a moment in the tests."""

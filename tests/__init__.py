"""The tests; a package, so that they can share fixtures and the conformance suite by import."""

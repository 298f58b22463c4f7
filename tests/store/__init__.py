"""The engines' tests: one suite (conformance.py), filled in by each engine."""

import pytest

pytest.register_assert_rewrite("tests.store.conformance")

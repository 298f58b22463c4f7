"""The engines' tests: one suite (`conformance`), filled in by each engine."""

import pytest

pytest.register_assert_rewrite("tests.store.asking", "tests.store.conformance")

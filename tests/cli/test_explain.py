"""`satellite explain`: no ClickHouse is needed to say what it would be asked."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from mock_lightstep_satellite.cli import app
from satellite.cli.explain import Question


def explained(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["explain", *arguments])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize("question", [*Question])
def test_each_question_is_one_statement_about_the_spans_of_the_query(question: Question) -> None:
    said = explained('"http.status_code" IN ("503") AND service NOT IN ("a\'b")', f"--question={question}")
    assert said.startswith("SELECT ")
    assert said.count("\n") == 1
    assert "has(answers" in said
    assert "NOT (service IN ('a\\x27b'))" in said


def test_groups_are_by_what_is_asked() -> None:
    assert "GROUP BY v0, v1" in explained("--question=groups", "--by=service", "--by=region")


def test_a_query_that_is_none_is_an_error() -> None:
    result = CliRunner().invoke(app, ["explain", "service IN ("])
    assert result.exit_code != 0

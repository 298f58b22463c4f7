"""Golden text of errors: the words, the column, the line of the query, the caret."""

from __future__ import annotations

import pytest

from satellite.errors import BadQuery
from satellite.query import parse
from satellite.query.complaint import complaint, shown


def test_one_line() -> None:
    with pytest.raises(BadQuery) as caught:
        parse('service IN ("a") AND error = true')
    assert caught.value.message == (
        "InvalidArgument: Invalid query predicate: "
        'expected IN, NOT IN or MATCHES REGEXP, found "=" at column 28\n'
        'service IN ("a") AND error = true\n'
        "                           ^"
    )
    assert caught.value.as_json() == {
        "error": {
            "code": "bad_query",
            "message": caught.value.message,
            "hint": 'write "error" IN ("true")',
            "line": 1,
            "column": 28,
        }
    }


def test_several_lines() -> None:
    with pytest.raises(BadQuery) as caught:
        parse('service IN ("a")\r\n\tAND operation IS ("b")\nAND "k" IN (v)')
    assert caught.value.message == (
        "InvalidArgument: Invalid query predicate: "
        'expected IN, NOT IN or MATCHES REGEXP, found "IS" in line 2 at column 16\n'
        ' AND operation IS ("b")\n'
        "               ^"
    )
    assert caught.value.details == {"line": 2, "column": 16}


def test_behind_the_end() -> None:
    assert complaint("", 0, "nothing").message.endswith("nothing at column 1\n\n^")
    assert complaint("a\n", 2, "nothing").message.endswith("nothing in line 2 at column 1\n\n^")


@pytest.mark.parametrize("at", [0, 59, 60, 61, 500, 940, 998, 999])
def test_a_long_line_is_shown_around_the_place(at: int) -> None:
    line = "".join(chr(ord("a") + i % 26) for i in range(1000))
    error = complaint(line, at, "this")
    _, part, caret = error.message.split("\n")
    assert len(part) <= 102
    assert part[len(caret) - 1] == line[at]
    assert part.startswith("…") == (at > 60)
    assert error.details["column"] == at + 1


def test_pieces_of_a_query_are_short_and_printable_in_a_sentence() -> None:
    assert shown("a\x1b[31m\tb") == '"a [31m b"'
    assert shown('"a"') == '"a"'
    assert shown('"') == '"""'
    assert shown("x" * 50) == f'"{"x" * 39}…"'

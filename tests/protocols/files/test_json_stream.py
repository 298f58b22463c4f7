from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from satellite.protocols.files import json_stream
from satellite.protocols.files.json_stream import JsonStream, Piece

texts = st.text(alphabet='ab"\\{}[],:\n é\x7f', max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
containers = st.lists(values, max_size=3) | st.dictionaries(texts, values, max_size=3)
layouts = st.sampled_from([{}, {"indent": 1}, {"separators": (",", ":")}])


def _pieces(content: bytes, portion: int) -> list[Piece]:
    stream = JsonStream()
    found: list[Piece] = []
    for start in range(0, len(content), portion):
        found += stream.feed(content[start : start + portion])
    return [*found, *stream.finish()]


@given(
    documents=st.lists(containers, max_size=4),
    layout=layouts,
    between=st.sampled_from(["\n", "\n\n", " ", ",\n", "", "\r\n", "\n\x1e"]),
    portion=st.integers(1, 60),
)
@example([[None], [True, 1], [False]], {}, "\n", 1)  # no line of a log, though it begins as one
def test_documents_come_out_as_they_stand(
    documents: list[Any], layout: dict[str, Any], between: str, portion: int
) -> None:
    if "indent" in layout:  # an empty one has one line whatever the layout, and a file is lines or it is not
        documents = [document for document in documents if document]
    content = between.join(json.dumps(document, **layout) for document in documents).encode()
    pieces = _pieces(content, portion)
    assert [json.loads(piece.text) for piece in pieces if piece.text not in {b"[", b"{"}] == documents
    assert all(piece.is_json for piece in pieces)


@given(
    elements=st.lists(st.dictionaries(texts, values, max_size=3), min_size=1, max_size=30),
    frame=st.sampled_from(
        [
            ("", "", []),
            ('{"data": ', ', "total": [{"spans": []}], "errors": null}', ["data"]),
            ('{"resourceSpans":', "}", ["resourceSpans"]),
            ('{ "trace" : {\n"batches":', ',"b":1},"c":[{}]}', ["trace", "batches"]),
        ]
    ),
    layout=layouts,
    portion=st.sampled_from([1, 7, 50, 10_000]),
)
def test_a_long_list_is_cut_between_its_elements(
    elements: list[Any], frame: tuple[str, str, list[str]], layout: dict[str, Any], portion: int
) -> None:
    head, tail, path = frame
    content = (head + json.dumps(elements, **layout) + tail + "\n").encode()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(json_stream, "PIECE_BYTES", 20)
        pieces = _pieces(content * 2, portion)
    found = []
    for piece in pieces:
        value = json.loads(piece.text)
        for key in path:
            value = value[key]
        found += value
    assert found == elements * 2


def test_a_long_list_does_not_stay_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_stream, "PIECE_BYTES", 1000)
    stream, held, pieces = JsonStream(), 0, list[Piece]()
    pieces += stream.feed(b'{"data":[')
    for i in range(2000):
        pieces += stream.feed(b'{"traceID":"%d","spans":[{"a":"}]"}],"processes":{}},' % i)
        held = max(held, len(stream._text))
    pieces += stream.feed(b'{"last":1}],"total":0}')
    pieces += stream.finish()
    assert held < 10_000
    assert sum(len(json.loads(piece.text)["data"]) for piece in pieces) == 2001


def test_a_broken_line_costs_itself() -> None:
    content = b'{"a":1}\n{"b":[1,2}\n\n{"c":3}\nnoise\n{"d":\n'
    for portion in (1, 5, 100):
        assert [(piece.text, piece.line, piece.is_json) for piece in _pieces(content, portion)] == [
            (b'{"a":1}', 1, True),
            (b'{"b":[1,2}', 2, True),
            (b'{"c":3}', 4, True),
            (b"noise", 5, False),
            (b'{"d":', 6, True),
        ]


def test_documents_between_other_lines() -> None:
    content = b'starting "it\n{\n "a": 1\n}\nit\'s 5" wide\n{\n "b": 2\n}\n'
    for portion in (1, 5, 100):
        assert [(piece.line, piece.is_json) for piece in _pieces(content, portion)] == [
            (1, False),
            (2, True),
            (5, False),
            (6, True),
        ]


def test_what_the_end_cuts_off_comes_last() -> None:
    assert [piece.text for piece in _pieces(b'[{"a":1},{"b', 3)] == [b'[{"a":1},{"b']


@given(st.binary(max_size=80), st.integers(1, 9))
def test_any_bytes_come_out_alike_however_cut(content: bytes, portion: int) -> None:
    assert _pieces(content, portion) == _pieces(content, 1000)

"""A service diagram as text that other programs draw: SVG, Graphviz DOT, Mermaid. Same order for the same diagram."""

from __future__ import annotations

import re
from collections import defaultdict
from html import escape
from math import log10, sqrt

from satellite.explore.diagram import Diagram, Edge, Node

_COLUMN, _ROW, _MARGIN, _RADIUS, _HALO = 260, 110, 90, 22, 30
_STYLE = """
svg { color-scheme: light dark; background: light-dark(#fff, #16181d); font: 12px system-ui, sans-serif; }
text { fill: light-dark(#1c1f26, #e8eaef); text-anchor: middle; }
.small { font-size: 11px; fill: light-dark(#59606d, #9aa1ae); }
.disc { fill: light-dark(#dfe6f2, #2c3547); stroke: light-dark(#5b6b87, #8b9bb8); }
.queried { stroke: #2563eb; stroke-width: 2.5; stroke-dasharray: 5 3; }
.failing { stroke: #d92d20; stroke-width: 2.5; }
.inferred { stroke-dasharray: 2 3; }
.halo { fill: #f5b301; opacity: .35; }
.call { fill: none; stroke: light-dark(#8a93a3, #6d7686); }
.call.failing { stroke: #d92d20; }
""".strip()
_CONTROL = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f]")
_ARROW = (
    '<defs><marker id="to" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto"'
    ' markerUnits="userSpaceOnUse"><path d="M0 0 8 4 0 8z" fill="#8a93a3"/></marker></defs>'
)


def svg(diagram: Diagram) -> str:
    """One image that needs nothing else: layers from left to right, halo by latency contribution, errors red."""
    layers: defaultdict[int, list[Node]] = defaultdict(list)
    for node in diagram.nodes:
        layers[node.layer].append(node)
    tallest = max((len(nodes) for nodes in layers.values()), default=1)
    place = {
        node.service_name: (
            _MARGIN + _COLUMN * node.layer,
            _MARGIN + _ROW * i + _ROW * (tallest - len(nodes)) // 2,
        )
        for nodes in layers.values()
        for i, node in enumerate(nodes)
    }
    width = 2 * _MARGIN + _COLUMN * max(layers, default=0)
    height = 2 * _MARGIN + _ROW * (tallest - 1)
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">',
        f"<title>{_text(_sentence(diagram))}</title><style>{_STYLE}</style>{_ARROW}",
        *(_svg_edge(edge, *place[edge.from_], *place[edge.to]) for edge in diagram.edges),
        *(_svg_node(node, *place[node.service_name]) for node in diagram.nodes),
        "</svg>\n",
    ]
    return "\n".join(parts)


def _svg_edge(edge: Edge, from_x: int, from_y: int, to_x: int, to_y: int) -> str:
    thick = min(0.9 + 0.65 * log10(max(edge.calls, 1)), 3.5)
    failing = " failing" if edge.errors else ""
    label = f"{edge.calls}" + (f" ({_pct(edge.errors, edge.calls)} errors)" if edge.errors else "")
    if (from_x, from_y) == (to_x, to_y) or to_x <= from_x:  # back to an earlier layer: around below
        low = max(from_y, to_y) + _ROW // 2
        line = f"M{from_x} {from_y + _RADIUS} C{from_x} {low} {to_x} {low} {to_x} {to_y + _RADIUS}"
        middle = (from_x + to_x) // 2, low - 8
    else:
        begin, end = from_x + _RADIUS, to_x - _RADIUS - 2
        bend = (begin + end) // 2
        line = f"M{begin} {from_y} C{bend} {from_y} {bend} {to_y} {end} {to_y}"
        middle = bend, (from_y + to_y) // 2 - 6
    return (
        f"<g><title>{_text(edge.from_)} → {_text(edge.to)}: {edge.calls} calls, {edge.errors} errors, average"
        f' {edge.avg_latency_us / 1000:.4g} ms</title><path class="call{failing}" d="{line}"'
        f' stroke-width="{thick:.2f}" marker-end="url(#to)"/>'
        f'<text class="small" x="{middle[0]}" y="{middle[1]}">{label}</text></g>'
    )


def _svg_node(node: Node, x: int, y: int) -> str:
    halo = _HALO * sqrt(max(node.latency_contribution_pct, 0.0) / 100)
    kinds = [("queried", node.queried), ("failing", node.error_count > 0), ("inferred", node.inferred)]
    classes = " ".join(["disc", *(name for name, holds in kinds if holds)])
    errors = f", {_pct(node.error_count, node.span_count)} errors" if node.error_count else ""
    return (
        f"<g><title>{_text(node.service_name)}: {node.span_count} spans{errors}, average"
        f" {node.avg_latency_us / 1000:.4g} ms, {node.latency_contribution_pct:.4g} % of the latency</title>"
        f'<circle class="halo" cx="{x}" cy="{y}" r="{_RADIUS + halo:.1f}"/>'
        f'<circle class="{classes}" cx="{x}" cy="{y}" r="{_RADIUS}"/>'
        f'<text x="{x}" y="{y + 4}">{node.latency_contribution_pct:.0f} %</text>'
        f'<text x="{x}" y="{y + _RADIUS + 20}">{_text(node.service_name)}</text>'
        f'<text class="small" x="{x}" y="{y + _RADIUS + 34}">{node.span_count} spans{errors}</text></g>'
    )


def dot(diagram: Diagram) -> str:
    """A digraph for Graphviz."""
    lines = [
        "digraph services {",
        "  rankdir=LR;",
        '  node [shape=box, style="rounded,filled", fillcolor="#eef2f9"];',
    ]
    for node in diagram.nodes:
        marks = ', color="#d92d20"' if node.error_count else ', color="#2563eb"' if node.queried else ""
        dashed = ', style="rounded,dashed"' if node.inferred else ""
        lines.append(f"  {_quoted(node.service_name)} [label={_quoted(_label(node))}{marks}{dashed}];")
    for edge in diagram.edges:
        red = ', color="#d92d20"' if edge.errors else ""
        label = _quoted(_calls(edge))
        lines.append(f"  {_quoted(edge.from_)} -> {_quoted(edge.to)} [label={label}{red}];")
    return "\n".join([*lines, "}", ""])


def mermaid(diagram: Diagram) -> str:
    """A flowchart, as Markdown shows it."""
    ids = {node.service_name: f"s{i}" for i, node in enumerate(diagram.nodes)}
    lines = ["flowchart LR"]
    for node in diagram.nodes:
        kind = "failing" if node.error_count else "queried" if node.queried else ""
        suffix = f":::{kind}" if kind else ""
        lines.append(f'  {ids[node.service_name]}["{_mermaid(_label(node))}"]{suffix}')
    lines += [f'  {ids[edge.from_]} -->|"{_mermaid(_calls(edge))}"| {ids[edge.to]}' for edge in diagram.edges]
    lines += [
        "  classDef failing stroke:#d92d20,stroke-width:2px",
        "  classDef queried stroke:#2563eb,stroke-width:2px",
    ]
    return "\n".join([*lines, ""])


def _label(node: Node) -> str:
    errors = f", {_pct(node.error_count, node.span_count)} errors" if node.error_count else ""
    return f"{node.service_name}\n{node.span_count} spans{errors}\n{node.latency_contribution_pct:.4g} % of latency"


def _calls(edge: Edge) -> str:
    return f"{edge.calls}" + (f" ({_pct(edge.errors, edge.calls)} errors)" if edge.errors else "")


def _pct(part: int, whole: int) -> str:
    return f"{100 * part / whole:.3g} %" if whole else "0 %"


def _sentence(diagram: Diagram) -> str:
    return (
        f"{len(diagram.nodes)} services, {len(diagram.edges)} connections, from {diagram.traces_used} traces"
    )


def _text(text: str) -> str:
    """Text inside an element."""
    return escape(_shown(text))


def _shown(text: str) -> str:
    """The text without control characters, which XML cannot hold and a terminal obeys."""
    return _CONTROL.sub("\ufffd", text.replace("\r", " "))


def _quoted(text: str) -> str:
    """A string of DOT."""
    clean = _shown(text).replace("\\", "\\\\").replace('"', '\\"')
    return '"' + clean.replace("\n", "\\n") + '"'


def _mermaid(text: str) -> str:
    """Text between quotes; Mermaid knows entities by number."""
    special = {char: f"#{ord(char)};" for char in '"#<>&`'}
    return "".join(special.get(char, char) for char in _shown(text)).replace("\n", "<br>")

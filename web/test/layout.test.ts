import { describe, expect, test } from "vitest";
import { axisOf, bucketOf, edgeUs, marksOf, nearestEdge, outline, roundAxis, xTicks, yTicks } from "../src/charts/latency.ts";
import { layout } from "../src/charts/layers.ts";
import { entry } from "../src/entry.ts";
import { gapsOf, LANES, lanesOf, linesOf, niceStep, tickLabel, toldApart, type Row } from "../src/pages/trace/rows.ts";
import { merged } from "../src/pages/trace/tree.ts";
import { absent, added, failed, narrowed, predicate, term, termsOf } from "../src/query/terms.ts";
import { latencies, pairs, typed, withLatencies } from "../src/query/typed.ts";

describe("the latency axis", () => {
  test("buckets are those of the satellite", () => {
    expect([bucketOf(1), bucketOf(4467), bucketOf(14_126), bucketOf(891_251), bucketOf(1_000_000)]).toEqual([0, 73, 83, 119, 120]);
    for (const index of [0, 20, 73, 83, 119, 160]) expect(nearestEdge(edgeUs(index))).toBe(index);
  });
  test("has air on both sides and at least two decades", () => {
    expect(axisOf([{ index: 60, count: 1 }, { index: 120, count: 1 }])).toEqual({ lo: 58, hi: 123 });
    const narrow = axisOf([{ index: 70, count: 1 }]);
    expect(narrow.hi - narrow.lo).toBeGreaterThanOrEqual(40);
    expect(roundAxis([{ index: 60, count: 1 }, { index: 120, count: 1 }])).toMatchObject({ fromUs: 500, toUs: 2_000_000 });
  });
  test("ticks are round, and 2 and 5 have labels only where there is room", () => {
    const axis = { lo: 60, hi: 120 };
    const labels = (width: number): string[] => xTicks(axis, width).map((tick) => tick.label).filter(Boolean);
    expect(labels(300)).toHaveLength(4);
    expect(labels(900)).toHaveLength(10);
    expect(yTicks(2500)).toEqual([1, 10, 100, 1000]);
  });
  test("from a minute on it counts as clocks do", () => {
    const labels = (width: number): string[] => xTicks({ lo: 140, hi: 220 }, width).map((tick) => tick.label.replace("\u202f", " ")).filter(Boolean);
    expect(labels(600)).toEqual(["10 s", "1 min", "10 min", "1 h", "1 d"]);
    expect(labels(800)).toEqual(["10 s", "20 s", "1 min", "2 min", "5 min", "10 min", "30 min", "1 h", "2 h", "5 h", "12 h", "1 d"]);
  });
  test("labels of percentiles never overlap", () => {
    const marks = marksOf({ p50: 10_000, p95: 10_100, p99: 10_200, "p99.9": 900_000 }, { lo: 60, hi: 120 }, 600, (name) => name);
    expect(marks.map((mark) => mark.name)).toEqual(["p50", "p95", "p99.9"]);
  });
  test("a layer without spans has no outline", () => expect(outline([], { lo: 0, hi: 4 }, (i) => i, (n) => n, 9)).toBe(""));
});

const row = (over: Partial<Row>): Row => ({
  place: 0, loaded: over.below ?? 0, id: "", traceId: "", parent: -1, depth: 0, below: 0, errorsBelow: 0, missing: false, service: "s", operation: "o", kind: null, component: null, startUs: 0, durationUs: 100,
  error: false, pathUs: 0, segments: [], selfUs: 0, skewUs: 0, shiftUs: 0, pair: -1, betweenUs: 0, joined: "", logsUs: [], ...over,
});
const rows = [
  row({ below: 4 }),
  row({ parent: 0, depth: 1, below: 2, kind: "client", pair: 2 }),
  row({ parent: 1, depth: 2, below: 1, kind: "server", pair: 1 }),
  row({ parent: 2, depth: 3 }),
  row({ parent: 0, depth: 1, startUs: 50 }),
];

describe("the waterfall's lines", () => {
  test("all of them", () => expect(linesOf(rows, new Set(), false).map((line) => line.at)).toEqual([0, 1, 2, 3, 4]));
  test("without what is collapsed", () => expect(linesOf(rows, new Set([1]), false).map((line) => line.at)).toEqual([0, 1, 4]));
  test("a folded pair is one line, its children right below it", () => {
    const lines = linesOf(rows, new Set(), true);
    expect(lines.map((line) => [line.at, line.depth, line.folded])).toEqual([[0, 0, -1], [1, 1, 2], [3, 2, -1], [4, 1, -1]]);
  });
  test("rows that come later stand among those that are here, each once", () => {
    const places = (...rows: number[]): { row: number }[] => rows.map((row) => ({ row }));
    expect(merged(places(0, 1, 2, 9), places(0, 5, 6, 9))).toEqual(places(0, 1, 2, 5, 6, 9));
  });
  test("what is not here is asked for below its own parent", () => {
    // 0 ─ 1 ─ 2, (3 and 4 below 1 are missing), (5 below 0 and 6 at the top are missing)
    const some = [row({ below: 5, loaded: 2 }), row({ place: 1, parent: 0, below: 3, loaded: 1 }), row({ place: 2, parent: 1 })];
    const gaps = gapsOf(some, 7);
    expect([...gaps]).toEqual([[2, [{ parent: 1, from: 3, to: 5 }, { parent: 0, from: 5, to: 6 }, { parent: -1, from: 6, to: 7 }]]]);
    const told = (collapsed: number[]): (number | undefined)[][] => linesOf(some, new Set(collapsed), false, gaps).map((line) => [line.at, line.depth, line.gap?.from]);
    expect(told([])).toEqual([[0, 0, undefined], [1, 1, undefined], [2, 2, undefined], [-1, 2, 3], [-1, 1, 5], [-1, 0, 6]]);
    expect(told([1])).toEqual([[0, 0, undefined], [1, 1, undefined], [-1, 1, 5], [-1, 0, 6]]);
    // What lay between is here: its place tells whose rows are missing before it.
    expect([...gapsOf([...some, row({ place: 5, parent: 0 }), row({ place: 6 })], 7)]).toEqual([[2, [{ parent: 1, from: 3, to: 5 }]]]);
  });
  test("spans that overlap do not share a lane", () => expect([...lanesOf(rows, 100)]).toEqual([0, 1, 2, 3, 2 + 2]));
  test("however many run at once, there are no more lanes than can be seen", () => {
    const crowd = [row({ below: 500, durationUs: 1000 }), ...Array.from({ length: 500 }, (_, i) => row({ parent: 0, depth: 1, startUs: i, durationUs: 400 }))];
    const lanes = [...lanesOf(crowd, 1000)];
    expect(Math.max(...lanes)).toBe(LANES - 1);
    expect(new Set(lanes).size).toBe(LANES);
    expect(lanes[0]).toBe(0);
  });
});

test("pieces that no eye tells apart are one", () => {
  expect(toldApart([[40, 50], [0, 10], [11, 20], [48, 55]], 2)).toEqual([[0, 20], [40, 55]]);
  const thousands = Array.from({ length: 5000 }, (_, i) => [i * 20, i * 20 + 10] as const);
  expect(toldApart(thousands, 100_000 / 600)).toEqual([[0, 99_990]]);
  expect(toldApart(thousands, 10)).toEqual(thousands);
});
test("a linear axis has steps of 1, 2 and 5", () => {
  expect([niceStep(100, 5), niceStep(350, 4), niceStep(979_000, 6)]).toEqual([20, 100, 200_000]);
  expect(tickLabel(200_000, 200_000, "-", " ")).toBe("200 ms");
  expect(tickLabel(-2500, 500, "-", " ")).toBe("-2.5 ms");
  expect([niceStep(100e6, 4), niceStep(3 * 3600e6, 7), niceStep(20 * 86_400e6, 6)]).toEqual([30e6, 1800e6, 4 * 86_400e6]);
  expect([90e6, 5400e6, 26 * 3600e6].map((us) => tickLabel(us, 30e6, "-", " "))).toEqual(["1 min 30 s", "1 h 30 min", "26 h"]);
  expect(tickLabel(8 * 86_400e6, 4 * 86_400e6, "-", " ")).toBe("8 d");
});

test("a diagram's layers go left to right, on a phone top to bottom", () => {
  const nodes = [{ service_name: "b", layer: 1 }, { service_name: "a", layer: 0 }, { service_name: "c", layer: 1 }];
  const wide = layout(nodes, 900);
  const at = (name: string, drawn = wide): { x: number; y: number } => drawn.places.get(name) ?? { x: NaN, y: NaN };
  expect(at("a").x).toBeLessThan(at("b").x);
  expect([at("b").x, at("b").y < at("c").y]).toEqual([at("c").x, true]);
  const tall = layout(nodes, 390);
  expect(at("a", tall).y).toBeLessThan(at("b", tall).y);
  const crowd = layout(Array.from({ length: 300 }, (_, i) => ({ service_name: `s${i}`, layer: i % 3 })), 900);
  expect(crowd.height).toBeLessThan(800);
  expect(new Set([...crowd.places.values()].map(({ x, y }) => `${x} ${y}`)).size).toBe(300);
});

describe("terms", () => {
  test("are written as predicates", () => expect(predicate([term("service", 'a"b'), term("k", "v", true)])).toBe('service IN ("a\\"b") AND "k" NOT IN ("v")'));
  test("of one key stand in one list", () => expect(predicate(added([term("k", "a")], term("k", "b")))).toBe('"k" IN ("a", "b")'));
  test("are read from what the satellite writes", () => {
    const terms = [term("service", 'a "b" \\c'), { ...term("k v", "x, y", true), values: ["x, y", ""] }, { ...term("k", "^a(b)$"), regexp: true }];
    expect(termsOf(predicate(terms))).toEqual(terms);
    expect(termsOf("")).toEqual([]);
    expect([termsOf("service in (a)"), termsOf('service IN ("a") OR x')]).toEqual([null, null]);
  });
  test("are added to a query that has the key, which stays one that can be asked", () => {
    expect(narrowed("", term("k", "a"))).toBe('"k" IN ("a")');
    expect(narrowed('service IN ("s") AND "k" IN ("a")', term("k", "b"))).toBe('service IN ("s") AND "k" IN ("a", "b")');
    expect(narrowed('"k" IN ("a")', term("k", "a", true))).toBe('"k" NOT IN ("a")');
  });
  test("with errors only are one of that key", () => {
    expect(["", '"k" IN ("a")', '"error" IN ("true", "x")', '"error" NOT IN ("x")'].map(failed)).toEqual(['"error" IN ("true")', '"k" IN ("a") AND "error" IN ("true")', '"error" IN ("true")', '"error" IN ("true")']);
    for (const other of ['"error" IN ("false")', '"error" NOT IN ("true")', predicate([absent("error")])]) expect(failed(other)).toBe('"error" MATCHES REGEXP ("[^\\\\s\\\\S]")');
  });
  test("the new one stands when both cannot", () => expect(predicate(added([term("k", "a")], term("k", "a", true)))).toBe('"k" NOT IN ("a")'));
  test.each([
    ["prod", { key: null, negated: false, text: "prod" }],
    ["http.status_code=5", { key: "http.status_code", negated: false, text: "5" }],
    ['-service:"pro', { key: "service", negated: true, text: "pro" }],
    ["tag:k=v=w", { key: "k", negated: false, text: "v=w" }],
  ])("%s is typed", (input, what) => expect(typed(input)).toEqual(what));
});

test("what other tools have fields for can be typed", () => {
  expect(["duration>100ms", "latency >= 1.5 s", "minDuration=250us", "duration<20ms", "max latency: 2m"].map(latencies)).toEqual([{ from: 100_000, to: null }, { from: 1_500_000, to: null }, { from: 250, to: null }, { from: null, to: 20_000 }, { from: null, to: 120_000_000 }]);
  expect(["duration", "duration=100ms", "duration>", "duration>5", "http.duration>5ms", "minDuration=x"].map(latencies)).toEqual([null, null, null, null, null, null]);
});
test("latencies among the terms of a text are taken out of it, but not out of quotes", () => {
  expect(withLatencies('service IN ("a") AND duration>100ms and max latency: 2s')).toEqual({ rest: 'service IN ("a")', range: { from: 100_000, to: 2_000_000 } });
  expect(withLatencies('"k" IN ("a \\" AND duration>1ms AND b") AND duration>100ms')).toEqual({ rest: '"k" IN ("a \\" AND duration>1ms AND b")', range: { from: 100_000, to: null } });
  expect(['"k" IN ("a AND duration>1ms AND b")', "service IN", ""].map(withLatencies)).toEqual([null, null, null]);
});
test("tags in a row are as many terms", () => {
  expect(pairs('error=true http.status_code=503 -component="a proxy"')).toEqual([term("error", "true"), term("http.status_code", "503"), term("service", "a proxy", true)]);
  expect(["error=true", "user_agent=Mozilla/5.0 (X11; Linux)", "message=a = b", "a=b c"].map(pairs)).toEqual([[], [], [], []]);
});
test("LightStep's addresses lead on", () => {
  const led = (page: string, search: string, rest: string[] = []): string => {
    const to = entry({ project: "p", page, rest, params: new URLSearchParams(search) });
    return to ? `${[to.page, ...to.rest].join("/")}?${decodeURIComponent(to.params.toString())}` : "";
  };
  expect(led("explorer", "query=x")).toBe("");
  expect(led("stream", "anchor=1&range=2", ["id"])).toBe("streams/id?anchor=1&range=2");
  expect(led("operation", "filter_percentile=90.0", ["id"])).toBe("streams/id?filter_percentile=90.0");
  expect(led("explorer", "snapshot_id=a&selected_node_id=s")).toBe("explorer?snapshot_id=a&node=s&tab=diagram");
  expect(led("trace", "selected_span_guid=1&trace_handle=h")).toBe("trace?trace_handle=h&span_guid=1");
  const jaeger = (project: string, page: string, search = "", rest: string[] = []): string => {
    const to = entry({ project, page, rest, params: new URLSearchParams(search) });
    return to ? `${[to.project, to.page, ...to.rest].join("/")}?${to.params}` : "";
  };
  expect(jaeger("trace", "3abad6f90441a7ed")).toBe("-/trace/3abad6f90441a7ed?");
  expect(jaeger("trace", "live")).toBe("");
  expect(jaeger("traces", "3abad6f90441a7ed")).toBe("-/trace/3abad6f90441a7ed?");
  expect(jaeger("zipkin", "traces", "", ["3abad6f90441a7ed"])).toBe("-/trace/3abad6f90441a7ed?");
  expect(jaeger("zipkin", "traces", "", ["live"])).toBe("");
  const search = new URLSearchParams({ service: "a", operation: "all", tags: '{"error":"true"}', minDuration: "100ms", lookback: "custom", start: "1", end: "2", limit: "20" });
  expect(jaeger("search", "", search.toString())).toBe(`-/explorer?${new URLSearchParams({ query: 'service IN ("a") AND "error" IN ("true")', range: "100000-3600000000", oldest: "1", youngest: "2" })}`);
  expect(led("notebooks", "query=x&start_micros=1&end_micros=2")).toBe("explorer?query=x&oldest=1&youngest=2");
});

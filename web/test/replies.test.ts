/* What the satellite's own tests write down as its replies, read as the pages read them. */

import { describe, expect, test } from "vitest";
import correlations from "../../tests/api/snapshots/correlations.json";
import diagram from "../../tests/api/snapshots/diagram.json";
import groups from "../../tests/api/snapshots/groups.json";
import histogram from "../../tests/api/snapshots/histogram.json";
import nothing from "../../tests/api/snapshots/nothing.json";
import query from "../../tests/api/snapshots/query.json";
import services from "../../tests/api/snapshots/services.json";
import span from "../../tests/api/snapshots/span.json";
import spans from "../../tests/api/snapshots/spans.json";
import suggest from "../../tests/api/snapshots/suggest.json";
import tree from "../../tests/api/snapshots/tree.json";
import type { Correlations, Diagram, GroupTable, LatencyHistogram, QueryView, ServiceList, SpanDetail, SpanPage, SuggestionList, TraceTree } from "../src/api/types.ts";
import { axisOf, bucketOf, marksOf, roundAxis } from "../src/charts/latency.ts";
import { haloOf, layout } from "../src/charts/layers.ts";
import { duration, exactUs, percent } from "../src/format.ts";
import { extentOf, isClientHalf, labelOf, linesOf } from "../src/pages/trace/rows.ts";
import { rowsOf } from "../src/pages/trace/tree.ts";
import { predicate, term, termFrom } from "../src/query/terms.ts";

/** A JSON file as a reply: its literals are texts to TypeScript, so that its shape is held by what is read from it. */
const as = <T>(reply: unknown): T => reply as T;

describe("a trace", () => {
  const answer = as<TraceTree>(tree);
  const rows = rowsOf(answer);
  test("has a row for each span, parents first", () => {
    expect(rows).toHaveLength(answer.spans);
    expect(rows.every((row, at) => row.parent < at)).toBe(true);
    expect(labelOf(rows[1] as (typeof rows)[0])).toBe("productpage.default: proxy server");
  });
  test("lasts from its first start to its last end", () => {
    const { from, to } = extentOf(rows, { from: answer.start_us, to: answer.start_us + answer.duration_us });
    expect([from, duration(to - from)]).toEqual([answer.start_us, "15.8\u202fms"]);
  });
  test("folds the calls through two proxies", () => {
    expect(rows.filter((_, at) => isClientHalf(rows, at))).toHaveLength(4);
    expect(linesOf(rows, new Set(), true)).toHaveLength(4);
  });
  test("draws the critical path inside the bars", () => {
    for (const row of rows) for (const [from, to] of row.segments) expect(row.startUs <= from && to <= row.startUs + row.durationUs).toBe(true);
    expect(answer.services.reduce((sum, one) => sum + one.path_us, 0)).toBe(rows[0]?.durationUs);
  });
});

test("a span is told among the others", () => {
  const { comparison, span: own } = as<SpanDetail>(span);
  expect([comparison.spans - 1, comparison.faster, comparison.slower]).toEqual([7, 0, 7]);
  expect(percent(comparison.slower / (comparison.spans - 1))).toBe("100\u202f%");
  expect(comparison.histogram.buckets.map((one) => one.index)).toContain(bucketOf(exactUs(own)));
});

test("a histogram has room for its buckets and percentiles", () => {
  const { buckets, percentiles, count } = as<LatencyHistogram>(histogram);
  const axis = axisOf(buckets);
  expect(buckets.every((one) => one.index >= axis.lo && one.index < axis.hi)).toBe(true);
  expect(buckets.reduce((sum, one) => sum + one.count, 0)).toBe(count);
  expect(marksOf(percentiles, axis, 1000, (name) => name).map((one) => one.name)).toContain("p50");
});

test("groups share one axis", () => {
  const rows = as<GroupTable>(groups).groups;
  const axis = roundAxis(rows.flatMap((one) => one.buckets));
  expect(rows).toHaveLength(5);
  expect(axis.fromUs).toBeLessThan(Math.min(...rows.map((one) => one.p50_us)));
});

test("a diagram has a place for each service, and halos by share", () => {
  const { nodes, edges } = as<Diagram>(diagram);
  const { places } = layout(nodes, 900);
  for (const { from, to } of edges) expect((places.get(from)?.x ?? 0) < (places.get(to)?.x ?? 0)).toBe(true);
  for (const { latency_contribution_pct: share } of nodes) expect(haloOf(share / 100)).toBeLessThanOrEqual(30);
});

test("what is offered can be asked", () => {
  const [first] = as<SuggestionList>(suggest).suggestions;
  expect(predicate([term("service", first?.value ?? "")])).toBe('service IN ("productpage.default")');
  const terms = as<QueryView>(query).terms.map(termFrom);
  expect(predicate(terms).split(" AND ").sort()).toEqual(query.predicate.split(" AND "));
  expect(as<Correlations>(correlations).correlations.every((one) => Math.abs(one.score) <= 1)).toBe(true);
});

test("lists and pages have what their tables show", () => {
  const page = as<SpanPage>(spans);
  expect([page.spans.length, page.total, page.next_cursor !== null]).toEqual([2, 12, true]);
  expect(as<ServiceList>(services).services.map((one) => one.series?.length)).toEqual([3, 3, 3, 3, 3]);
  const why = as<SpanPage>(nothing).explanation;
  expect([why?.failing, why?.terms[0]?.spans, why?.services.length]).toEqual([0, 0, 5]);
});

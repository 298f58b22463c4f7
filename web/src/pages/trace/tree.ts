/* The satellite's answer as rows of the page. */

import type { TraceTree } from "../../api/types.ts";
import { exactUs } from "../../format.ts";
import type { Row } from "./rows.ts";

/** The rows in the tree's order; the answer may have come in pages. */
export function rowsOf(tree: TraceTree): Row[] {
  return tree.rows.map((row) => ({
    id: row.span_id,
    traceId: row.trace_id,
    parent: row.parent ?? -1,
    depth: row.depth,
    below: row.below,
    errorsBelow: row.errors_below,
    missing: row.missing,
    service: row.service ?? "",
    operation: row.operation ?? "",
    kind: row.kind,
    component: row.component,
    startUs: row.start_us,
    durationUs: exactUs(row),
    error: row.error,
    pathUs: row.path_us,
    segments: row.segments.map(([from, to]) => [tree.start_us + (from as number), tree.start_us + (to as number)] as const),
    // A span that calls nothing works for all its time, with what whole µs leave out of it.
    selfUs: row.self_us === row.duration_us ? exactUs(row) : row.self_us,
    skewUs: row.skew_us,
    shiftUs: row.shift_us,
    pair: row.pair?.row ?? -1,
    betweenUs: row.pair?.between_us ?? 0,
    joined: row.joined_by ?? "",
    logsUs: (row.logs_us ?? []).map((us) => tree.start_us + us),
  }));
}

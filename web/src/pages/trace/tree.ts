/* The satellite's answer as rows of the page. */

import type { TraceTree } from "../../api/types.ts";
import { exactUs } from "../../format.ts";
import type { Row } from "./rows.ts";

/** Where the row of a place is among rows in order; -1 when it is not here. */
export function indexOf(rows: readonly { readonly row: number }[], place: number): number {
  if (rows[place]?.row === place) return place; // all before it are here
  const at = firstFrom(rows, place);
  return rows[at]?.row === place ? at : -1;
}

/** The index of the first row at or behind a place. */
export function firstFrom(rows: readonly { readonly row: number }[], place: number): number {
  let [low, high] = [0, rows.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((rows[middle]?.row ?? 0) < place) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The rows of both, in order; what both have once. */
export function merged<R extends { readonly row: number }>(rows: readonly R[], more: readonly R[]): R[] {
  const all = [...rows, ...more].sort((a, b) => a.row - b.row);
  return all.filter((one, at) => one.row !== all[at - 1]?.row);
}

/** The rows in the tree's order; the answer may have come in pages, and some of them not yet. */
export function rowsOf(tree: TraceTree): Row[] {
  return tree.rows.map((row, at) => ({
    place: row.row,
    loaded: row.below ? firstFrom(tree.rows, row.row + row.below + 1) - at - 1 : 0,
    id: row.span_id,
    traceId: row.trace_id,
    parent: row.parent === null ? -1 : indexOf(tree.rows, row.parent),
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
    pair: row.pair ? indexOf(tree.rows, row.pair.row) : -1,
    betweenUs: row.pair?.between_us ?? 0,
    joined: row.joined_by ?? "",
    logsUs: (row.logs_us ?? []).map((us) => tree.start_us + us),
  }));
}

/* What the text of a query means: the satellite reads it, once. */

import { get } from "../api/client.ts";
import { termFrom, type Term } from "./terms.ts";

/** A query that the satellite could read. */
export interface Query {
  /** In the one form that every way to write it becomes. */
  readonly text: string;
  readonly terms: readonly Term[];
  /** What is right, but perhaps not what was meant. */
  readonly notes: readonly string[];
}

const MOST = 200;
/** Read before, the first first; the empty one means all spans. */
const known = new Map<string, Query>([["", { text: "", terms: [], notes: [] }]]);

/** Fails as a Failure with line and column. */
export async function read(text: string, signal?: AbortSignal): Promise<Query> {
  const before = known.get(text);
  if (before) return before;
  const found = await get("/api/v1/query", {}, { query: text, lenient: true }, signal);
  const query = { text: found.predicate, terms: found.terms.map(termFrom), notes: found.notes ?? [] };
  if (known.size >= MOST) known.clear();
  known.set(text, query).set(query.text, query);
  return query;
}

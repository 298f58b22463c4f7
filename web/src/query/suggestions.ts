/* What the query bar offers: names among the spans that match the other terms. */

import { get } from "../api/client.ts";
import { duration, NARROW } from "../format.ts";
import { href } from "../router.svelte.ts";
import { predicate, term, type Term } from "./terms.ts";
import { latencies, type Latencies, type Typed } from "./typed.ts";

export interface Option {
  /** The key that a choice adds a value to; null for a tag key, which goes on to its values. */
  readonly key: string | null;
  readonly builtIn: boolean;
  readonly value: string;
  readonly spans: number;
  readonly errors: number;
  /** Distinct values, for a tag key. */
  readonly distinct: number | null;
  /** Of the most frequent, for its bar. */
  readonly share: number;
  /** What is no term of a query: a trace to open, latencies to select. */
  readonly does?: { readonly opens: string } | { readonly selects: Latencies };
}
/** What is offered, and for what that was typed. */
export interface Offer {
  readonly typed: Typed;
  readonly sections: readonly Section[];
}
export interface Section {
  readonly title: string;
  readonly options: readonly Option[];
}
/** Of which start times values are offered. */
export interface Times {
  readonly oldest_us?: number;
  readonly youngest_us?: number;
}
type Suggested = { readonly value: string; readonly spans: number; readonly errors?: number; readonly distinct?: number | null };

/** When what was typed is no beginning of a name: latencies, or the id of a trace or a span. */
export async function shortcuts(project: string, input: string, terms: readonly Term[], times: Times, signal: AbortSignal): Promise<Section[]> {
  const section = async (title: string, value: string, asked: object, does: NonNullable<Option["does"]>): Promise<Section[]> => {
    const { total } = await get("/api/v1/projects/{project}/spans", { project }, { ...asked, limit: 1 }, signal);
    return total ? [{ title, options: [{ key: null, builtIn: true, value, spans: total, errors: 0, distinct: null, share: 1, does }] }] : [];
  };
  const range = latencies(input);
  if (range) {
    const [sign, us] = range.from === null ? ["<", range.to ?? 0] : ["≥", range.from];
    const bounds = range.from === null ? { max_latency_us: us } : { min_latency_us: us };
    return section("Latencies", `${sign}${NARROW}${duration(us)}`, { query: predicate(terms), ...times, ...bounds }, { selects: range });
  }
  const id = input.trim().toLowerCase();
  if (!/^([0-9a-f]{16}){1,2}$/.test(id)) return [];
  const traces = section("Open the trace", id, { query: predicate([term("lightstep.trace_id", id)]) }, { opens: href(project, "trace", {}, [id]) });
  const spans = id.length > 16 ? [] : section("Open the trace of this span", id, { query: predicate([term("lightstep.span_id", id)]) }, { opens: href(project, "trace", { span_guid: id }) });
  return (await Promise.all([traces, spans])).flat();
}

/** Values of the key that was typed; without one all that begins so, where the other terms match. */
export async function suggestions(project: string, what: Typed, terms: readonly Term[], times: Times, signal: AbortSignal): Promise<Section[]> {
  const ask = async (kind: "service" | "operation" | "key" | "value", key: string, others: readonly Term[]): Promise<readonly Suggested[]> => {
    const query = predicate(others.filter((one) => !(one.key === key && one.builtIn === (kind !== "value"))));
    const asked = { kind, q: what.text, query, ...times, ...(kind === "value" ? { key } : {}) };
    return (await get("/api/v1/projects/{project}/suggest", { project }, asked, signal)).suggestions;
  };
  const options = (found: readonly Suggested[], key: string | null, builtIn: boolean, most: number): Option[] => {
    const top = Math.max(1, ...found.map((one) => one.spans));
    return found.slice(0, most).map((one) => ({ key, builtIn, value: one.value, spans: one.spans, errors: one.errors ?? 0, distinct: one.distinct ?? null, share: one.spans / top }));
  };
  if (what.key !== null) {
    const builtIn = what.key === "service" || what.key === "operation";
    const kind = builtIn ? (what.key as "service" | "operation") : "value";
    const found = await ask(kind, what.key, terms);
    return found.length ? [{ title: `Values of ${what.key}`, options: options(found, what.key, builtIn, 100) }] : [];
  }
  const all = async (others: readonly Term[], note: string): Promise<Section[]> => {
    const [services, operations, keys] = await Promise.all([ask("service", "service", others), ask("operation", "operation", others), ask("key", "", others)]);
    const more = what.text !== "";
    return [
      { title: `Services${note}`, options: options(services, "service", true, more ? 12 : 6) },
      { title: `Operations${note}`, options: options(operations, "operation", true, more ? 12 : 5) },
      { title: `Tags${note}`, options: options(keys, null, false, more ? 12 : 7) },
    ].filter((section) => section.options.length);
  };
  const here = await all(terms, "");
  return here.length || !terms.length ? here : all([], ", none with the other terms");
}

/* What the query bar offers: names among the spans that match the other terms. */

import { get } from "../api/client.ts";
import { predicate, type Term } from "./terms.ts";

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
/** What was typed: a key with the beginning of a value, or the beginning of anything. */
export interface Typed {
  readonly key: string | null;
  readonly negated: boolean;
  readonly text: string;
}

/** `-key=val`, `key:val`, or free text. Inside a value anything may stand. */
export function typed(input: string): Typed {
  const found = /^(-?)\s*(?:tag:)?"?([^=:"\s]+(?:[^=:"]*[^=:"\s])?)"?\s*([=:])\s*"?(.*?)"?$/.exec(input);
  if (!found?.[2]) return { key: null, negated: false, text: input.trim() };
  return { key: found[2] === "component" ? "service" : found[2], negated: found[1] === "-", text: found[4] ?? "" };
}

/** Of which start times values are offered. */
export interface Times {
  readonly oldest_us?: number;
  readonly youngest_us?: number;
}
type Suggested = { readonly value: string; readonly spans: number; readonly errors?: number; readonly distinct?: number | null };

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

/* A query as terms, for chips; reading text is the server's business, writing it is easy. */

import type { TermView } from "../api/types.ts";

export interface Term {
  readonly key: string;
  /** A key of the language (service, operation, lightstep.…), not a tag. */
  readonly builtIn: boolean;
  readonly negated: boolean;
  readonly regexp: boolean;
  readonly values: readonly string[];
}

const BUILT_IN = new Set(["service", "operation", "lightstep.span_id", "lightstep.trace_id", "lightstep.tracer_id"]);

export const isBuiltIn = (key: string): boolean => BUILT_IN.has(key);

export const quoted = (text: string): string => `"${text.replace(/["\\\u201c\u201d]/g, "\\$&")}"`;

export function termText(term: Term): string {
  const operator = (term.negated ? "NOT " : "") + (term.regexp ? "MATCHES REGEXP" : "IN");
  return `${term.builtIn ? term.key : quoted(term.key)} ${operator} (${term.values.map(quoted).join(", ")})`;
}

export const predicate = (terms: readonly Term[]): string => terms.map(termText).join(" AND ");

const QUOTED = String.raw`"(?:[^"\\]|\\.)*"`;
const TERM = new RegExp(String.raw`(${QUOTED}|[\w.]+) (NOT )?(IN|MATCHES REGEXP) \((${QUOTED}(?:, ${QUOTED})*)\)(?: AND |$)`, "suy");
const unquoted = (text: string): string => text.slice(1, -1).replace(/\\(.)/gsu, "$1");

/** The terms of a query as the satellite writes it (`canonical`); null for any other text, which only the satellite reads. */
export function termsOf(canonical: string): readonly Term[] | null {
  const terms: Term[] = [];
  TERM.lastIndex = 0;
  while (TERM.lastIndex < canonical.length) {
    const [, key, not, operator, list] = TERM.exec(canonical) ?? [];
    if (!key || !list) return null;
    const values = [...list.matchAll(new RegExp(QUOTED, "gsu"))].map(([one]) => unquoted(one));
    terms.push({ key: key.startsWith('"') ? unquoted(key) : key, builtIn: !key.startsWith('"'), negated: not !== undefined, regexp: operator !== "IN", values });
  }
  return terms;
}

/** As the API tells it. */
export const termFrom = (one: TermView): Term => ({ key: one.key, builtIn: one.built_in, negated: one.negated, regexp: one.regexp, values: one.values });

/** One term for a value. A tag may be called "service": then it is not built in. */
export const term = (key: string, value: string, negated = false, builtIn = isBuiltIn(key)): Term => ({ key, builtIn, negated, regexp: false, values: [value] });

/** A term for spans without the key. */
export const absent = (key: string): Term => ({ key, builtIn: isBuiltIn(key), negated: true, regexp: true, values: ["(?s).*"] });

/** The terms with one more value; the values of a key stand in one list, and what was excluded is not asked for as well. */
export function added(terms: readonly Term[], more: Term): readonly Term[] {
  const same = (one: Term): boolean => one.key === more.key && one.builtIn === more.builtIn;
  const at = terms.findIndex((one) => same(one) && one.negated === more.negated && one.regexp === more.regexp);
  if (at >= 0) return terms.map((one, i) => (i === at ? { ...one, values: [...new Set([...one.values, ...more.values])] } : one));
  if (terms.some(same)) return terms.map((one) => (same(one) ? more : one)); // one term a key: the new one stands
  return [...terms, more];
}

/** A query as the satellite writes it, with one more value; a key has one term in it. */
export function narrowed(query: string, more: Term): string {
  const terms = termsOf(query);
  return terms ? predicate(added(terms, more)) : predicate([more]);
}

/** Of what a filter leaves those with errors; none, when it wants another value of that very key. */
export function failed(filter: string): string {
  const [error, terms] = [term("error", "true"), termsOf(filter)];
  if (!terms) return `${filter} AND ${termText(error)}`;
  const own = terms.find((one) => one.key === error.key);
  if (!own) return predicate([...terms, error]);
  const some = own.regexp ? !own.negated : own.values.includes("true") !== own.negated;
  return predicate(terms.map((one) => (one !== own ? one : some ? error : { ...error, regexp: true, values: ["[^\\s\\S]"] })));
}

/** How a chip reads aloud. */
export const spoken = (one: Term): string => `${one.key} ${operatorWords(one) || "is"} ${one.values.join(" or ")}`;

/** «is not», «is one of», …; "" for the plain case, which needs no word. */
export function operatorWords(one: Term): string {
  if (one.regexp) return one.negated ? "does not match" : "matches";
  if (one.negated) return one.values.length > 1 ? "is none of" : "is not";
  return one.values.length > 1 ? "is one of" : "";
}

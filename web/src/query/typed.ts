/* What was typed into the query bar. */

import { term, type Term } from "./terms.ts";

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

/** µs; null: no bound on that side. */
export interface Latencies {
  readonly from: number | null;
  readonly to: number | null;
}

const LATENCY = /^\s*(?:(?:duration|latency)\s*(>=?|<=?)|(min|max)[ _]?(?:duration|latency)\s*[=:])\s*(\d+(?:\.\d+)?|\.\d+)\s*(µs|us|ms|s|m|h)\s*$/i;
const UNITS_US: Readonly<Record<string, number>> = { µs: 1, us: 1, ms: 1e3, s: 1e6, m: 60e6, h: 3600e6 };

/** `duration>100ms`, `minDuration=1.2s`: what other tools have fields for. */
export function latencies(input: string): Latencies | null {
  const [, sign, end, size, unit] = LATENCY.exec(input) ?? [];
  if (size === undefined) return null;
  const us = Math.round(Number(size) * (UNITS_US[unit?.toLowerCase() ?? ""] ?? 0));
  return sign?.startsWith(">") || end?.toLowerCase() === "min" ? { from: us, to: null } : { from: null, to: us };
}

/** Between two terms; not within quotes. */
const AND = /\s+AND\s+(?=(?:[^"\\]|\\.|"(?:[^"\\]|\\.)*")*$)/i;

/** A text with latencies among its terms, `service IN ("a") AND duration>100ms`: the rest of it, and them; null without any. */
export function withLatencies(text: string): { readonly rest: string; readonly range: Latencies } | null {
  const parts = text.trim().split(AND);
  const found = parts.map(latencies).filter((one) => one !== null);
  if (!found.length) return null;
  const range = found.reduce((all, one) => ({ from: one.from ?? all.from, to: one.to ?? all.to }));
  return { rest: parts.filter((part) => !latencies(part)).join(" AND "), range };
}

/** `error=true http.status_code=503`, as other tools take tags: the terms, if it is more than one. */
export function pairs(input: string): Term[] {
  const all = [...input.trim().matchAll(/(-?)([^\s=:"]+)[=:](?:"([^"]*)"|([^\s="]+))(?:\s+|$)/g)];
  const whole = all.reduce((length, one) => length + one[0].length, 0) === input.trim().length;
  return whole && all.length > 1 ? all.map(([, not, key = "", quoted, plain]) => term(key === "component" ? "service" : key, quoted ?? plain ?? "", not === "-")) : [];
}

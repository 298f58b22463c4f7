/* A span's values as text, as queries compare them. */

import type { Span } from "./api/types.ts";

/** Canonical text: true, 200, or JSON of what is no plain value. */
export function text(value: unknown): string {
  if (typeof value === "string") return value;
  if (value === null || value === undefined) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** What a key is on a span; null when it has none. */
export function valueOf(span: Span, key: string): string | null {
  if (key === "service") return span.service;
  if (key === "operation") return span.operation;
  const tags = span.tags as Record<string, unknown>;
  if (Object.hasOwn(tags, key)) return text(tags[key]);
  const attributes = span.reporter.attributes as Record<string, unknown>;
  return Object.hasOwn(attributes, key) ? text(attributes[key]) : null;
}

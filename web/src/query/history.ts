/* The queries that were run in this browser, the last first. */

import { recall, remember } from "../storage.ts";

const KEY = "satellite.history";
const KEPT = 20;

export interface Past {
  readonly query: string;
  readonly atUs: number;
}

export function pastQueries(): readonly Past[] {
  try {
    const kept: unknown = JSON.parse(recall(KEY) ?? "[]");
    return Array.isArray(kept) ? kept.filter((one): one is Past => typeof one?.query === "string" && typeof one?.atUs === "number") : [];
  } catch {
    return [];
  }
}

export function rememberQuery(query: string): void {
  const others = pastQueries().filter((one) => one.query !== query);
  remember(KEY, JSON.stringify([{ query, atUs: Date.now() * 1e3 }, ...others].slice(0, KEPT)));
}

export function forgetQueries(): void {
  remember(KEY, "[]");
}

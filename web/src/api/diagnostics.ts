/* What the satellite says of itself at /diagnostics, which is not in its OpenAPI document. */

import { prefix } from "../router.svelte.ts";
import { request } from "./client.ts";
import type { ProjectStats } from "./types.ts";

export interface Setting {
  readonly name: string;
  readonly value: unknown;
  readonly origin: string;
}
export interface Listener {
  readonly setting: string;
  readonly purpose: string;
  readonly address: string;
  readonly port: number;
  readonly tls: boolean;
}
export interface Certificate {
  readonly role: string;
  readonly subject: string;
  readonly names: readonly string[];
  readonly not_before: string;
  readonly not_after: string;
  readonly sha256: string;
  readonly file: string;
  readonly source?: string;
}
export interface Refusal {
  readonly time_ns: number;
  readonly protocol: string;
  readonly code: string;
  readonly message: string;
  readonly peer: string;
}
export interface Reporter {
  readonly id: string;
  readonly service: string;
  readonly protocol: string;
  /** What it says it reports with; "" when it does not say. */
  readonly tracer: string;
  readonly tracer_version: string;
  readonly last_seen_ns: number;
  readonly reports: number;
  /** Reports of which nothing was kept. */
  readonly refused: number;
  readonly spans: number;
  /** By the client, as it says. */
  readonly dropped: number;
  /** By reason. */
  readonly dropped_here: Readonly<Record<string, number>>;
  readonly counters?: Readonly<Record<string, number>>;
  readonly gauges?: Readonly<Record<string, number>>;
  readonly [other: string]: unknown;
}
export interface TrapLine {
  readonly kind: string;
  readonly port: number;
  readonly detail: string;
  /** What would be right. */
  readonly right: string;
  readonly count: number;
  readonly first_ns: number;
  readonly last_ns: number;
  readonly peer: string;
}
export interface Diagnostics {
  readonly version: string;
  readonly started_us: number;
  readonly now_us: number;
  readonly checks: Readonly<Record<string, boolean>>;
  readonly not_ready_because: string;
  readonly problems: readonly string[];
  readonly notes: readonly string[];
  readonly listeners: readonly Listener[];
  readonly certificates: readonly Certificate[];
  readonly tokens: string;
  readonly waiting: { readonly bytes: number; readonly bytes_max: number };
  readonly projects: readonly (ProjectStats & { readonly reporters: readonly Reporter[] })[];
  readonly refusals: readonly Refusal[];
  readonly traps: { readonly counts: Readonly<Record<string, number>>; readonly lines: readonly TrapLine[] };
  readonly settings: readonly Setting[];
}

export const diagnostics = (signal?: AbortSignal): Promise<Diagnostics> =>
  request(`${prefix}/diagnostics?format=json`, signal ? { signal } : {});

/** The name in a certificate's subject. */
export const commonName = (subject: string): string => subject.split(",")[0]?.replace("CN=", "") ?? subject;

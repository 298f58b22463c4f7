/* The pages: slug, title, key after `g`, and what draws it. Those that few open come in a file of their own. */

import type { Component } from "svelte";
import Explorer from "./explorer/Explorer.svelte";
import Trace from "./trace/Trace.svelte";

export interface Page {
  readonly slug: string;
  readonly title: string;
  /** After `g`; "" for a page that one gets to from another. */
  readonly key: string;
  readonly load: () => Promise<Component>;
}

const now = (component: Component) => (): Promise<Component> => Promise.resolve(component);

export const PAGES: readonly Page[] = [
  { slug: "explorer", title: "Explorer", key: "e", load: now(Explorer) },
  { slug: "trace", title: "Trace", key: "", load: now(Trace) },
  { slug: "services", title: "Services", key: "s", load: async () => (await import("./services/Services.svelte")).default },
  { slug: "streams", title: "Streams", key: "m", load: async () => (await import("./streams/Streams.svelte")).default },
  { slug: "live", title: "Live", key: "l", load: async () => (await import("./live/Live.svelte")).default },
  { slug: "snapshots", title: "Snapshots", key: "n", load: async () => (await import("./snapshots/Snapshots.svelte")).default },
  { slug: "reporters", title: "Reporters", key: "r", load: async () => (await import("./reporters/Reporters.svelte")).default },
  { slug: "requests", title: "Requests", key: "q", load: async () => (await import("./requests/Requests.svelte")).default },
  { slug: "status", title: "Status", key: "t", load: async () => (await import("./status/Status.svelte")).default },
];

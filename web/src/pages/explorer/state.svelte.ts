/* What the Explorer shows, read off the address, and how it is changed. */

import { Ask } from "../../api/ask.svelte.ts";
import { get, post } from "../../api/client.ts";
import type { Kept, LatencyHistogram, Snapshot } from "../../api/types.ts";
import { bucketOf, edgeUs, type Range } from "../../charts/latency.ts";
import { rememberQuery } from "../../query/history.ts";
import { rememberLast } from "../../query/last.ts";
import { read, type Query } from "../../query/read.ts";
import { absent, added, failed, isBuiltIn, predicate, quoted, term, type Term } from "../../query/terms.ts";
import { WINDOWS } from "../../query/windows.ts";
import { router } from "../../router.svelte.ts";
import { session } from "../../session.svelte.ts";

const TABS = ["analysis", "traces", "diagram", "time", "correlations"] as const;
export type Tab = (typeof TABS)[number];
export const PRESETS = ["p50", "p95", "p99", "p99.9"] as const;
export type Preset = (typeof PRESETS)[number];

/** Historical layers: value in the address, label, dash of the outline. */
export const LAYERS = [["1h", "1 hour", "6 3"], ["1d", "1 day", "2 2.5"], ["1w", "1 week", "6 3 1.5 3"]] as const;


/** Which spans, as endpoints take it. */
export interface Asked {
  readonly snapshot?: string;
  readonly query?: string;
  readonly oldest_us?: number;
  readonly youngest_us?: number;
  readonly min_latency_us?: number;
  readonly max_latency_us?: number;
}

/** An attribute whose share of the bars is drawn. */
export interface Overlaid {
  readonly label: string;
  readonly query: string;
  readonly within: "result" | "trace";
}

/** A run is kept as a snapshot when it has stood for so long: not every key press is one. */
const KEEP_AFTER_MS = 700;

export class ExplorerState {
  /** Counts runs: the same query once more, up to now. */
  #runs = $state(0);
  overlaid: Overlaid | null = $state.raw(null);
  /** The snapshot of the result that is shown, once it is taken. */
  taken: Snapshot | null = $state.raw(null);

  /** Keeps what is shown at once, or waits until it is kept; null when it could not be. */
  #keep: (() => Promise<Snapshot | null>) | null = null;

  readonly kept: Ask<Kept>;
  readonly parsed: Ask<Query>;
  readonly histogram: Ask<LatencyHistogram>;

  constructor() {
    this.kept = new Ask(() => {
      const [project, identifier] = [router.project, this.snapshot];
      return identifier ? (signal) => get("/api/v1/projects/{project}/snapshots/{identifier}", { project, identifier }, {}, signal) : null;
    });
    this.parsed = new Ask(() => {
      const text = this.text;
      if (text === null) return null;
      return async (signal) => {
        const found = await read(text, signal);
        rememberLast(found.text);
        return found;
      };
    });
    this.histogram = new Ask(() => {
      const [asked, project, overlaid] = [this.bounds, router.project, this.overlaid];
      const more = { layers: this.layers.join(","), ...(overlaid ? { overlay: overlaid.query, overlay_in: overlaid.within } : {}) };
      return (
        asked &&
        (async (signal) => {
          const found = await get("/api/v1/projects/{project}/histogram", { project }, { ...asked, ...more }, signal);
          this.counted = asked;
          return found;
        })
      );
    });
    // Every run is a snapshot, as it always was; one that shows a snapshot is none.
    $effect(() => {
      const [asked, project] = [this.bounds, router.project];
      this.taken = null;
      if (!asked || asked.snapshot) return;
      let current = true;
      let keeping: Promise<Snapshot | null> | undefined;
      const keep = (): Promise<Snapshot | null> =>
        (keeping ??= post("/api/v1/projects/{project}/snapshots", { project }, {}, { ...asked, limit: 1 }).then((run) => {
          if (current) this.taken = run.snapshot;
          return run.snapshot;
        }, () => null));
      this.#keep = keep;
      const timer = setTimeout(() => void keep(), KEEP_AFTER_MS);
      return () => {
        current = false;
        this.#keep = null;
        clearTimeout(timer);
      };
    });
  }

  // What is in the address

  get params(): typeof router.params {
    return router.params;
  }
  get snapshot(): string {
    return this.params.get("snapshot_id") ?? "";
  }
  /** The snapshot that the address names, once it is known to be kept. */
  get shown(): Snapshot | null {
    const found = this.kept.value?.snapshot;
    return found && found.id === this.snapshot ? found : null;
  }
  /** The query as written; null while the snapshot that has it is on its way. */
  get text(): string | null {
    if (this.snapshot && !this.params.has("query")) return this.shown?.query ?? null;
    return this.params.get("query") ?? "";
  }
  get tab(): Tab {
    return TABS.find((one) => one === this.params.get("tab")) ?? "analysis";
  }
  get preset(): Preset | null {
    return PRESETS.find((one) => one === this.params.get("preset")) ?? null;
  }
  get group(): string {
    return this.params.get("group_by") ?? "";
  }
  get whole(): boolean {
    return this.params.get("whole") === "1";
  }
  get onlyErrors(): boolean {
    return this.params.get("only") === "errors";
  }
  get filter(): string {
    return this.params.get("filter") ?? "";
  }
  get layers(): readonly string[] {
    const said = (this.params.get("layers") ?? "").split(",").map((one) => LAYERS.find(([id, label]) => id === one || label === one)?.[0]);
    return said.filter((one) => one !== undefined);
  }
  get errors(): boolean {
    return this.params.get("errors") !== "0";
  }
  get node(): string | null {
    return this.params.get("node");
  }
  get window(): string {
    if (this.params.get("oldest") || this.params.get("youngest")) return "custom";
    return WINDOWS.some(([id]) => id === this.params.get("window")) ? (this.params.get("window") ?? "") : "";
  }
  /** [from, to) in µs: what the address says, or from a percentile up. */
  get range(): Range | null {
    if (this.preset) {
      const found = this.histogram.value;
      const at = found?.percentiles[this.preset];
      const last = found?.buckets.at(-1);
      return at === undefined || !last ? null : [edgeUs(bucketOf(at)), edgeUs(last.index + 1)];
    }
    const said = /^(\d+)-(\d+)$/.exec(this.params.get("range") ?? "");
    return said && Number(said[1]) < Number(said[2]) ? [Number(said[1]), Number(said[2])] : null;
  }

  // What follows from it

  /** The terms of the last text that parsed. */
  get terms(): readonly Term[] {
    return this.parsed.value?.terms ?? [];
  }
  /** When this was run, µs. */
  readonly ranUs: number = $derived.by(() => {
    void this.#runs;
    void this.parsed.value;
    void this.window;
    return Date.now() * 1e3;
  });
  get times(): Pick<Asked, "oldest_us" | "youngest_us"> {
    if (this.window === "custom") {
      const [oldest, youngest] = [this.params.get("oldest"), this.params.get("youngest")];
      return { ...(oldest ? { oldest_us: Number(oldest) } : {}), ...(youngest ? { youngest_us: Number(youngest) } : {}) };
    }
    const found = WINDOWS.find(([id]) => id === this.window);
    return found ? { oldest_us: Math.floor(this.ranUs - found[2]) } : {};
  }
  /** The first answer is on its way for so long that it should be seen: the query is being read, or its spans counted. */
  readonly slow = $derived.by(() => this.histogram.slow || (!this.bounds && (this.parsed.slow || this.kept.slow)));

  /** Whether anything can be asked: the query was read, or the last one before it; the snapshot is known to be kept, else each part of the page would say that it is not. */
  get readable(): boolean {
    return (!this.snapshot || this.shown !== null) && (this.#inherits || this.parsed.value !== undefined);
  }
  /** The snapshot has its own query. */
  get #inherits(): boolean {
    return this.snapshot !== "" && !this.params.has("query");
  }
  readonly #wanted: Asked | null = $derived.by(() => {
    void this.#runs;
    void session.sent;
    if (!this.readable) return null;
    const [{ value, running }, snapshot] = [this.parsed, this.snapshot];
    if (this.#inherits) return { snapshot };
    if (running || !value) return null;
    return { query: value.text, ...(snapshot ? { snapshot } : this.times) };
  });
  /** What nobody wants to wait for. */
  #stopped: Asked | null = $state.raw(null);
  /** All spans of the query and the window; null while the query is being read, for what was asked before is none of it, and once it was stopped. */
  readonly bounds: Asked | null = $derived(this.#wanted === this.#stopped ? null : this.#wanted);
  /** Of which spans the histogram is here: what takes the satellite long is asked only then. */
  counted: Asked | null = $state.raw(null);
  get stopped(): boolean {
    return this.#wanted !== null && !this.bounds;
  }
  /** The same within the range. */
  readonly ranged: Asked | null = $derived.by(() => {
    const bounds = this.bounds;
    if (!bounds) return null;
    if (this.preset && (!this.histogram.value || this.histogram.running)) return null;
    const range = this.range;
    return range ? { ...bounds, min_latency_us: range[0], max_latency_us: range[1] } : bounds;
  });
  /** What tables ask: within the range, narrowed by the filters that are for them only. */
  readonly table: (Asked & { readonly filter?: string; readonly whole?: boolean }) | null = $derived.by(() => {
    const ranged = this.ranged;
    if (!ranged) return null;
    const filter = this.onlyErrors ? failed(this.filter) : this.filter;
    return { ...ranged, ...(filter ? { filter } : {}), ...(this.whole ? { whole: true } : {}) };
  });
  /** How many spans are in the range, by the histogram's buckets. */
  get inRange(): number {
    const range = this.range;
    const buckets = this.histogram.value?.buckets ?? [];
    if (!range) return this.histogram.value?.count ?? 0;
    return buckets.reduce((sum, b) => sum + (edgeUs(b.index) >= range[0] && edgeUs(b.index + 1) <= range[1] ? b.count : 0), 0);
  }
  /** A link that shows the very same after the recall window has moved on, if what is shown could be kept. */
  async lasting(): Promise<{ readonly link: string; readonly lasts: boolean }> {
    const url = new URL(location.href);
    if (this.snapshot) return { link: url.href, lasts: true };
    const kept = await this.#keep?.();
    if (!kept) return { link: url.href, lasts: false };
    for (const key of ["query", "window", "oldest", "youngest"]) url.searchParams.delete(key);
    url.searchParams.set("snapshot_id", kept.id);
    return { link: url.href, lasts: true };
  }

  // How it is changed

  /** A new query: what was selected in the last result is gone, but for latencies that are `kept`. */
  ask(text: string, kept = false): void {
    this.overlaid = null;
    if (text !== this.text || this.snapshot) router.set({ query: text, ...(kept ? {} : { range: null, preset: null }), filter: null, snapshot_id: null, node: null });
    this.run();
  }
  /** Other terms of the same question: latencies that were chosen stay. */
  setTerms(terms: readonly Term[]): void {
    this.ask(predicate(terms), true);
  }
  add(key: string, value: string, negated = false): void {
    this.setTerms(added(this.terms, term(key, value, negated)));
  }
  run(): void {
    this.#runs++;
    this.parsed.again();
    if (this.text) rememberQuery(this.text);
  }
  /** Ask no more of what was asked last; what was there before stays. */
  stop(): void {
    this.#stopped = this.#wanted;
  }
  /** Brushing adjusts; it is no step to go back over. */
  setRange(range: Range | null): void {
    router.set({ range: range ? `${range[0]}-${range[1]}` : null, preset: null }, { replace: true });
  }
  setPreset(preset: Preset | null): void {
    router.set({ preset, range: null }, { replace: true });
  }
  groupBy(key: string, whole?: boolean): void {
    router.set({ group_by: key, sort: null, filter: null, tab: null, ...(whole === undefined ? {} : { whole: whole ? "1" : null }) });
  }
  /** Into one group: its spans, one row each. */
  drill(key: string, value: string | null): void {
    const filter = value === null ? predicate([absent(key)]) : `${isBuiltIn(key) ? key : quoted(key)} IN (${quoted(value)})`;
    router.set({ filter, group_by: null, sort: null });
  }
}

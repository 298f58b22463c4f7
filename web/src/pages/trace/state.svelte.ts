/* What the trace page shows, read off the address, and how it is changed. */

import { untrack } from "svelte";
import { Ask, AGAIN_S } from "../../api/ask.svelte.ts";
import { Failure, get, post } from "../../api/client.ts";
import type { Page, Span, SpanDetail, Trace, TraceTree } from "../../api/types.ts";
import { duration } from "../../format.ts";
import { router } from "../../router.svelte.ts";
import { predicate, term } from "../../query/terms.ts";
import { text } from "../../value.ts";
import { extentOf, gapsOf, isClientHalf, labelOf, linesOf, type Extent, type Gap, type Line, type Row } from "./rows.ts";
import { indexOf, merged, rowsOf } from "./tree.ts";

/** So many rows are there without being asked for; the others are asked for by hand. */
const BY_THEMSELVES = 20_000;
/** Rows of the first answer: more than a window shows; and of a page of the others. */
const [FIRST, PAGE] = [400, 4000];

export class TraceState {
  readonly answer: Ask<TraceTree>;
  /** The span selected, in full. */
  readonly detail: Ask<SpanDetail>;
  /** All spans, once something is searched for. */
  readonly spans: Ask<ReadonlyMap<string, Span>>;
  /** Ids of the spans that match, when a query is searched for. */
  readonly matching: Ask<ReadonlySet<string>>;
  /** Rows whose children are hidden. */
  collapsed: ReadonlySet<number> = $state.raw(new Set());
  /** Only this service is bright. */
  service: string | null = $state(null);
  /** The panel of a narrow page is open. */
  sheet = $state(false);
  /** The tree that more rows are on their way to, and why they did not come. */
  #growing: TraceTree | undefined = $state.raw();
  unloaded: string = $state("");
  /** Rows far down were brought for the span of the address: what lies between comes when it is asked for. */
  #far = $state(false);
  /** The span of an address that the trace does not have. */
  #lost = $state("");

  constructor() {
    this.answer = new Ask(() => {
      const [named, source] = [this.named, this.#source];
      return named && ((signal) => get("/api/v1/projects/{project}/traces/{trace_id}/tree", named, { ...source, limit: FIRST }, signal));
    });
    // The first rows are drawn at once, the others come behind; of a trace of very many, those around the span of the address.
    $effect(() => {
      const tree = this.answer.value;
      if (!tree?.next_cursor) return;
      const wanted = this.found || tree.total <= BY_THEMSELVES ? "" : this.#wantedId;
      if (wanted && wanted !== this.#lost) untrack(() => void this.#seek(wanted));
      else if (tree.rows.length < BY_THEMSELVES && !this.#far) untrack(() => void this.more());
    });
    $effect(() => () => (this.#growing = undefined));
    this.detail = new Ask(() => {
      const [named, source, span_id] = [this.named, this.#source, this.#selectedId];
      return named && span_id ? (signal) => get("/api/v1/projects/{project}/traces/{trace_id}/spans/{span_id}", { ...named, span_id }, source, signal) : null;
    });
    this.spans = new Ask(() => {
      const [named, source] = [this.named, this.#source];
      return named && this.#searching ? (signal) => allSpans(named, source, signal) : null;
    });
    this.matching = new Ask(() => {
      const [named, find, source] = [this.named, this.find, this.#source];
      return named && isQuery(find) ? (signal) => spansOf(named, find, source, signal) : null;
    });
  }

  readonly #asked: string = $derived(router.place.rest[0] ?? "");
  /** The trace of the address; null when it names none, or none of a certain project. */
  get named(): Named | null {
    return this.#asked && router.project !== "-" ? { project: router.project, trace_id: this.#asked } : null;
  }
  get #source(): { snapshot?: string } {
    const snapshot = router.params.get("snapshot_id");
    return snapshot ? { snapshot } : {};
  }

  readonly rows: readonly Row[] = $derived.by(() => (this.answer.value ? rowsOf(this.answer.value) : []));
  readonly extent: Extent = $derived.by(() => {
    const tree = this.answer.value;
    return extentOf(this.rows, tree && { from: tree.start_us, to: tree.start_us + Math.max(1, tree.duration_us) });
  });
  readonly #gaps: ReadonlyMap<number, readonly Gap[]> = $derived.by(() => gapsOf(this.rows, this.answer.value?.total ?? 0));
  readonly lines: readonly Line[] = $derived.by(() => linesOf(this.rows, this.collapsed, this.folded, this.rows.length < BY_THEMSELVES && !this.#far ? undefined : this.#gaps));
  /** The row that offsets are told from. */
  readonly root: Row | undefined = $derived.by(() => this.rowAt(this.answer.value?.root ?? -1) ?? this.rows.find((row) => !row.missing));
  readonly pathTotal: number = $derived.by(() => Math.max(1, (this.answer.value?.services ?? []).reduce((sum, one) => sum + one.path_us, 0)));

  get id(): string {
    return this.answer.value?.trace_id ?? this.#asked;
  }
  get folded(): boolean {
    return router.params.get("pairs") === "folded";
  }
  get showPath(): boolean {
    return router.params.get("path") !== "0";
  }
  get loading(): boolean {
    return this.#growing !== undefined && this.#growing === this.answer.value;
  }
  get correctSkew(): boolean {
    return router.params.get("skew") === "1";
  }
  get find(): string {
    return router.params.get("find") ?? "";
  }
  /** [from, to) in µs from the earliest start. */
  get zoom(): [number, number] | null {
    const said = /^(\d+)-(\d+)$/.exec(router.params.get("zoom") ?? "");
    return said && Number(said[1]) < Number(said[2]) ? [Number(said[1]), Number(said[2])] : null;
  }
  readonly #wantedId: string = $derived(router.params.get("span")?.toLowerCase().padStart(16, "0") ?? "");
  readonly #wanted: number | null = $derived(this.#wantedId ? this.rows.findIndex((row) => row.id === this.#wantedId && !row.missing) : null);
  /** Whether the span of the address is among the rows that are here; true when it names none. */
  get found(): boolean {
    return this.#wanted !== -1;
  }
  /** The row selected: the one of the address, else the first. -1 for none. */
  readonly selected: number = $derived.by(() => (this.#wanted !== null && this.#wanted >= 0 ? this.#wanted : this.rows.findIndex((row) => !row.missing)));
  readonly #selectedId: string = $derived(this.rows[this.selected]?.id ?? "");
  readonly #searching: boolean = $derived(this.find.trim() !== "" && !isQuery(this.find));
  /** Rows that the search finds; null while there is none. */
  readonly hits: ReadonlySet<number> | null = $derived.by(() => {
    const needle = this.find.trim().toLowerCase();
    if (!needle) return null;
    const byQuery = isQuery(this.find) ? (this.matching.value ?? new Set<string>()) : null;
    const spans = this.spans.value;
    return new Set(this.rows.flatMap((row, at) => (!row.missing && (byQuery ? byQuery.has(row.id) : matches(row, spans?.get(row.id), needle)) ? [at] : [])));
  });

  /** The row of a place in the whole tree, if it is here. */
  rowAt(place: number): Row | undefined {
    return this.rows[indexOf(this.answer.value?.rows ?? [], place)];
  }
  /** The next page of rows that are missing: of this gap alone, or whichever come first. */
  async more(gap?: Gap): Promise<void> {
    const from = gap?.from ?? this.#gaps.values().next().value?.[0]?.from;
    if (from === undefined) return;
    const page = PAGE - (from % PAGE);
    await this.#bring({ row: from, limit: gap ? Math.min(page, gap.to - from) : page });
  }
  async #seek(span: string): Promise<void> {
    this.#far = true;
    const failure = await this.#bring({ span, limit: PAGE });
    if (failure) this.#far = false;
    if (failure?.status === 404) this.#lost = span;
  }
  /** More rows to those that are here; asked for again while there is no time to answer. What went wrong is told. */
  async #bring(which: { row: number; limit: number } | { span: string; limit: number }): Promise<Failure | null> {
    const [named, tree] = [this.named, this.answer.value];
    if (!named || !tree?.next_cursor || this.loading) return null;
    this.#growing = tree;
    this.unloaded = "";
    try {
      while (this.loading) {
        try {
          const page = await get("/api/v1/projects/{project}/traces/{trace_id}/tree", named, { ...this.#source, cursor: tree.next_cursor, ...which });
          // Only to the rows that they were asked for. The first page's cursor stays: it names the moment of all pages.
          const rows = merged(tree.rows, page.rows);
          if (this.loading) this.answer.value = { ...tree, rows, next_cursor: rows.length < tree.total ? tree.next_cursor : null };
          this.unloaded = "";
          break;
        } catch (error) {
          if (!(error instanceof Failure)) throw error;
          this.unloaded = error.message;
          if (!error.passing) return error;
          await new Promise((wake) => setTimeout(wake, AGAIN_S * 1e3));
        }
      }
      return null;
    } finally {
      if (this.#growing === tree) this.#growing = undefined;
    }
  }
  /** Keep the trace, pinned, and show what is kept: the address lasts when its spans have left memory. */
  async keep(): Promise<void> {
    const tree = this.answer.value;
    if (!tree) return;
    const project = router.project;
    const query = `lightstep.trace_id IN (${tree.trace_ids.map((id) => `"${id}"`).join(", ")})`;
    const name = `Trace of ${this.root?.operation ?? tree.trace_id}`.slice(0, 200);
    const run = await post("/api/v1/projects/{project}/snapshots", { project }, {}, { query, name, limit: 1 });
    await post("/api/v1/projects/{project}/snapshots/{identifier}", { project, identifier: run.snapshot.id }, {}, { pinned: true });
    router.set({ snapshot_id: run.snapshot.id }, { replace: true });
  }

  shift(row: Row): number {
    return this.correctSkew ? row.shiftUs : 0;
  }
  offset(us: number): string {
    const from = us - (this.root?.startUs ?? us);
    return (from >= 0 ? "+" : "") + duration(from);
  }

  select(at: number, reveal = false): void {
    const row = this.rows[at];
    if (!row || row.missing) return;
    this.reveal(at);
    router.set({ span: row.id }, { replace: true });
    this.sheet = true;
    if (reveal) this.shown = { at };
  }
  /** A row that should be scrolled to. */
  shown: { readonly at: number } | null = $state.raw(null);

  reveal(at: number): void {
    const closed = new Set(this.collapsed);
    for (let parent = this.rows[at]?.parent ?? -1; parent >= 0; parent = this.rows[parent]?.parent ?? -1) closed.delete(parent);
    if (closed.size !== this.collapsed.size) this.collapsed = closed;
  }
  toggle(at: number, open = this.collapsed.has(at)): void {
    const closed = new Set(this.collapsed);
    if (open) closed.delete(at);
    else closed.add(at);
    this.collapsed = closed;
  }
  setZoom(zoom: readonly [number, number] | null): void {
    router.set({ zoom: zoom ? `${Math.round(zoom[0])}-${Math.max(Math.round(zoom[0]) + 1, Math.round(zoom[1]))}` : null }, { replace: true });
  }
  /** The next row after the selected one (or before it) for which something holds. */
  jump(by: 1 | -1, holds: (row: Row, at: number) => boolean): void {
    const n = this.rows.length;
    for (let i = 1; i <= n; i++) {
      const at = (((this.selected + by * i) % n) + n) % n;
      const row = this.rows[at];
      if (row && !row.missing && holds(row, at)) {
        this.select(at, true);
        return;
      }
    }
  }
  /** The line that shows the selected row. */
  readonly line: number = $derived.by(() => this.lines.findIndex((line) => line.at === this.selected || line.folded === this.selected));

  step(by: number): void {
    const to = Math.max(0, Math.min(this.lines.length - 1, Math.max(0, this.line) + by));
    const spans = (from: number, way: number): Line | undefined => {
      for (let i = from; i >= 0 && i < this.lines.length; i += way) {
        const line = this.lines[i];
        if (line && this.rows[line.at]?.missing === false) return line;
      }
      return undefined;
    };
    const line = spans(to, Math.sign(by)) ?? spans(to, -Math.sign(by));
    if (line) this.select(line.at, true);
  }
  /** Collapses the selected line; one with nothing open below it leads to its parent. */
  out(): void {
    const line = this.lines[this.line];
    const parent = this.rows[line?.at ?? -1]?.parent ?? -1;
    if (line?.children && !line.collapsed) this.toggle(line.at, false);
    else if (parent >= 0) this.select(parent, true);
  }
  /** Expands the selected line; one that is open leads to the first below it. */
  into(): void {
    const line = this.lines[this.line];
    if (line?.collapsed) this.toggle(line.at, true);
    else if (line?.children) this.step(1);
  }
  /** Whether what is shown is a kept copy. */
  get kept(): boolean {
    return router.params.has("snapshot_id");
  }
  readonly pairs: number = $derived.by(() => this.rows.filter((_, at) => isClientHalf(this.rows, at)).length);
}

interface Named {
  readonly project: string;
  readonly trace_id: string;
}
type Source = { snapshot?: string };

async function allSpans(named: Named, source: Source, signal: AbortSignal): Promise<ReadonlyMap<string, Span>> {
  const spans = new Map<string, Span>();
  let cursor: string | null = null;
  do {
    const page: Trace = await get("/api/v1/projects/{project}/traces/{trace_id}", named, { ...source, ...(cursor ? { cursor } : {}) }, signal);
    for (const one of page.spans) spans.set(one.span_id, one);
    cursor = page.next_cursor;
  } while (cursor);
  return spans;
}

async function spansOf({ project, trace_id }: Named, query: string, source: Source, signal: AbortSignal): Promise<ReadonlySet<string>> {
  const ids = new Set<string>();
  let cursor: string | null = null;
  do {
    const asked = { ...source, query, filter: predicate([term("lightstep.trace_id", trace_id)]), limit: 1000, ...(cursor ? { cursor } : {}) };
    const page: Page = await get("/api/v1/projects/{project}/spans", { project }, asked, signal);
    for (const one of page.spans) ids.add(one.span_id);
    cursor = page.next_cursor;
  } while (cursor);
  return ids;
}

/** Whether what is searched for is written as a query, in one of its forms. */
const isQuery = (find: string): boolean => /\b(IN|REGEXP)\s*\(.*\)\s*$/i.test(find) || /^-?(service|operation|component|tag):\S/.test(find.trim());

function matches(row: Row, span: Span | undefined, needle: string): boolean {
  if (row.missing) return false;
  const has = (part: string): boolean => part.toLowerCase().includes(needle);
  if (has(row.service) || has(row.operation) || has(labelOf(row)) || has(row.id)) return true;
  if (!span) return false;
  const pairs = (fields: object): boolean => Object.entries(fields).some(([key, value]) => has(`${key}=${text(value)}`));
  return pairs(span.tags) || span.logs.some((log) => pairs(log.fields));
}

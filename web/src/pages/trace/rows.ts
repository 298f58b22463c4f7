/* The rows of a trace: which are shown, and where. Pure layout; what they mean comes from the satellite. */

export interface Row {
  /** Its place in the whole tree, of which some rows may not be here. */
  readonly place: number;
  readonly id: string;
  readonly traceId: string;
  /** Index of the parent's row; -1 at the top. */
  readonly parent: number;
  readonly depth: number;
  /** How many rows lie below it, at any depth, and how many of them are here. */
  readonly below: number;
  readonly loaded: number;
  readonly errorsBelow: number;
  /** A span that others name as their parent and that never arrived. */
  readonly missing: boolean;
  readonly service: string;
  readonly operation: string;
  readonly kind: string | null;
  readonly component: string | null;
  readonly startUs: number;
  readonly durationUs: number;
  readonly error: boolean;
  /** On the critical path, µs; and the pieces of it, absolute. */
  readonly pathUs: number;
  readonly segments: readonly Piece[];
  readonly selfUs: number;
  /** How long before its parent it starts. */
  readonly skewUs: number;
  /** How far it is moved when skew is corrected. */
  readonly shiftUs: number;
  /** The row of the other half of a call through two sidecars; -1 without one. */
  readonly pair: number;
  /** The client's time that the server half did not see. */
  readonly betweenUs: number;
  /** The tag that alone says that it belongs below its parent; "" when it names its parent. */
  readonly joined: string;
  /** When it logged, absolute µs. */
  readonly logsUs: readonly number[];
}

/** «productpage.default: proxy client»: the service, then component and kind. */
export function labelOf(row: Row): string {
  const rest = row.component ? [row.component, row.kind ?? ""].join(" ").trim() : (row.kind ?? "");
  return rest ? `${row.service}: ${rest}` : row.service;
}

/** A client whose other half is the server below it. */
export const isClientHalf = (rows: readonly Row[], at: number): boolean => {
  const row = rows[at];
  return row !== undefined && row.pair >= 0 && rows[row.pair]?.parent === at;
};

/** Rows that are not here, places [from, to), all below one row. */
export interface Gap {
  /** Index of that row; -1 at the top. */
  readonly parent: number;
  readonly from: number;
  readonly to: number;
}

/** What is missing behind each row (by its index): below itself first, then below what it lies in. */
export function gapsOf(rows: readonly Row[], total: number): ReadonlyMap<number, readonly Gap[]> {
  const gaps = new Map<number, Gap[]>();
  rows.forEach((row, at) => {
    const end = rows[at + 1]?.place ?? total;
    let from = row.place + 1;
    if (from >= end) return;
    const behind: Gap[] = [];
    for (let parent = at; parent >= 0 && from < end; parent = rows[parent]?.parent ?? -1) {
      const inner = rows[parent] as Row;
      const to = Math.min(end, inner.place + inner.below + 1);
      if (to > from) behind.push({ parent, from, to });
      from = Math.max(from, to);
    }
    if (from < end) behind.push({ parent: -1, from, to: end });
    gaps.set(at, behind);
  });
  return gaps;
}

export interface Line {
  /** The row; -1 for one that stands for rows that are not here. */
  readonly at: number;
  readonly gap?: Gap;
  readonly depth: number;
  /** The server half that is drawn in the same line. */
  readonly folded: number;
  readonly collapsed: boolean;
  readonly children: boolean;
}

/** The lines of the waterfall: what is collapsed is left out, and pairs are one line each when they are folded. */
export function linesOf(rows: readonly Row[], collapsed: ReadonlySet<number>, foldPairs: boolean, gaps: ReadonlyMap<number, readonly Gap[]> = new Map()): Line[] {
  const lines: Line[] = [];
  const depths = new Map<number, number>([[-1, -1]]);
  for (let at = 0; at < rows.length; at++) {
    const row = rows[at] as Row;
    const folded = foldPairs && isClientHalf(rows, at) ? row.pair : -1;
    const depth = (depths.get(row.parent) ?? -1) + 1;
    depths.set(at, depth);
    const inner = folded >= 0 ? (rows[folded] as Row) : row;
    const children = inner.below > 0;
    const closed = collapsed.has(at) && children;
    lines.push({ at, depth, folded, collapsed: closed, children });
    if (folded >= 0) depths.set(folded, depth);
    const first = at;
    if (closed) at += row.loaded;
    else if (folded === at + 1) at++;
    for (const gap of gaps.get(at) ?? [])
      if (!closed || gap.parent < first) lines.push({ at: -1, gap, depth: (depths.get(gap.parent) ?? -1) + 1, folded: -1, collapsed: false, children: false });
  }
  return lines;
}

export type Piece = readonly [from: number, to: number];

/** Pieces of time as an eye can tell them apart, in order: what begins less than `apart` behind the end of the one before is one with it. */
export function toldApart(pieces: readonly Piece[], apart: number): Piece[] {
  const told: [from: number, to: number][] = [];
  for (const [from, to] of [...pieces].sort((a, b) => a[0] - b[0])) {
    const last = told.at(-1);
    if (last && from - last[1] < apart) last[1] = Math.max(last[1], to);
    else told.push([from, to]);
  }
  return told;
}

/** Lanes of the flame map at most: more would be too thin to see. */
export const LANES = 52;

/** Lanes of the flame map: by depth; a span of some length moves down to a free lane, or to the one that is free first, short ones keep their depth. */
export function lanesOf(rows: readonly Row[], totalUs: number): Int32Array {
  const lanes = new Int32Array(rows.length);
  const busy = Array.from({ length: LANES }, (): [from: number, to: number][] => []);
  const until = new Float64Array(LANES);
  const free = (lane: number, from: number, to: number): boolean => !busy[lane]?.some(([a, b]) => a < to && b > from);
  rows.forEach((row, at) => {
    const above = row.parent < 0 ? -1 : (lanes[row.parent] as number);
    if (row.missing) {
      lanes[at] = above;
      return;
    }
    const depth = Math.min(above + 1, LANES - 1);
    let lane = depth;
    if (row.durationUs > totalUs * 0.012) {
      const end = row.startUs + row.durationUs;
      while (lane < LANES && !free(lane, row.startUs, end)) lane++;
      if (lane < LANES) busy[lane]?.push([row.startUs, end]);
      else for (let other = (lane = depth); other < LANES; other++) if ((until[other] as number) < (until[lane] as number)) lane = other;
      until[lane] = Math.max(until[lane] as number, end);
    }
    lanes[at] = lane;
  });
  return lanes;
}

const [SECOND, MINUTE, HOUR, DAY] = [1e6, 60e6, 3600e6, 86_400e6];
const CLOCK_STEPS = [30 * SECOND, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY];

/** A step in µs of 1, 2 or 5, from half a minute on as clocks count, that makes about so many ticks. */
export function niceStep(span: number, ticks: number): number {
  const raw = Math.max(span, 1e-6) / ticks;
  if (raw > DAY) return DAY * Math.ceil(raw / DAY);
  if (raw > 20 * SECOND) return CLOCK_STEPS.find((step) => step >= raw) ?? DAY;
  const power = 10 ** Math.floor(Math.log10(raw));
  const share = raw / power;
  return (share > 5 ? 10 : share > 2 ? 5 : share > 1 ? 2 : 1) * power;
}

/** The label of a tick of a linear time axis, with as many digits as its step has. */
export function tickLabel(us: number, step: number, minus: string, narrow: string): string {
  if (Math.abs(us) < step / 1e3) return "0";
  if (step >= 30 * SECOND) {
    const [seconds, days] = [Math.round(Math.abs(us) / SECOND), step >= DAY];
    const parts = [[days ? Math.floor(seconds / 86_400) : 0, "d"], [Math.floor((days ? seconds % 86_400 : seconds) / 3600), "h"], [Math.floor(seconds / 60) % 60, "min"], [seconds % 60, "s"]] as const;
    return (us < 0 ? minus : "") + parts.filter(([n]) => n).map(([n, unit]) => n + narrow + unit).join(narrow);
  }
  const [size, unit] = Math.abs(us) >= 1e6 && step >= 1e4 ? [1e6, "s"] : step >= 10 || Math.abs(us) >= 1e4 ? [1e3, "ms"] : [1, "µs"];
  const digits = Math.max(0, -Math.floor(Math.log10(step / size) + 1e-9));
  return `${(us / size).toFixed(Math.min(3, digits)).replace("-", minus)}${narrow}${unit}`;
}

export interface Extent {
  readonly from: number;
  readonly to: number;
}

/** From the earliest start to the latest end: `known` of the whole trace, of which these rows may be a part. */
export function extentOf(rows: readonly Row[], known?: Extent): Extent {
  let [from, to] = known ? [known.from, known.to] : [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const row of rows) {
    if (row.missing) continue;
    from = Math.min(from, row.startUs);
    to = Math.max(to, row.startUs + row.durationUs);
  }
  return from <= to ? { from, to: Math.max(to, from + 1) } : { from: 0, to: 1 };
}

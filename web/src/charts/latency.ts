/* The logarithmic axis of latencies: 20 buckets to a power of ten, as the satellite counts them. Pure functions. */

import { durationTick } from "../format.ts";

export const PER_DECADE = 20;

export interface Bucket {
  readonly index: number;
  readonly count: number;
  readonly errors?: number;
}
/** Whole µs, `[from, to)`. */
export type Range = readonly [from: number, to: number];

/** The lower edge of a bucket in µs, not rounded. */
export const edge = (index: number): number => 10 ** (index / PER_DECADE);
/** The edge as the API takes it: the least whole µs in the bucket. */
export const edgeUs = (index: number): number => Math.ceil(edge(index) - 1e-6);
/** The bucket of a duration. */
export const bucketOf = (us: number): number => Math.floor(PER_DECADE * Math.log10(Math.max(us, 1)) + 1e-9);
/** The edge nearest to a duration, for a range that was made of edges. */
export const nearestEdge = (us: number): number => Math.round(PER_DECADE * Math.log10(Math.max(us, 1)));

export interface Axis {
  /** Bucket indices: the first shown, and one past the last. */
  readonly lo: number;
  readonly hi: number;
}

/** The result with two buckets of air on either side, and at least two decades. */
export function axisOf(buckets: readonly Bucket[]): Axis {
  if (!buckets.length) return { lo: 3 * PER_DECADE, hi: 6 * PER_DECADE };
  let lo = Math.max(0, Math.min(...buckets.map((b) => b.index)) - 2);
  let hi = Math.max(...buckets.map((b) => b.index)) + 3;
  const lacking = 2 * PER_DECADE - (hi - lo);
  if (lacking > 0) {
    lo = Math.max(0, lo - Math.ceil(lacking / 2));
    hi = Math.max(hi + Math.floor(lacking / 2), lo + 2 * PER_DECADE);
  }
  return { lo, hi };
}

interface Step {
  readonly us: number;
  /** 0: always with a label, 1: where there is room, 2: never. */
  readonly rank: 0 | 1 | 2;
}
const ranked = (unit: number, rank: Step["rank"], ...times: number[]): Step[] => times.map((n) => ({ us: n * unit, rank }));
const [SECOND, MINUTE, HOUR, DAY] = [1e6, 60e6, 3600e6, 86_400e6];
/** Where an axis may have a mark: 1 … 9 of each power of ten, from a minute on what clocks count. */
const STEPS: readonly Step[] = [
  ...[1, 10, 100, 1e3, 1e4, 1e5, SECOND, 10 * SECOND].flatMap((unit) => [...ranked(unit, 0, 1), ...ranked(unit, 1, 2, 5), ...ranked(unit, 2, 3, 4, 6, 7, 8, 9)]).filter(({ us }) => us < 50 * SECOND),
  ...ranked(MINUTE, 0, 1, 10), ...ranked(MINUTE, 1, 2, 5, 30),
  ...ranked(HOUR, 0, 1), ...ranked(HOUR, 1, 2, 5, 12),
  ...ranked(DAY, 0, 1, 10, 100), ...ranked(DAY, 1, 2, 5, 20, 50),
].toSorted((a, b) => a.us - b.us);

/** The marks of an axis of latency that always have a label, µs. */
export const mainSteps = (fromUs: number, toUs: number): number[] => STEPS.filter(({ us, rank }) => rank === 0 && us >= fromUs && us <= toUs).map(({ us }) => us);

/** An axis whose ends can be its labels. */
export function roundAxis(buckets: readonly Bucket[]): Axis & { readonly fromUs: number; readonly toUs: number } {
  const raw = axisOf(buckets);
  const round = STEPS.filter(({ rank }) => rank < 2);
  const fromUs = round.findLast(({ us }) => us <= edge(raw.lo) * 1.001)?.us ?? edge(raw.lo);
  const toUs = round.find(({ us }) => us >= edge(raw.hi) * 0.999)?.us ?? edge(raw.hi);
  return { lo: PER_DECADE * Math.log10(fromUs), hi: PER_DECADE * Math.log10(toUs), fromUs, toUs };
}

export interface Tick {
  readonly x: number;
  readonly label: string;
  readonly major: boolean;
}

/** Labels at the decades, and at 2 and 5 where a decade is wide; marks between them. */
export function xTicks(axis: Axis, width: number): Tick[] {
  const wide = (width / (axis.hi - axis.lo)) * PER_DECADE >= 190;
  return STEPS.map(({ us, rank }) => ({ x: ((PER_DECADE * Math.log10(us) - axis.lo) / (axis.hi - axis.lo)) * width, label: rank === 0 || (rank === 1 && wide) ? durationTick(us) : "", major: rank === 0 })).filter(({ x }) => x >= -0.5 && x <= width + 0.5);
}

/** 1, 10, 100, 1k, … up to the largest count. */
export function yTicks(most: number): number[] {
  const ticks: number[] = [];
  for (let n = 1; n <= Math.max(most, 1); n *= 10) ticks.push(n);
  return ticks.length > 5 ? ticks.filter((_, i) => i % 2 === (ticks.length - 1) % 2) : ticks;
}

/** The height of a count, of `full` for `most`: log10(n + 1). */
export const heightOf = (n: number, most: number, full: number): number => (full * Math.log10(n + 1)) / Math.log10(Math.max(most, 1) + 1);

export interface Mark {
  readonly name: string;
  readonly us: number;
  readonly x: number;
  readonly lane: number;
  /** The label stands left of its line. */
  readonly flipped: boolean;
}

/** Percentiles with their labels in two lanes; one that would overlap is left out. */
export function marksOf(percentiles: Readonly<Record<string, number>>, axis: Axis, width: number, label: (name: string, us: number) => string): Mark[] {
  const lanes: [number, number][][] = [[], []];
  const marks: Mark[] = [];
  for (const [name, us] of Object.entries(percentiles)) {
    const x = ((PER_DECADE * Math.log10(Math.max(us, 1)) - axis.lo) / (axis.hi - axis.lo)) * width;
    const long = label(name, us).length * 6.6 + 8;
    const flipped = x + long > width;
    const [from, to] = flipped ? [x - long, x + 3] : [x - 3, x + long];
    const lane = lanes.findIndex((taken) => taken.every(([a, b]) => to < a || from > b));
    if (lane < 0 || from < -46) continue;
    lanes[lane]?.push([from, to]);
    marks.push({ name, us, x, lane, flipped });
  }
  return marks;
}

/** The outline of a layer as the path of an SVG. */
export function outline(buckets: readonly Bucket[], axis: Axis, x: (index: number) => number, y: (n: number) => number, base: number): string {
  const counts = new Map(buckets.map((b) => [b.index, b.count]));
  let path = "";
  let before = 0;
  for (let i = axis.lo; i < axis.hi; i++) {
    const n = counts.get(i) ?? 0;
    if (n) path += `${before ? "L" : `M${x(i).toFixed(1)} ${base}L`}${x(i).toFixed(1)} ${y(n).toFixed(1)}H${x(i + 1).toFixed(1)}`;
    else if (before) path += `V${base}`;
    before = n;
  }
  return before ? `${path}V${base}` : path;
}

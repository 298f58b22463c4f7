/* Numbers, times and names as people read them. Units are part of a number; digits stand below each other. */

import { recall, remember } from "./storage.ts";

export const NARROW = "\u202f";
export const MINUS = "\u2212";

/** Three significant digits, however the rounding falls: 9.996 is 10.0. */
export function significant(value: number): string {
  const rounded = Number(value.toPrecision(3));
  const size = Math.abs(rounded);
  return rounded.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2);
}

/** What the API says of a duration: whole µs, and ns beside them where those are not all of it. */
export interface Lasting {
  readonly duration_us: number;
  readonly duration_ns?: number | null;
}

/** µs with the part of one that `duration_us` leaves out. */
export const exactUs = (one: Lasting): number => (one.duration_ns == null ? one.duration_us : one.duration_ns / 1e3);

/** [number, unit]: ns below one µs, whole µs, then ms, then s from 999.5 ms; from one minute on two units. Only zero is «0 µs». */
export function durationParts(us: number): [string, string] {
  const size = Math.abs(us);
  const sign = us < 0 ? MINUS : "";
  if (size === 0) return ["0", "µs"];
  if (size < 0.9995) return [sign + String(Math.max(1, Math.round(size * 1e3))), "ns"];
  if (size < 999.5) return [sign + size.toFixed(0), "µs"];
  if (size < 999_500) return [sign + significant(size / 1e3), "ms"];
  if (size < 59.95e6) return [sign + significant(size / 1e6), "s"];
  const seconds = Math.round(size / 1e6);
  if (seconds < 3600) return [`${sign}${Math.floor(seconds / 60)}${NARROW}m${NARROW}${pad(seconds % 60)}`, "s"];
  const minutes = Math.round(seconds / 60);
  return [`${sign}${Math.floor(minutes / 60)}${NARROW}h${NARROW}${pad(minutes % 60)}`, "m"];
}

export const duration = (us: number): string => durationParts(us).join(NARROW);

/** For axes: round numbers without superfluous digits. */
export function durationTick(us: number): string {
  const [value, unit] = us > 0 && us < 0.9995 ? [us * 1e3, "ns"] : us < 1e3 ? [us, "µs"] : us < 1e6 ? [us / 1e3, "ms"] : us < 6e7 ? [us / 1e6, "s"] : us < 36e8 ? [us / 6e7, "min"] : us < 864e8 ? [us / 36e8, "h"] : [us / 864e8, "d"];
  return `${Number(value.toPrecision(3))}${NARROW}${unit}`;
}

/** By comma; what browsers have for it takes some ms to begin with. */
const grouped = (n: number): string => String(n).replace(/^(-?\d+)/, (whole) => whole.replace(/\B(?=(\d{3})+$)/g, ","));

export const count = (n: number): string => grouped(Math.round(n));

/** For axes: a rate without superfluous digits. */
export const rateTick = (perSecond: number): string => (perSecond ? `${grouped(Number(perSecond.toPrecision(3)))}${NARROW}/s` : "0");

/** 61k: for axes and the top bar only. */
export function countShort(n: number): string {
  if (n >= 999_500) return `${Number((n / 1e6).toPrecision(n < 9.95e6 ? 2 : 3))}M`;
  if (n >= 9_950) return `${Math.round(n / 1e3)}k`;
  if (n >= 1e3) return `${Number((n / 1e3).toFixed(1))}k`;
  return String(n);
}

/** A name in a sentence where no `<bdi>` can be: what is written from right to left stays by itself. */
export const isolated = (name: string): string => `\u2068${name}\u2069`;

export const plural = (n: number, one: string, many = `${one}s`): string => `${count(n)} ${n === 1 ? one : many}`;

/** A share: one decimal below 10 and from 99.5 on, else none; never 100 % of what is not all. */
export function percent(ratio: number): string {
  if (!ratio) return `0${NARROW}%`;
  const value = ratio * 100;
  if (value < 0.1) return `<${NARROW}0.1${NARROW}%`;
  if (value >= 99.95 && value < 100) return `>${NARROW}99.9${NARROW}%`;
  return `${value < 9.95 || (value >= 99.5 && value < 100) ? value.toFixed(1) : value.toFixed(0)}${NARROW}%`;
}

export function bytes(n: number): string {
  if (n < 1e3) return `${n}${NARROW}B`;
  const [value, unit] = n < 999_500 ? [n / 1e3, "kB"] : n < 999.5e6 ? [n / 1e6, "MB"] : [n / 1e9, "GB"];
  return `${significant(value)}${NARROW}${unit}`;
}

export function rate(perSecond: number): string {
  const value = perSecond >= 100 ? count(perSecond) : perSecond > 0 && perSecond < 0.01 ? `<${NARROW}0.01` : significant(perSecond);
  return `${value}${NARROW}/s`;
}

export const signed = (value: number, digits = 2): string =>
  (Number(value.toFixed(digits)) === 0 ? "" : value > 0 ? "+" : MINUS) + Math.abs(value).toFixed(digits);

// Times: UTC unless this browser was told otherwise, and always with a label near.

const ZONE = "satellite.zone";
let local = recall(ZONE) === "local";
export const isLocal = (): boolean => local;
/** Show times of this place instead of UTC, from now on. */
export function useLocalTime(on: boolean): void {
  local = on;
  remember(ZONE, on ? "local" : "utc");
}
export const zone = (): string => (local ? "local time" : "UTC");

const pad = (n: number, width = 2): string => String(n).padStart(width, "0");

function fields(us: number): [number, number, number, number, number, number] {
  const d = new Date(Math.floor(us / 1e3));
  return local
    ? [d.getFullYear(), d.getMonth() + 1, d.getDate(), d.getHours(), d.getMinutes(), d.getSeconds()]
    : [d.getUTCFullYear(), d.getUTCMonth() + 1, d.getUTCDate(), d.getUTCHours(), d.getUTCMinutes(), d.getUTCSeconds()];
}

/** 10:38:37.010; `digits` of the second. */
export function clock(us: number, digits = 3): string {
  const [, , , hours, minutes, seconds] = fields(us);
  const fraction = ((us % 1e6) + 1e6) % 1e6;
  const text = `${pad(hours)}:${pad(minutes)}:${pad(seconds)}`;
  return digits ? `${text}.${pad(Math.floor(fraction), 6).slice(0, digits)}` : text;
}

/** For axes: the clock as exact as its ticks are apart; where they are hours apart, midnight is the day that begins. */
export function clockTick(us: number, stepUs: number): string {
  if (stepUs >= 10_800e6 && clock(us, 0) === "00:00:00") return day(us).slice(5);
  return stepUs >= 60e6 ? clock(us, 0).slice(0, 5) : clock(us, stepUs >= 1e6 ? 0 : 3);
}

/** 2026-11-25 */
export function day(us: number): string {
  const [year, month, date] = fields(us);
  return `${pad(year, 4)}-${pad(month)}-${pad(date)}`;
}

/** The clock, with the date when it is not today. */
export function moment(us: number, nowUs: number, digits = 3): string {
  return day(us) === day(nowUs) ? clock(us, digits) : `${day(us)} ${clock(us, digits)}`;
}

/** Since when something is: to the minute, with the date when it is not today. */
export const since = (us: number, nowUs: number): string => (day(us) === day(nowUs) ? "" : `${day(us)} `) + clock(us, 0).slice(0, 5);

/** «today 10:57:51», for sentences. */
export function when(us: number, nowUs: number): string {
  const dayBefore = day(nowUs - 86_400e6);
  const label = day(us) === day(nowUs) ? "today" : day(us) === dayBefore ? "yesterday" : day(us);
  return `${label} ${clock(us, 0)}`;
}

/** 4 min ago: for menus and lists only. */
export function ago(us: number): string {
  const minutes = Math.round(us / 6e7);
  if (minutes < 1) return "just now";
  if (minutes < 60) return `${minutes} min ago`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} h ago` : `${Math.round(hours / 24)} days ago`;
}

import { afterEach, describe, expect, test, vi } from "vitest";
import { bareSlot, fnv1a } from "../src/colour.svelte.ts";
import { bytes, clockTick, count, countShort, duration, durationTick, exactUs, percent, rateTick, signed, since, useLocalTime } from "../src/format.ts";
import { read, written } from "../src/query/times.ts";

const plain = (text: string): string => text.replaceAll("\u202f", " ").replaceAll("\u2212", "-");

describe("durations have three significant digits and a unit", () => {
  test.each([
    [0, "0 µs"], [0.0004, "1 ns"], [0.3, "300 ns"], [0.999, "999 ns"], [0.9997, "1 µs"], [-0.05, "-50 ns"], [1, "1 µs"], [999, "999 µs"], [999.6, "1.00 ms"], [4_120, "4.12 ms"], [9_996, "10.0 ms"], [41_200, "41.2 ms"], [412_000, "412 ms"],
    [999_499, "999 ms"], [999_500, "1.00 s"], [1_060_000, "1.06 s"], [59_940_000, "59.9 s"], [72_000_000, "1 m 12 s"], [90_000e6, "25 h 00 m"], [-2_300, "-2.30 ms"],
  ])("%d µs", (us, text) => expect(plain(duration(us))).toBe(text));
  test("ticks are short", () => expect([0, 0.25, 1, 500, 1e3, 2e4, 1e6, 6e7, 72e8].map((us) => plain(durationTick(us)))).toEqual(["0 µs", "250 ns", "1 µs", "500 µs", "1 ms", "20 ms", "1 s", "1 min", "2 h"]));
});

test("what duration_us leaves out is in duration_ns", () => {
  expect(plain(duration(exactUs({ duration_us: 0, duration_ns: 999 })))).toBe("999 ns");
  expect(exactUs({ duration_us: 7, duration_ns: null })).toBe(7);
  expect(exactUs({ duration_us: 7 })).toBe(7);
});

test("counts are grouped, and shortened only for axes", () => {
  expect([0, 999, 2941, 1_234_567.4, -1234, 12_345_678_901].map(count)).toEqual(["0", "999", "2,941", "1,234,567", "-1,234", "12,345,678,901"]);
  expect([10, 1_000, 1_500, 60_845, 999_700, 12_300_000].map(countShort)).toEqual(["10", "1k", "1.5k", "61k", "1M", "12.3M"]);
});

test("shares", () => {
  expect([0, 0.0004, 0.02, 0.0995, 0.29, 0.994, 0.999, 0.9999, 1].map((share) => plain(percent(share)))).toEqual(["0 %", "< 0.1 %", "2.0 %", "10 %", "29 %", "99 %", "99.9 %", "> 99.9 %", "100 %"]);
  expect([0.8, -0.99, 0.001].map((score) => plain(signed(score)))).toEqual(["+0.80", "-0.99", "0.00"]);
  expect(plain(bytes(10_600_000))).toBe("10.6 MB");
});

test("a service's bare slot comes from FNV-1a of its name", () => {
  expect(fnv1a("")).toBe(0x811c9dc5);
  expect(fnv1a("a")).toBe(0xe40c292c);
  expect(bareSlot("a")).toBe((0xe40c292c >>> 16) % 14);
});

test("axes of time and rates say no more than their ticks are apart", () => {
  const at = Date.UTC(2026, 10, 25, 3, 0, 7) * 1e3 + 250_000;
  expect([3600e6, 5e6, 1e5].map((step) => clockTick(at, step))).toEqual(["03:00", "03:00:07", "03:00:07.250"]);
  expect(clockTick(Date.UTC(2026, 10, 25) * 1e3, 86_400e6)).toBe("11-25");
  expect([since(at, at + 60e6), since(at, at + 86_400e6)]).toEqual(["03:00", "2026-11-25 03:00"]);
  expect([0, 0.5, 2, 1500].map((one) => plain(rateTick(one)))).toEqual(["0", "0.5 /s", "2 /s", "1,500 /s"]);
});

describe("times of this place", () => {
  afterEach(() => {
    useLocalTime(false);
    vi.unstubAllGlobals();
  });
  test("are shown again when the page is loaded anew", async () => {
    const kept = new Map<string, string>();
    vi.stubGlobal("localStorage", { getItem: (key: string) => kept.get(key) ?? null, setItem: (key: string, value: string) => void kept.set(key, value) });
    useLocalTime(true);
    vi.resetModules();
    const again = await import("../src/format.ts");
    expect([again.isLocal(), again.zone()]).toEqual([true, "local time"]);
  });
  test("change nothing of a window, which is written in UTC", () => {
    useLocalTime(true);
    expect(written(Date.UTC(2026, 10, 25, 10, 38, 37) * 1e3 + 10_000)).toBe("2026-11-25 10:38:37.010");
  });
});

test("a time that is written can be read, and so can what logs have", () => {
  const at = Date.UTC(2026, 10, 25, 10, 38, 37) * 1e3;
  for (const us of [at, at + 10_000, at + 123_456, at + 1, -1]) expect(read(written(us))).toBe(us);
  expect(["2026-11-25T10:38:37Z", "2026-11-25 10:38:37.5 UTC", "2026-11-25 10:38", String(at / 1e3), ` ${at}000 `].map(read)).toEqual([at, at + 500_000, at - 37e6, at, at]);
  expect([1e20, Number.NaN].map(written)).toEqual(["100000000000000000000", "NaN"]);
  expect(["", "yesterday", "2026-11-25", "2026-13-25 10:38"].map(read)).toEqual([null, undefined, undefined, undefined]);
});

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

const css = readFileSync(new URL("../src/tokens.css", import.meta.url), "utf8");
const tokens = new Map([...css.matchAll(/--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)/g)].map(([, name, light, dark]) => [name as string, [light, dark] as [string, string]]));
const SURFACES = ["bg", "panel", "raised", "sunken", "hover"];

function luminance(hex: string): number {
  const [r, g, b] = [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16) / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
function contrast(a: string, b: string, theme: 0 | 1): number {
  const [x, y] = [luminance(tokens.get(a)?.[theme] ?? ""), luminance(tokens.get(b)?.[theme] ?? "")];
  return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
}

describe.each([["light", 0], ["dark", 1]] as const)("in the %s theme", (_, theme) => {
  const text = ["ink-2", "ink-3", "link", "accent-text", "error-text", "good-text", "warn-text"];
  test.each(SURFACES.flatMap((surface) => text.map((ink) => [ink, surface] as const)))("%s reads on %s", (ink, surface) => expect(contrast(ink, surface, theme)).toBeGreaterThanOrEqual(4.5));
  test.each(SURFACES)("ink stands out on %s", (surface) => expect(contrast("ink", surface, theme)).toBeGreaterThanOrEqual(7));
  test.each([["on-accent", "accent"], ["on-error", "error"], ["tip-ink", "tip"], ["error-text", "error-wash"], ["good-text", "good-wash"], ["warn-text", "warn-wash"], ["accent-text", "accent-wash"], ["ink", "select-wash"], ["ink-2", "chip"]] as const)("%s reads on %s", (ink, surface) => expect(contrast(ink, surface, theme)).toBeGreaterThanOrEqual(4.5));
  test.each(["data", "select", "error", "control-line", "focus", "path", "svc-none"])("%s is seen on a panel", (mark) => expect(contrast(mark, "panel", theme)).toBeGreaterThanOrEqual(3));
  test.each(Array.from({ length: 14 }, (_, i) => i + 1))("text on the bar of service %d", (n) => expect(contrast(`svc-${n}-ink`, `svc-${n}`, theme)).toBeGreaterThanOrEqual(4.5));
});

/* Times as people write them: in UTC, as text that can be copied from a log. */

/** 2026-11-25 10:38:37.010, with µs where there are any; the number itself where no calendar has it, as an address may. */
export function written(us: number): string {
  const date = new Date(Math.floor(us / 1e3));
  if (Number.isNaN(date.getTime())) return String(us);
  const beyondMs = ((us % 1e3) + 1e3) % 1e3;
  return date.toISOString().slice(0, 23).replace("T", " ") + (beyondMs ? String(Math.floor(beyondMs)).padStart(3, "0") : "");
}

/** µs; null for nothing, undefined for what is no time. Taken are also ms, µs and ns since 1970. */
export function read(text: string): number | null | undefined {
  const said = text.trim();
  if (!said) return null;
  if (/^\d{13,}$/.test(said)) return Number(said.slice(0, 16).padEnd(16, "0"));
  const [, day, clock, fraction = ""] = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d(?:\.(\d+))?)?)\s*Z?(?:UTC)?$/.exec(said) ?? [];
  const ms = day && clock ? Date.parse(`${day}T${clock.split(".")[0]}Z`) : Number.NaN;
  return Number.isNaN(ms) ? undefined : ms * 1e3 + Number(fraction.slice(0, 6).padEnd(6, "0"));
}

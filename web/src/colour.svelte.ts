/* Which of the 14 service colours a name has. The server assigns them in order of arrival; a name that it has not
   said yet falls back to the bare hash. */

export const SLOTS = 14;

/** FNV-1a, 32 bits, over UTF-8. */
export function fnv1a(name: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}

/** From 0: the slot of a name that nobody assigned. */
export const bareSlot = (name: string): number => (fnv1a(name) >>> 16) % SLOTS;

class Directory {
  slots: ReadonlyMap<string, number> = $state.raw(new Map());
}
const directory = new Directory();

/** What the service directory says: name → slot, from 0. */
export function learnSlots(services: Iterable<readonly [string, number]>): void {
  const said = new Map(services);
  // The same again colours nothing anew.
  if (said.size !== directory.slots.size || [...said].some(([name, slot]) => directory.slots.get(name) !== slot)) directory.slots = said;
}

const slotOf = (name: string): number => (directory.slots.get(name) ?? bareSlot(name)) % SLOTS;

export const colour = (name: string | null): string => (name === null ? "var(--svc-none)" : `var(--svc-${slotOf(name) + 1})`);
/** The colour of text on a bar of that service. */
export const ink = (name: string | null): string => (name === null ? "var(--ink-2)" : `var(--svc-${slotOf(name) + 1}-ink)`);

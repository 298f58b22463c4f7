/* Which keys do what, once: the sheet shows it, the pages listen by it. */

import { recall, remember } from "./storage.ts";

export const SHEET: readonly (readonly [string, readonly (readonly [keys: string, what: string])[]])[] = [
  ["Everywhere", [
    ["?", "this sheet"],
    ["p", "choose the project"],
    ["/", "to the query bar or the search box"],
    ["j k", "next, previous row, as ↓ ↑ do in a table"],
    ["Esc", "close what is open, then clear the selection"],
  ]],
  ["Explorer", [
    ["Ctrl Enter", "run the query"],
    ["t", "chips or text"],
    ["← →", "on a handle: move the range by a bucket, with Shift by five"],
    ["5 9 0", "range from p50, p95, p99"],
    ["e", "only errors"],
    ["b", "group by"],
    ["Enter", "open the trace of the row, or the group"],
    ["x", "add the row’s operation to the query"],
  ]],
  ["Trace", [
    ["j k", "next, previous span"],
    ["h l", "collapse, expand"],
    ["n N", "next, previous match"],
    ["c", "next span on the critical path"],
    ["!", "next error"],
    ["f", "fold the pairs of sidecars"],
    ["z Z", "zoom to the span, and out again"],
    ["w a s d", "zoom in, left, out, right"],
    ["y", "copy the link"],
  ]],
];

const LETTERS = "satellite.letters";
let letters = recall(LETTERS) !== "off";

/** Whether single letters do something (they may be switched off on Status). */
export const lettersOn = (): boolean => letters;
export function switchLetters(on: boolean): void {
  letters = on;
  remember(LETTERS, on ? "on" : "off");
}

/** A key pressed outside fields, menus and dialogs; "" for one that is not ours to take. */
export function plainKey(event: KeyboardEvent): string {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return "";
  if (event.key.length === 1 && !letters) return "";
  const at = event.target as HTMLElement | null;
  if (at?.closest("input:not([type=checkbox]), textarea, select, [contenteditable], [role=menu], dialog")) return "";
  if (document.querySelector("dialog[open], [role=menu]")) return "";
  return event.key;
}

/* A table, or a list of lines with controls, is one stop of Tab: arrows, Home, End and the page keys go from row to row, Tab through what the row has. */

import { plainKey } from "../keys.ts";

const CONTROLS = "a[href]:not([role]), button:not([role]), input";
const PAGE = 10;

/** The row itself, where it is focusable, and what in it is. */
function controlsOf(row: Element): HTMLElement[] {
  const inside = [...row.querySelectorAll<HTMLElement>(CONTROLS)];
  return row instanceof HTMLElement && row.hasAttribute("tabindex") ? [row, ...inside] : inside;
}

/** For a tbody. A row with `data-apart` is none of its rows: what is in there has stops of its own. `j` and `k` go to it from the whole page. */
export const rows = (body: HTMLElement): (() => void) => oneStop(body, true);

/** For a list on a page where `j` and `k` mean something else. */
export const lines = (list: HTMLElement): (() => void) => oneStop(list, false);

function oneStop(body: HTMLElement, letters: boolean): () => void {
  let current: Element | undefined;
  const all = (): Element[] => [...body.children].filter((row) => !row.hasAttribute("data-apart") && controlsOf(row).length);
  function settle(): void {
    const every = all();
    if (!current || !every.includes(current)) current = every[0];
    for (const row of every) for (const one of controlsOf(row)) if (one.tabIndex !== (row === current ? 0 : -1)) one.tabIndex = row === current ? 0 : -1;
  }
  function focused(event: FocusEvent): void {
    const row = all().find((one) => one.contains(event.target as Node));
    if (!row || row === current) return;
    current = row;
    settle();
  }
  /** Whether there is a row to go to; it gets the focus where the row before had it. */
  function go(key: string): boolean {
    const every = all();
    const at = every.findIndex((row) => row.contains(document.activeElement));
    const by = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1, PageDown: PAGE, PageUp: -PAGE, Home: -Infinity, End: Infinity }[key];
    if (by === undefined || !every.length) return false;
    const from = every[at];
    const column = from ? controlsOf(from).indexOf(document.activeElement as HTMLElement) : -1;
    const to = controlsOf(every[Math.max(0, Math.min(every.length - 1, at + by))] as Element);
    (to[column] ?? to.find((one) => one.matches("tr, a")) ?? to[0])?.focus();
    return true;
  }
  function inside(event: KeyboardEvent): void {
    const key = plainKey(event);
    if (key && (letters || key.length > 1) && all().some((row) => row.contains(event.target as Node)) && go(key)) event.preventDefault();
  }
  function anywhere(event: KeyboardEvent): void {
    const key = plainKey(event);
    if ((key === "j" || key === "k") && body.checkVisibility() && go(key)) event.preventDefault();
  }
  const watch = new MutationObserver(settle);
  watch.observe(body, { childList: true, subtree: true });
  settle();
  body.addEventListener("focusin", focused);
  body.addEventListener("keydown", inside);
  if (letters) document.addEventListener("keydown", anywhere);
  return () => {
    watch.disconnect();
    body.removeEventListener("focusin", focused);
    body.removeEventListener("keydown", inside);
    document.removeEventListener("keydown", anywhere);
  };
}

/** For a row with a link: a click beside the link is one on it. */
export function followLink(event: MouseEvent): void {
  if (!(event.target as Element).closest("a, button")) (event.currentTarget as Element).querySelector("a")?.click();
}

/* Where a popover stands: below its anchor, or above when there is no room, and inside the window. */

const GAP = 4;
const MARGIN = 8;

/** Place `pop` (position: fixed) at its anchor; it never moves the page. */
export function place(pop: HTMLElement, anchor: DOMRect, align: "start" | "end" = "start"): void {
  const box = pop.getBoundingClientRect();
  const left = align === "end" ? anchor.right - box.width : anchor.left;
  const below = anchor.bottom + GAP;
  const above = anchor.top - GAP - box.height;
  const top = below + box.height > innerHeight - MARGIN && above > MARGIN ? above : Math.min(below, Math.max(MARGIN, innerHeight - MARGIN - box.height));
  pop.style.left = `${Math.max(MARGIN, Math.min(left, innerWidth - box.width - MARGIN))}px`;
  pop.style.top = `${top}px`;
}

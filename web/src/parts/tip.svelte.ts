/* The one tooltip: what a mark of a chart stands for, near the pointer. It says nothing that is not elsewhere, too. */

export interface Tip {
  readonly title: string;
  readonly rows: readonly (readonly [string, string])[];
  readonly x: number;
  readonly y: number;
}

class Shown {
  tip: Tip | null = $state.raw(null);
}
export const shown = new Shown();

export function showTip(title: string, rows: readonly (readonly [string, string] | null | false)[], event: { clientX: number; clientY: number }): void {
  shown.tip = { title, rows: rows.filter((row) => !!row), x: event.clientX, y: event.clientY };
}
export function hideTip(): void {
  if (shown.tip) shown.tip = null;
}

/* Where the services of a diagram stand: in layers from those that nobody calls, names in order inside a layer. */

export interface Placed {
  readonly x: number;
  readonly y: number;
}
export interface Layout {
  readonly width: number;
  readonly height: number;
  readonly places: ReadonlyMap<string, Placed>;
  readonly vertical: boolean;
  /** Between the middles of two that stand side by side. */
  readonly room: number;
}

const ROW = 136;
const COLUMN = 190;
const STOREY = 156;

/** Left to right; top to bottom where there is no room for that. `layer` comes from the satellite. */
export function layout(nodes: readonly { readonly service_name: string; readonly layer: number }[], width: number): Layout {
  const layers: string[][] = [];
  for (const node of [...nodes].sort((a, b) => (a.service_name < b.service_name ? -1 : 1))) (layers[node.layer] ??= []).push(node.service_name);
  const filled = layers.filter((layer) => layer !== undefined);
  const tallest = Math.max(1, ...filled.map((layer) => layer.length));
  const vertical = width < 560;
  const places = new Map<string, Placed>();
  if (vertical) {
    const wide = Math.max(width, tallest * 116);
    const room = Math.max(116, wide / tallest);
    filled.forEach((layer, depth) => layer.forEach((name, i) => places.set(name, { x: wide / 2 + (i - (layer.length - 1) / 2) * room, y: 52 + depth * STOREY })));
    return { width: wide, height: filled.length * STOREY + 16, places, vertical, room };
  }
  const height = Math.max(300, tallest * ROW + 40);
  const column = Math.max(COLUMN, (width - 20) / Math.max(1, filled.length));
  const wide = Math.max(width, column * filled.length);
  filled.forEach((layer, depth) => layer.forEach((name, i) => places.set(name, { x: column * (depth + 0.5), y: height / 2 - 18 + (i - (layer.length - 1) / 2) * ROW })));
  return { width: wide, height, places, vertical, room: column };
}

export const RADIUS = 22;
/** Of the yellow halo: its area grows with the share of the latency. */
export const haloOf = (share: number): number => Math.round(30 * Math.sqrt(Math.max(0, Math.min(1, share))));

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
/** More services than these stand close together, without their names; and so many below each other at most. */
export const NAMES_UP_TO = 40;
const CLOSE = 64;
const TALL = 10;

/** Left to right; top to bottom where there is no room for that. `layer` comes from the satellite. */
export function layout(nodes: readonly { readonly service_name: string; readonly layer: number }[], width: number): Layout {
  const layers: string[][] = [];
  for (const node of [...nodes].sort((a, b) => (a.service_name < b.service_name ? -1 : 1))) (layers[node.layer] ??= []).push(node.service_name);
  const close = nodes.length > NAMES_UP_TO;
  const vertical = width < 560;
  const most = !close ? nodes.length : vertical ? Math.max(1, Math.floor(width / CLOSE)) : TALL;
  const filled = layers.flatMap((layer) => Array.from({ length: Math.ceil(layer.length / most) }, (_, i) => layer.slice(i * most, (i + 1) * most)));
  const tallest = Math.max(1, ...filled.map((layer) => layer.length));
  const [row, storey, least] = close ? [CLOSE, CLOSE, CLOSE] : [ROW, STOREY, 116];
  const places = new Map<string, Placed>();
  if (vertical) {
    const wide = Math.max(width, tallest * least);
    const room = Math.max(least, wide / tallest);
    filled.forEach((layer, depth) => layer.forEach((name, i) => places.set(name, { x: wide / 2 + (i - (layer.length - 1) / 2) * room, y: 52 + depth * storey })));
    return { width: wide, height: filled.length * storey + 52, places, vertical, room };
  }
  const height = Math.max(300, tallest * row + 40);
  const column = Math.max(close ? CLOSE : COLUMN, (width - 20) / Math.max(1, filled.length));
  const wide = Math.max(width, column * filled.length);
  filled.forEach((layer, depth) => layer.forEach((name, i) => places.set(name, { x: column * (depth + 0.5), y: height / 2 - 18 + (i - (layer.length - 1) / 2) * row })));
  return { width: wide, height, places, vertical, room: column };
}

export const RADIUS = 22;
/** Of the yellow halo: its area grows with the share of the latency. */
export const haloOf = (share: number): number => Math.round(30 * Math.sqrt(Math.max(0, Math.min(1, share))));

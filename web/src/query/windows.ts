/** Time windows by the value of `window` in the address: label and length in µs. Without one it is the whole recall window. */
export const WINDOWS: readonly (readonly [id: string, label: string, us: number])[] = [
  ["5m", "Last 5 minutes", 300e6],
  ["15m", "Last 15 minutes", 900e6],
  ["1h", "Last 1 hour", 3600e6],
  ["6h", "Last 6 hours", 21_600e6],
  ["24h", "Last 24 hours", 86_400e6],
];

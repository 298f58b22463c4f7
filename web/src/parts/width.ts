/* How wide the window is. */

import { innerWidth } from "svelte/reactivity/window";

/** Whether it has so many px; asked anew when that changes. */
export const isWide = (px: number): boolean => (innerWidth.current ?? 0) >= px;

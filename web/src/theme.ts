/* Light, dark or as the system says; what was chosen is remembered in this browser. */

import { recall, remember } from "./storage.ts";

const KEY = "satellite.theme";

export type Theme = "light" | "dark";

/** The theme that is shown now. */
export function theme(): Theme {
  const chosen = document.documentElement.dataset["theme"];
  if (chosen === "light" || chosen === "dark") return chosen;
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

export function chooseTheme(chosen: Theme): void {
  document.documentElement.dataset["theme"] = chosen;
  remember(KEY, chosen);
}

/** Show what was chosen, here or in another tab of this browser. */
export function followTheme(): void {
  const restore = (): void => {
    const chosen = recall(KEY);
    if (chosen === "light" || chosen === "dark") document.documentElement.dataset["theme"] = chosen;
  };
  restore();
  addEventListener("storage", (event) => event.key === KEY && restore());
}

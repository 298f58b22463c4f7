/* Short notes of what was done; never of an error, which stays at its place. */

export interface Toast {
  readonly id: number;
  readonly text: string;
  readonly link?: { readonly label: string; readonly href: string };
}

const SHOWN_MS = 4000;
const AT_MOST = 3;
let last = 0;

class Toasts {
  list: readonly Toast[] = $state.raw([]);
}
export const toasts = new Toasts();

export function toast(text: string, link?: Toast["link"]): void {
  const one: Toast = link ? { id: ++last, text, link } : { id: ++last, text };
  toasts.list = [...toasts.list, one].slice(-AT_MOST);
  setTimeout(() => {
    toasts.list = toasts.list.filter((other) => other !== one);
  }, SHOWN_MS);
}

/** Copy, and say what was copied; without the clipboard's leave a hidden field does it. */
export async function copy(text: string, what: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const field = document.createElement("textarea");
    field.value = text;
    field.className = "sr";
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  }
  toast(`${what} copied`);
}

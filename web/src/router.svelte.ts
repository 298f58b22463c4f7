/* The address is the state: what is shown can be read off it, and a link shows the same. */

import { entry } from "./entry.ts";

/** Where a proxy has put the satellite; "" or a path without a slash at its end. */
export const prefix: string =
  typeof document === "undefined" ? "" : (document.querySelector<HTMLMetaElement>('meta[name="prefix"]')?.content ?? "");

export interface Place {
  readonly project: string;
  /** The page's slug; "" at the root. */
  readonly page: string;
  /** What follows the page in the path. */
  readonly rest: readonly string[];
  readonly params: URLSearchParams;
}

export function parsePlace(pathname: string, search: string): Place {
  const path = pathname.startsWith(`${prefix}/`) ? pathname.slice(prefix.length) : pathname;
  const [project = "", page = "", ...rest] = path.split("/").filter(Boolean).map(decoded);
  return { project, page, rest, params: new URLSearchParams(search) };
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

type Params = Record<string, string | number | null | undefined>;

/** The address of a page. Empty, null and absent parameters are left out. */
export function href(project: string, page: string, params: Params | URLSearchParams = {}, rest: readonly string[] = []): string {
  const path = [project, page, ...rest].map(encodeURIComponent).join("/");
  const search = params instanceof URLSearchParams ? params : new URLSearchParams();
  if (!(params instanceof URLSearchParams))
    for (const [key, value] of Object.entries(params)) if (value !== null && value !== undefined && value !== "") search.set(key, String(value));
  const text = readable(search);
  return `${prefix}/${path}${text ? `?${text}` : ""}`;
}

/** The parameters as text, with what is allowed unescaped left readable. */
export function readable(search: URLSearchParams): string {
  return search.toString().replaceAll("%2C", ",").replaceAll("%3A", ":").replaceAll("%2F", "/").replaceAll("%28", "(").replaceAll("%29", ")");
}

/** All parameters that pages read. */
const NAMES = [
  "a", "anchor", "b", "columns", "corr", "errors", "filter", "find", "form", "group_by", "guide", "layers",
  "node", "oldest", "only", "open", "outcome", "pairs", "path", "platform", "preset", "query", "range", "request", "selected_span_guid",
  "skew", "snapshot_id", "sort", "span", "span_guid", "strangers", "tab", "trace_handle", "whole", "window", "youngest", "zoom",
] as const;
type Name = (typeof NAMES)[number];

class Param {
  value: string | null = $state(null);
}

/** The parameters of an address, each by itself: what depends on one does not change with the others. */
class Watched {
  readonly #named = Object.fromEntries(NAMES.map((name) => [name, new Param()])) as Record<Name, Param>;
  constructor(all: URLSearchParams) {
    this.change(all);
  }
  get(name: Name): string | null {
    return this.#named[name].value;
  }
  has(name: Name): boolean {
    return this.get(name) !== null;
  }
  change(all: URLSearchParams): void {
    for (const name of NAMES) this.#named[name].value = all.get(name);
  }
}

class Router {
  place: Place = $state.raw(current());
  /** A question that reads one of these is asked anew when that one changes; `place` changes with every step. */
  readonly params = new Watched(this.place.params);
  readonly project: string = $derived(this.place.project);
  /** Counts what was gone to, not what was adjusted: focus and scrolling begin anew. */
  visits = $state(0);

  /** Show what the address says. */
  follow(): void {
    this.place = current();
    this.params.change(this.place.params);
  }

  /** Go somewhere (a new entry of the history), or adjust where we are (`replace`); to the same address there is nothing to go back over. */
  go(to: string, { replace = false } = {}): void {
    if (replace || to === location.pathname + location.search) history.replaceState(null, "", to);
    else history.pushState(null, "", to);
    const before = this.place;
    this.follow();
    if (before.page !== this.place.page || before.project !== this.place.project || before.rest.join("/") !== this.place.rest.join("/")) {
      this.visits++;
      scrollTo(0, 0);
    }
  }

  /** Change parameters of this page; null and "" remove. What is not named stays. */
  set(params: Params, { replace = false } = {}): void {
    const search = new URLSearchParams(this.place.params);
    for (const [key, value] of Object.entries(params)) {
      if (value === null || value === undefined || value === "") search.delete(key);
      else search.set(key, String(value));
    }
    const to = href(this.place.project, this.place.page, search, this.place.rest);
    if (to !== location.pathname + location.search) this.go(to, { replace });
  }
}

function current(): Place {
  if (typeof location === "undefined") return parsePlace("/", "");
  const place = parsePlace(location.pathname, location.search);
  const led = entry(place);
  if (led === null) return place;
  const to = href(led.project, led.page, led.params, led.rest);
  history.replaceState(null, "", to);
  return led;
}

export const router = new Router();

if (typeof addEventListener !== "undefined") {
  addEventListener("popstate", () => {
    router.follow();
    router.visits++;
  });
  // Links are links: what the browser does with modifier keys and other buttons stays as it is.
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    const link = (event.target as Element).closest("a[href]");
    if (!(link instanceof HTMLAnchorElement) || link.target || link.download || link.origin !== location.origin) return;
    const inside = link.pathname.startsWith(`${prefix}/`) ? link.pathname.slice(prefix.length) : link.pathname;
    if (link.hash || /^\/(api\/|ca\.pem$|diagnostics$)/.test(inside)) return;
    event.preventDefault();
    router.go(link.pathname + link.search);
  });
}

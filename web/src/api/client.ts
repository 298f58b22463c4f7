/* Asking the satellite: a function for each method, typed by its own OpenAPI document. */

import { prefix } from "../router.svelte.ts";
import type { paths } from "./types.ts";

type Method = "get" | "post" | "delete";
/** The paths that take a method. */
type With<M extends Method> = { [P in keyof paths]: paths[P] extends Record<M, unknown> ? P : never }[keyof paths];
type Operation<P extends keyof paths, M extends Method> = paths[P] extends Record<M, infer O> ? O : never;
type Present<T> = [NonNullable<T>] extends [never] ? Record<never, never> : NonNullable<T>;
type Asked<O> = O extends { parameters: { query?: infer Q } } ? Present<Q> : Record<never, never>;
type Named<O> = O extends { parameters: { path?: infer N } } ? Present<N> : Record<never, never>;
type Answer<O> = O extends { responses: { 200: { content: { "application/json": infer A } } } } ? A : never;

/** What went wrong, in the satellite's words. */
export class Failure extends Error {
  readonly code: string;
  readonly hint: string | null;
  /** Of a query, from 1; 0 when it is no matter of a place. */
  readonly line: number;
  readonly column: number;
  readonly status: number;

  constructor(status: number, error: { code: string; message: string; hint?: string | null; line?: number; column?: number }) {
    super(error.message);
    this.status = status;
    this.code = error.code;
    this.hint = error.hint ?? null;
    this.line = error.line ?? 0;
    this.column = error.column ?? 0;
  }

  /** Nobody answered at all. */
  get away(): boolean {
    return this.status === 0;
  }

  /** Nobody answers or has time to for now: the same may be asked again a little later. */
  get passing(): boolean {
    return this.away || this.status === 429 || this.status >= 502;
  }
}

/** GET an answer. Outdated questions are called off by their signal. */
export function get<P extends With<"get">>(
  path: P,
  named: Named<Operation<P, "get">>,
  asked: Asked<Operation<P, "get">>,
  signal?: AbortSignal,
): Promise<Answer<Operation<P, "get">>> {
  return request(address(path, named as object, asked as object), signal ? { signal } : {});
}

export function post<P extends With<"post">>(
  path: P,
  named: Named<Operation<P, "post">>,
  asked: Asked<Operation<P, "post">>,
  body?: unknown,
): Promise<Answer<Operation<P, "post">>> {
  // The content type keeps the pages of other origins from posting this without being asked about it first.
  const sent = body === undefined ? {} : { body: JSON.stringify(body) };
  return request(address(path, named as object, asked as object), { method: "POST", headers: { "content-type": "application/json" }, ...sent });
}

export async function remove<P extends With<"delete">>(path: P, named: Named<Operation<P, "delete">>): Promise<void> {
  await request(address(path, named as object, {}), { method: "DELETE" });
}

/** The URL of an endpoint, below the proxy's prefix. */
export function address(path: string, named: object, asked: object): string {
  let url = prefix + path;
  for (const [key, value] of Object.entries(named)) url = url.replace(`{${key}}`, encodeURIComponent(String(value)));
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(asked)) if (value !== undefined && value !== null && value !== "") search.set(key, String(value));
  const text = search.toString();
  return text ? `${url}?${text}` : url;
}

export async function request<T>(url: string, init: RequestInit = {}): Promise<T> {
  let response: Response;
  try {
    response = await fetch(url, init);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Failure(0, { code: "away", message: `${location.origin} refused the connection` });
  }
  if (response.status === 204) return undefined as T;
  const body: unknown = await response.json().catch(() => null);
  if (response.ok) return body as T;
  const said = (body as { error?: ConstructorParameters<typeof Failure>[1] } | null)?.error;
  throw new Failure(response.status, said ?? { code: "error", message: `the answer was HTTP ${response.status}` });
}

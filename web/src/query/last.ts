/* The query last run in this tab: what «add to query» on other pages adds to. */

let last = "";

export const lastQuery = (): string => last;
export function rememberLast(query: string): void {
  last = query;
}

/* A logged request in words, and as a command that sends it once more. */

import type { FaultApplied, LoggedRequest, RequestDetail } from "../../api/types.ts";
import { word } from "../../shell.ts";

const OF_THE_CONNECTION = new Set(["host", "content-length", "connection", "transfer-encoding", "expect", "accept-encoding"]);
const REMOVED = "(removed)";

/** Its status as people say it. */
export const answered = (one: LoggedRequest): string => (one.status === 0 ? "no answer" : (one.grpc_status ?? String(one.status)));

/** What a fault did. */
export const did = (fault: FaultApplied): string => fault.did.join(", ");

/** A shell command that sends it again; the body is what «Save body» saves. Secrets are named, not held. */
export function command(detail: RequestDetail, host: string): string {
  const one = detail.request;
  if (one.transport === "grpc") return `satellite requests replay ${one.number} --to ${host}:${one.port || "PORT"}`;
  const fields = detail.headers
    .filter(({ name }) => !OF_THE_CONNECTION.has(name) && !name.startsWith(":"))
    .map(({ name, value }) => (value === REMOVED ? `-H ${word(`${name}: `)}"$${variable(name)}"` : `-H ${word(`${name}: ${value}`)}`));
  const body = one.body_bytes && one.method !== "GET" ? [`--data-binary @request-${one.number}.bin`] : [];
  return [`curl -X ${one.method} ${word(`http://${host}:${one.port}${one.path}`)}`, ...fields, ...body].join(" \\\n  ");
}

const variable = (name: string): string => name.toUpperCase().replace(/[^A-Z0-9]+/g, "_");

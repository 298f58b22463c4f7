/* The addresses that LightStep's tools, webhooks and tracers print, and those of Jaeger's and Zipkin's pages; where they lead here. */

import { latencies } from "./query/typed.ts";
import { predicate, quoted, term, type Term } from "./query/terms.ts";
import type { Place } from "./router.svelte.ts";

const ID = /^[0-9a-f]{1,32}$/i;

/** Where an address leads on to; null when it is a page of ours already. */
export function entry(place: Place): Place | null {
  const { project, page, rest, params } = place;
  const to = (page: string, changes: Record<string, string | null>, rest: readonly string[] = []): Place => {
    const search = new URLSearchParams(params);
    for (const [key, value] of Object.entries(changes)) {
      if (value === null) search.delete(key);
      else if (!search.has(key)) search.set(key, value);
    }
    return { project, page, rest, params: search };
  };
  switch (page) {
    case "explorer":
      return explorer(place);
    case "stream":
      return to("streams", {}, rest);
    case "operation": // the stream page of old
      return to("streams", {}, rest);
    case "service-directory":
      return to("services", { find: rest[0] ?? null, open: rest[0] ?? null });
    case "monitoring":
      return to("streams", {});
    case "notebooks": {
      const [from, until] = [params.get("start_micros"), params.get("end_micros")];
      return to("explorer", { oldest: from, youngest: until, start_micros: null, end_micros: null });
    }
    case "developer-mode":
      return to("live", {});
    case "trace": {
      const span = params.get("selected_span_guid");
      if (span === null) return null;
      return to("trace", { span_guid: span, selected_span_guid: null }, rest);
    }
    default:
      if (project === "diagnostics" && !page) return { project: "-", page: "status", rest: [], params };
      if (project === "search" && !page) return jaegerSearch(params);
      if ((project === "trace" || project === "traces") && ID.test(page)) return { project: "-", page: "trace", rest: [page], params };
      if (project === "zipkin" && page === "traces" && ID.test(rest[0] ?? "")) return { project: "-", page: "trace", rest, params };
      return null;
  }
}

/** `/search?service=…&tags={"error":"true"}&minDuration=100ms`, as Kiali and Grafana link to Jaeger. */
function jaegerSearch(said: URLSearchParams): Place {
  const terms: Term[] = [];
  for (const key of ["service", "operation"]) {
    const value = said.get(key);
    if (value && value !== "all") terms.push(term(key, value));
  }
  for (const [key, value] of Object.entries(tagsOf(said.get("tags")))) terms.push(term(key, String(value), false, false));
  const params = new URLSearchParams({ query: predicate(terms) });
  const [from, to] = [latencies(`min duration=${said.get("minDuration")}`)?.from ?? null, latencies(`max duration=${said.get("maxDuration")}`)?.to ?? null];
  if (from !== null || to !== null) params.set("range", `${from ?? 0}-${to ?? 3600e6}`);
  const [start, end] = [said.get("start"), said.get("end")];
  if (start && said.get("lookback") === "custom") params.set("oldest", start);
  if (end && said.get("lookback") === "custom") params.set("youngest", end);
  return { project: "-", page: "explorer", rest: [], params };
}

function tagsOf(written: string | null): object {
  try {
    const tags: unknown = JSON.parse(written ?? "");
    return typeof tags === "object" && tags !== null ? tags : {};
  } catch {
    return {};
  }
}

/** `selected_node_id`, `group_by_key`, `filter[0][key]` … as LightStep's snapshot action writes them. */
function explorer(place: Place): Place | null {
  const { params } = place;
  const changed = new URLSearchParams();
  const filters: { type: string; key: string; value: string }[] = [];
  let old = false;
  for (const [key, value] of params) {
    const filter = /^filter\[(\d+)\]\[(type|key|value)\]$/.exec(key);
    if (filter) {
      const one = (filters[Number(filter[1])] ??= { type: "", key: "", value: "" });
      one[filter[2] as "type" | "key" | "value"] = value;
    } else if (key === "selected_node_id") {
      changed.set("node", value);
    } else if (key === "group_by_key") {
      changed.set("group_by", value);
    } else if (key !== "group_by_type") {
      changed.append(key, value);
      continue;
    }
    old = true;
  }
  if (!old) return null;
  const terms = filters.filter((one) => one?.key).map((one) => `${one.type === "built-in" ? one.key : quoted(one.key)} IN (${quoted(one.value)})`);
  const node = changed.get("node");
  if (node !== null) {
    // What was selected in the diagram is filtered in the table, where a filter or a grouping was asked for.
    if (terms.length || changed.has("group_by")) terms.unshift(`service IN (${quoted(node)})`);
    else if (!changed.has("tab")) changed.set("tab", "diagram");
  }
  if (terms.length) changed.set("filter", terms.join(" AND "));
  return { ...place, params: changed };
}

/* Faults as one line: `status=503 times=2`, as `satellite fault` takes them. */

/** The body of a POST: a profile's name, or fields; the satellite says what is wrong with them. */
export function read(text: string, profiles: readonly string[]): Record<string, unknown> {
  const line = text.trim();
  if (profiles.includes(line)) return { profile: line };
  const fault: Record<string, unknown> = {};
  for (const [, name = "", written = ""] of line.matchAll(/([\w-]+)(?:=("[^"]*"|\S*))?/g)) {
    const value = written.replace(/^"(.*)"$/, "$1");
    fault[name] = LISTS.has(name) ? value.split(",") : TEXTS.has(name) ? value : worth(value);
  }
  return fault;
}

const LISTS = new Set(["commands", "errors", "warnings", "infos"]);
const TEXTS = new Set(["name", "reporter", "path", "peer", "protocol"]);

function worth(value: string): unknown {
  if (value === "" || value === "true") return true;
  if (value === "false") return false;
  return value.trim() !== "" && Number.isFinite(Number(value)) ? Number(value) : value;
}

/** The same line of a fault that is there. */
export function told(fault: object): string {
  return Object.entries(fault)
    .filter(([name]) => name !== "name" || Object.keys(fault).length === 1)
    .map(([name, value]) => `${name}=${Array.isArray(value) ? value.join(",") : typeof value === "string" && /\s/.test(value) ? `"${value}"` : String(value)}`)
    .join(" ");
}

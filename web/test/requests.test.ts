/* Faults as a line, and a request as a command. */

import { expect, test } from "vitest";
import type { RequestDetail } from "../src/api/types.ts";
import { read, told } from "../src/pages/requests/fault.ts";
import { command } from "../src/pages/requests/request.ts";
import { waitCommand } from "../src/shell.ts";

test.each([
  ["status=503 times=2", { status: 503, times: 2 }],
  ["duplicate probability=0.5", { duplicate: true, probability: 0.5 }],
  ["commands=disable,dev_mode", { commands: ["disable", "dev_mode"] }],
  ['reporter="service IN (shop)" status=400', { reporter: "service IN (shop)", status: 400 }],
  ["overloaded", { profile: "overloaded" }],
  ["name=5 status=500", { name: "5", status: 500 }],
])("%s", (line, fault) => {
  expect(read(line, ["overloaded"])).toEqual(fault);
});

test("what is there is told as it could be written", () => {
  expect(told({ status: 503, reporter: "service IN (shop)", commands: ["disable"] })).toBe('status=503 reporter="service IN (shop)" commands=disable');
});

function detail(more: object, headers: [string, string][] = []): RequestDetail {
  return {
    request: { number: 7, method: "POST", path: "/v1/traces", port: 8181, transport: "http", body_bytes: 3, ...more },
    headers: headers.map(([name, value]) => ({ name, value })),
  } as unknown as RequestDetail;
}

test("a request as a command for curl, quoted, its token from the environment", () => {
  const text = command(detail({}, [["host", "a"], ["x", "it's $HOME"], ["lightstep-access-token", "(removed)"]]), "localhost");
  expect(text.split(" \\\n  ")).toEqual([
    "curl -X POST 'http://localhost:8181/v1/traces'",
    "-H 'x: it'\\''s $HOME'",
    "-H 'lightstep-access-token: '\"$LIGHTSTEP_ACCESS_TOKEN\"",
    "--data-binary @request-7.bin",
  ]);
});

test("a value that looks like a variable is none", () => {
  expect(command(detail({}, [["x", "$HOME"]]), "h")).toContain("-H 'x: $HOME'");
});

test("a call of gRPC is replayed by our own command", () => {
  expect(command(detail({ transport: "grpc", port: 0 }), "h")).toBe("satellite requests replay 7 --to h:PORT");
});

test("a query is one word of a command, whatever it holds", () => {
  expect(waitCommand("p", `"k" IN ("it's")`)).toBe(`satellite wait --project p '"k" IN ("it'\\''s")'`);
});

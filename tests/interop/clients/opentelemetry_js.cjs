// A program with the real OpenTelemetry SDK for JavaScript, told what to do line by line; the twin of
// opentelemetry_python.py, which says how. Its modules are in .interop/opentelemetry-js (NODE_PATH).
"use strict";

const readline = require("node:readline");
const { ROOT_CONTEXT, SpanKind, SpanStatusCode, TraceFlags, createTraceState, diag, DiagLogLevel, trace } =
  require("@opentelemetry/api");
const { resourceFromAttributes, defaultResource } = require("@opentelemetry/resources");
const { BasicTracerProvider, BatchSpanProcessor } = require("@opentelemetry/sdk-trace-base");

const EXPORTERS = {
  otlp_grpc: () => new (require("@opentelemetry/exporter-trace-otlp-grpc").OTLPTraceExporter)(),
  otlp_http: () => new (require("@opentelemetry/exporter-trace-otlp-proto").OTLPTraceExporter)(),
  otlp_json: () => new (require("@opentelemetry/exporter-trace-otlp-http").OTLPTraceExporter)(),
  zipkin_json: () => new (require("@opentelemetry/exporter-zipkin").ZipkinExporter)(),
};

/** Values that are waited for, in order. */
class Queue {
  #values = [];
  #waiting = [];

  put(value) {
    const waiter = this.#waiting.shift();
    if (waiter) waiter(value);
    else this.#values.push(value);
  }

  get() {
    if (this.#values.length) return this.#values.shift();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

const outcomes = new Queue();
const retries = new Queue();
const said = [];

/** An exporter whose outcomes are noted. */
function watched(exporter) {
  return {
    export(spans, done) {
      exporter.export(spans, (result) => {
        outcomes.put({ spans: spans.length, result: result.code === 0 ? "SUCCESS" : "FAILURE" });
        done(result);
      });
    },
    forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
    shutdown: () => exporter.shutdown(),
  };
}

function ids(span) {
  const { traceId, spanId } = span.spanContext();
  return { trace_id: traceId, span_id: spanId };
}

const KINDS = ["internal", "server", "client", "producer", "consumer"];

/** [seconds, nanoseconds] of nanoseconds in decimal, which no number of JavaScript holds. */
function hrTime(ns) {
  return [Number(BigInt(ns) / 1000000000n), Number(BigInt(ns) % 1000000000n)];
}

class Program {
  constructor(tracer, provider) {
    this.tracer = tracer;
    this.provider = provider;
  }

  checkout() {
    const attributes = {
      "http.status_code": 503,
      retry: true,
      ratio: 0.5,
      note: "Grüße ☃",
      list: ["a", "b"],
      numbers: [1, 2],
    };
    const far = {
      traceId: "ab" + "0".repeat(29) + "7",
      spanId: "0".repeat(15) + "9",
      traceFlags: TraceFlags.SAMPLED,
      isRemote: true,
    };
    const links = [{ context: far, attributes: { why: "batch", position: 2 } }];
    const outer = this.tracer.startSpan("checkout", { kind: SpanKind.SERVER, attributes, links }, ROOT_CONTEXT);
    outer.addEvent("cache.miss", { attempt: 2, key: "cart" });
    const below = trace.setSpan(ROOT_CONTEXT, outer);
    const inner = this.tracer.startSpan("charge", { kind: SpanKind.CLIENT }, below);
    inner.recordException(new RangeError("card declined"));
    inner.setStatus({ code: SpanStatusCode.ERROR, message: "card declined" });
    inner.end();
    outer.setStatus({ code: SpanStatusCode.OK });
    outer.end();
    return { checkout: ids(outer), charge: ids(inner) };
  }

  kinds() {
    return Object.fromEntries(KINDS.map((name, i) => [name, this.one(name, i)]));
  }

  one(operation, kind = SpanKind.INTERNAL, attributes = {}) {
    const span = this.tracer.startSpan(operation, { kind, attributes }, ROOT_CONTEXT);
    span.end();
    return ids(span);
  }

  join({ operation, trace_id, span_id, state }) {
    const parent = {
      traceId: trace_id,
      spanId: span_id,
      traceFlags: TraceFlags.SAMPLED,
      isRemote: true,
      traceState: createTraceState(state),
    };
    const span = this.tracer.startSpan(operation, {}, trace.setSpanContext(ROOT_CONTEXT, parent));
    span.end();
    return ids(span);
  }

  at(operation, start, end) {
    const span = this.tracer.startSpan(operation, { startTime: hrTime(start) }, ROOT_CONTEXT);
    span.end(hrTime(end));
    return ids(span);
  }

  many(count, operation) {
    return Array.from({ length: count }, (_, number) => this.one(operation, SpanKind.INTERNAL, { number }));
  }

  async flush() {
    await this.provider.forceFlush();
    return true;
  }

  flush_later() {
    this.provider.forceFlush().catch(() => {}); // `outcome` tells
  }

  outcome() {
    return outcomes.get();
  }

  retried() {
    return retries.get();
  }

  said() {
    return said;
  }
}

async function main() {
  const options = JSON.parse(process.argv[2]);
  const keep = (...words) => said.push(words.map(String).join(" "));
  const quiet = () => {};
  const notice = (text) => String(text).startsWith("Scheduling export retry") && retries.put(text);
  diag.setLogger(
    { error: keep, warn: keep, info: quiet, debug: quiet, verbose: notice },
    { logLevel: DiagLogLevel.ALL },
  );
  const processor = new BatchSpanProcessor(watched(EXPORTERS[options.exporter]()), {
    scheduledDelayMillis: options.delay_ms,
    maxQueueSize: 20000,
  });
  const provider = new BasicTracerProvider({
    resource: defaultResource().merge(resourceFromAttributes(options.resource)),
    spanProcessors: [processor],
  });
  const tracer = provider.getTracer("shop.checkout", "1.2.3", { schemaUrl: "https://example.org/schema" });
  const program = new Program(tracer, provider);
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const [command, ...rest] = JSON.parse(line);
    let reply;
    try {
      reply = { answer: (await program[command](...rest)) ?? null };
    } catch (error) {
      const errors = Array.isArray(error) ? error : [error];
      reply = { failed: errors.map((one) => one?.stack ?? String(one)).join("\n") };
    }
    process.stdout.write(JSON.stringify(reply) + "\n");
  }
  await provider.shutdown();
}

main();

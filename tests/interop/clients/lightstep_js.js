// A program with a real LightStep client for Node, told what to do line by line.
//
// The first line of stdin is JSON (not an argument, since the tracer sends its command line along): client
// ("lightstep-tracer" or "lightstep-opentelemetry-exporter"), component_name, access_token, host, port, tls, transport
// ("proto" or "thrift"; the exporter has only one), max_spans, period_ms (0: only `flush` sends), tags, and `stepped`:
// the tracer's own timers do not run, and each `step` is the end of the one it waits for. Each further line is a JSON list, a command and its arguments; each is answered by one line of JSON. At the end the program ends
// as any other, where the tracer sends what it has left.
'use strict';

const readline = require('readline');

const NEVER_MS = 24 * 3600 * 1000;

class Tracer {
  constructor(settings) {
    const lightstep = require('lightstep-tracer');
    this.timers = [];
    this.waiting = [];
    if (settings.stepped) {
      require('lightstep-tracer/lib/imp/util/util').detachedTimeout = (callback, delayMs) => {
        this.timers.push({ callback, delayMs });
        this.waiting.splice(0).forEach((resolve) => resolve());
        return {};
      };
    }
    this.opentracing = require('opentracing');
    this.tracer = new lightstep.Tracer({
      component_name: settings.component_name,
      access_token: settings.access_token,
      collector_host: settings.host,
      collector_port: settings.port,
      collector_encryption: settings.tls ? 'tls' : 'none',
      transport: settings.transport,
      tags: settings.tags,
      max_span_records: settings.max_spans,
      max_reporting_interval_millis: settings.period_ms || NEVER_MS,
      disable_reporting_loop: !settings.period_ms,
      delay_initial_report_millis: settings.period_ms,
      verbosity: 0,
    });
  }

  ids(span) {
    return { trace_id: span.context().traceGUID().slice(-16), span_id: span.context()._guid };
  }

  checkout() {
    const outer = this.tracer.startSpan('checkout', {
      tags: { 'span.kind': 'server', 'http.status_code': 503, retry: true, ratio: 0.5, note: 'Grüße ☃' },
    });
    outer.setBaggageItem('customer', '7');
    outer.log({ event: 'cache.miss', attempt: 2, basket: { tea: 3 } });
    const inner = this.tracer.startSpan('charge', { childOf: outer });
    inner.addTags({ 'span.kind': 'client', error: true });
    inner.log({ event: 'error', 'error.kind': 'ValueError', message: 'card declined' });
    inner.finish();
    outer.finish();
    return { checkout: this.ids(outer), charge: this.ids(inner) };
  }

  at(operation, startUs, endUs) {
    const span = this.tracer.startSpan(operation, { startTime: startUs / 1000 });
    span.finish(endUs / 1000);
    return this.ids(span);
  }

  many(count, operation) {
    const made = [];
    for (let number = 0; number < count; number += 1) {
      const span = this.tracer.startSpan(operation, { tags: { number } });
      span.finish();
      made.push(this.ids(span));
    }
    return made;
  }

  flush() {
    return new Promise((done) => {
      this.tracer.flush((error) => done({ failed: error ? String(error.message || error) : '' }));
    });
  }

  // The time for which the tracer waits is over, at once: how long that would have been, in milliseconds. Returns when
  // the tracer waits again, which is when its report was answered.
  async step() {
    const { callback, delayMs } = this.timers.shift();
    const again = this.timers.length ? null : new Promise((resolve) => this.waiting.push(resolve));
    callback();
    await again;
    return delayMs;
  }

  // As if a report had been sent, come in, answered and heard of at these times in microseconds.
  sample(originUs, receiveUs, transmitUs, destinationUs) {
    this.tracer._clockState.addSample(originUs, receiveUs, transmitUs, destinationUs);
    return true;
  }
}

// OpenTelemetry of its time (0.6), whose spans the exporter sends as they are handed to it.
class Exporter {
  constructor(settings) {
    const { LightstepExporter } = require('lightstep-opentelemetry-exporter');
    const { BasicTracerProvider } = require('@opentelemetry/tracing');
    const { ExportResult } = require('@opentelemetry/base');
    this.api = require('@opentelemetry/api');
    this.results = ExportResult;
    this.finished = [];
    const provider = new BasicTracerProvider({ logger: new (require('@opentelemetry/core').NoopLogger)() });
    provider.addSpanProcessor({
      onStart: () => {},
      onEnd: (span) => this.finished.push(span),
      forceFlush: () => {},
      shutdown: () => {},
    });
    this.tracer = provider.getTracer('interop');
    const scheme = settings.tls ? 'https' : 'http';
    this.exporter = new LightstepExporter({
      serviceName: settings.component_name,
      hostname: 'shop-7d4.example',
      runtimeGUID: '1122334455667788',
      token: settings.access_token,
      collectorUrl: `${scheme}://${settings.host}:${settings.port}/api/v2/reports`,
    });
    if (settings.period_ms) setInterval(() => this.finished.length && this.flush(), settings.period_ms);
  }

  ids(span) {
    const { traceId, spanId } = span.context();
    return { trace_id: traceId.slice(16), span_id: spanId };
  }

  checkout() {
    const linked = this.tracer.startSpan('linked');
    const outer = this.tracer.startSpan('checkout', {
      attributes: { 'span.kind': 'server', 'http.status_code': 503, retry: true, ratio: 0.5, note: 'Grüße ☃' },
      links: [{ context: linked.context() }],
    });
    outer.addEvent('cache.miss', { attempt: 2 });
    const inner = this.tracer.startSpan('charge', { parent: outer });
    inner.setAttributes({ 'span.kind': 'client', error: true });
    inner.addEvent('error', { 'error.kind': 'ValueError', message: 'card declined' });
    inner.end();
    outer.end();
    return { checkout: this.ids(outer), charge: this.ids(inner), linked: this.ids(linked) };
  }

  at(operation, startUs, endUs) {
    const time = (us) => [Math.floor(us / 1e6), (us % 1e6) * 1000];
    const span = this.tracer.startSpan(operation, { startTime: time(startUs) });
    span.end(time(endUs));
    return this.ids(span);
  }

  many(count, operation) {
    const made = [];
    for (let number = 0; number < count; number += 1) {
      const span = this.tracer.startSpan(operation, { attributes: { number } });
      span.end();
      made.push(this.ids(span));
    }
    return made;
  }

  // What cannot be sent is gone, as with the span processors of its time.
  flush() {
    const spans = this.finished;
    this.finished = [];
    return new Promise((done) => {
      this.exporter.export(spans, (result) => {
        done({ failed: result === this.results.SUCCESS ? '' : this.results[result] });
      });
    });
  }
}

async function main() {
  const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  const settings = JSON.parse((await lines.next()).value);
  const program = settings.client === 'lightstep-tracer' ? new Tracer(settings) : new Exporter(settings);
  for await (const line of lines) {
    const [command, ...words] = JSON.parse(line);
    let reply;
    try {
      reply = { answer: await program[command](...words) };
    } catch (error) {
      reply = { failed: error.stack };
    }
    process.stdout.write(`${JSON.stringify(reply)}\n`);
  }
  // The exporter leaves answers unread, which would keep the process for ever.
  if (program instanceof Exporter) process.exit();
}

main();

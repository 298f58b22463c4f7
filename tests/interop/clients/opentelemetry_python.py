"""A program with the real OpenTelemetry SDK for Python, told what to do line by line.

Runs in an environment of its own (.interop/opentelemetry-python, with the Zipkin exporters
.interop/opentelemetry-zipkin-python). The one argument is JSON: `exporter` (a name of EXPORTERS), `delay_ms` between
reports, `resource` attributes, `hurried`: the exporter does not wait before it tries again. Addresses, headers and trust come from the environment, as with any program that is
instrumented by OpenTelemetry. Each line of stdin is a JSON list, a command and its arguments; each is answered by one
line of JSON. At the end of stdin the program ends as any other, so the SDK sends what it has left.
"""

import json
import logging
import queue
import sys
import threading
import traceback

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.trace.span import TraceState

PATIENCE_S = 30

outcomes = queue.Queue()
"""What became of each report, in order: how many spans were in it, and whether the exporter called it a success."""


retries = queue.Queue()
"""A text each time that the exporter decides to try again."""


class Said(logging.Handler):
    """Keeps what the libraries log from `warning` on."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts = []

    def emit(self, record):
        text = record.getMessage()
        self.texts.append(text)
        if "retrying in" in text:
            retries.put(text)


class Hurried(threading.Event):
    """What an exporter waits for between two tries: notes how long, in seconds, and is over at once."""

    def __init__(self) -> None:
        super().__init__()
        self.waited_s = []

    def wait(self, timeout=None):
        self.waited_s.append(timeout)
        return self.is_set()


class Watched(SpanExporter):
    """An exporter whose outcomes are noted."""

    def __init__(self, exporter) -> None:
        self._exporter = exporter

    def export(self, spans):
        result = "RAISED"
        try:
            returned = self._exporter.export(spans)
            result = returned.name
            return returned
        finally:
            outcomes.put({"spans": len(spans), "result": result})

    def shutdown(self):
        self._exporter.shutdown()


def otlp_grpc():
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter()


def otlp_http():
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter()


def zipkin_json():
    from opentelemetry.exporter.zipkin.json import ZipkinExporter

    return ZipkinExporter(local_node_ipv4="192.0.2.7", local_node_port=8080)


def zipkin_json_v1():
    from opentelemetry.exporter.zipkin.encoder import Protocol
    from opentelemetry.exporter.zipkin.json import ZipkinExporter

    return ZipkinExporter(  # without a limit to its texts it fails
        Protocol.V1, local_node_ipv4="192.0.2.7", local_node_port=8080, max_tag_value_length=10_000
    )


def zipkin_proto():
    from opentelemetry.exporter.zipkin.proto.http import ZipkinExporter

    return ZipkinExporter(local_node_ipv4="192.0.2.7", local_node_port=8080)


EXPORTERS = {one.__name__: one for one in (otlp_grpc, otlp_http, zipkin_json, zipkin_json_v1, zipkin_proto)}


def ids(span):
    context = span.get_span_context()
    return {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}


class Program:
    """The commands."""

    def __init__(self, tracer, said, provider, hurried) -> None:
        self.tracer = tracer
        self.hurried = hurried
        self.said_by_libraries = said
        self.provider = provider

    def checkout(self):
        """A trace of two nested spans with attributes, events, a link and an exception; their ids."""
        attributes = {
            "http.status_code": 503,
            "retry": True,
            "ratio": 0.5,
            "note": "Grüße ☃",
            "list": ["a", "b"],
            "numbers": [1, 2],
        }
        far = SpanContext(0xAB << 120 | 7, 9, is_remote=True, trace_flags=TraceFlags(1))
        links = [Link(far, {"why": "batch", "position": 2})]
        with self.tracer.start_as_current_span(
            "checkout", kind=SpanKind.SERVER, attributes=attributes, links=links
        ) as outer:
            outer.add_event("cache.miss", {"attempt": 2, "key": "cart"})
            with self.tracer.start_as_current_span(
                "charge", kind=SpanKind.CLIENT, record_exception=False, set_status_on_exception=False
            ) as inner:
                try:
                    raise ValueError("card declined")
                except ValueError as error:
                    inner.record_exception(error)
                    inner.set_status(Status(StatusCode.ERROR, "card declined"))
            outer.set_status(Status(StatusCode.OK))
        return {"checkout": ids(outer), "charge": ids(inner)}

    def kinds(self):
        """A root span of each kind, named after it."""
        return {kind.name.lower(): self._one(kind.name.lower(), kind) for kind in SpanKind}

    def _one(self, operation, kind=SpanKind.INTERNAL, attributes=None):
        span = self.tracer.start_span(
            operation, context=trace.set_span_in_context(trace.INVALID_SPAN), kind=kind
        )
        span.set_attributes(attributes or {})
        span.end()
        return ids(span)

    def join(self, operation, trace_id, span_id, state):
        """A span below one of another program, whose trace state comes along."""
        parent = SpanContext(
            int(trace_id, 16), int(span_id, 16), True, TraceFlags(1), TraceState.from_header([state])
        )
        context = trace.set_span_in_context(NonRecordingSpan(parent))
        span = self.tracer.start_span(operation, context=context)
        span.end()
        return ids(span)

    def at(self, operation, start_ns, end_ns):
        """A root span with these times, nanoseconds since the epoch."""
        span = self.tracer.start_span(operation, start_time=start_ns)
        span.end(end_ns)
        return ids(span)

    def many(self, count, operation):
        """So many root spans, numbered by an attribute."""
        return [self._one(operation, attributes={"number": i}) for i in range(count)]

    def flush(self):
        """Send what is there; whether that was done in time."""
        return self.provider.force_flush(PATIENCE_S * 1000)

    def flush_later(self):
        """Begin to send what is there; `retried` and `outcome` tell of it."""
        threading.Thread(target=self.flush, daemon=True).start()

    def outcome(self):
        """That of the next report."""
        return outcomes.get(timeout=PATIENCE_S)

    def retried(self):
        """What the exporter says when it will try again; waits for it."""
        return retries.get(timeout=PATIENCE_S)

    def waited(self):
        """For how many seconds the exporter wanted to wait before each further try; forgets them."""
        waited, self.hurried.waited_s = self.hurried.waited_s, []
        return waited

    def said(self):
        """What the libraries have warned of until now."""
        return self.said_by_libraries.texts


def main():
    options = json.loads(sys.argv[1])
    said = Said()
    logging.getLogger().addHandler(said)
    provider = TracerProvider(resource=Resource.create(options["resource"]))
    sender = EXPORTERS[options["exporter"]]()
    hurried = Hurried()
    if options.get("hurried"):
        if options["exporter"] == "otlp_grpc":
            sender._shutdown_in_progress = hurried
        else:
            sender._client._shutdown_event = hurried
    exporter = Watched(sender)
    provider.add_span_processor(
        BatchSpanProcessor(exporter, schedule_delay_millis=options["delay_ms"], max_queue_size=20_000)
    )
    tracer = provider.get_tracer(
        "shop.checkout", "1.2.3", schema_url="https://example.org/schema", attributes={"stage": "beta"}
    )
    program = Program(tracer, said, provider, hurried)
    for line in sys.stdin:
        command, *arguments = json.loads(line)
        try:
            if len(arguments) == 1 and isinstance(arguments[0], dict):
                answer = getattr(program, command)(**arguments[0])
            else:
                answer = getattr(program, command)(*arguments)
            reply = {"answer": answer}
        except Exception:  # noqa: BLE001 - the test shows it
            reply = {"failed": traceback.format_exc()}
        print(json.dumps(reply), flush=True)
    provider.shutdown()


if __name__ == "__main__":
    main()

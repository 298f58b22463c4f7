"""A program with the real LightStep tracer for Python in its Thrift mode, told what to do line by line.

Runs in an environment of its own (.interop/lightstep-python). The first line of stdin is JSON: component_name,
access_token, host, port, tls (SSL_CERT_FILE says whom it trusts), max_spans, period_ms (0: only `flush` sends), tags.
Each further line is a JSON list, a command and its arguments; each is answered by one line of JSON. At the end the
program ends as any other, where the tracer sends what it has left.
"""

import json
import sys
import threading
import traceback

import lightstep
from lightstep.thrift_connection import _ThriftConnection

NEVER_S = 24 * 3600
PATIENCE_S = 30

reported = threading.Event()
"""Set when a report had an answer, or none."""
failures = []


def watch_reports():
    """Note what becomes of reports; the tracer notices nothing."""
    original = _ThriftConnection.report

    def report(self, *args, **kwargs):
        try:
            response = original(self, *args, **kwargs)
            failures.clear()
            return response
        except Exception as error:
            failures.append(f"{type(error).__name__}: {error}")
            raise
        finally:
            reported.set()

    _ThriftConnection.report = report


def ids(span):
    return {"trace_id": f"{span.context.trace_id:016x}", "span_id": f"{span.context.span_id:016x}"}


class Program:
    """The commands."""

    def __init__(self, settings) -> None:
        self.tracer = lightstep.Tracer(
            component_name=settings["component_name"],
            access_token=settings["access_token"],
            collector_host=settings["host"],
            collector_port=settings["port"],
            collector_encryption="tls" if settings["tls"] else "none",
            periodic_flush_seconds=settings["period_ms"] / 1000 or NEVER_S,
            max_span_records=settings["max_spans"],
            tags=settings["tags"],
            use_thrift=True,
            use_http=False,
        )
        # Its thread sends an empty report when it starts; a `flush` must not meet it.
        self.tracer.recorder._maybe_init_flush_thread()
        reported.wait(PATIENCE_S)

    def checkout(self):
        """A trace of two nested spans with tags and logs."""
        tags = {
            "span.kind": "server",
            "http.status_code": 503,
            "retry": True,
            "ratio": 0.5,
            "note": "Grüße ☃",
        }
        outer = self.tracer.start_span("checkout", tags=tags, ignore_active_span=True)
        outer.log_kv({"event": "cache.miss", "attempt": 2, "basket": {"tea": 3}})
        inner = self.tracer.start_span("charge", child_of=outer)
        inner.set_tag("span.kind", "client").set_tag("error", True)
        inner.log_kv({"event": "error", "error.kind": "ValueError", "message": "card declined"})
        inner.finish()
        outer.finish()
        return {"checkout": ids(outer), "charge": ids(inner)}

    def at(self, operation, start_us, end_us):
        """A root span with these times in microseconds since the epoch."""
        span = self.tracer.start_span(operation, start_time=start_us / 1e6, ignore_active_span=True)
        span.finish(end_us / 1e6)
        return ids(span)

    def many(self, count, operation):
        """So many root spans, numbered by a tag."""
        spans = [self.tracer.start_span(operation, tags={"number": i}) for i in range(count)]
        for span in spans:
            span.finish()
        return [ids(span) for span in spans]

    def flush(self):
        """Send what is there; says what became of it."""
        self.tracer.flush()
        return {"failed": failures[-1] if failures else ""}


def main():
    watch_reports()
    program = Program(json.loads(sys.stdin.readline()))
    for line in sys.stdin:
        command, *arguments = json.loads(line)
        try:
            reply = {"answer": getattr(program, command)(*arguments)}
        except Exception:  # noqa: BLE001 - the test shows it
            reply = {"failed": traceback.format_exc()}
        print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    main()

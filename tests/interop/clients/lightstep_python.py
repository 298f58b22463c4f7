"""A program with the real LightStep tracer for Python, told what to do line by line.

Runs in an environment of its own (.interop/lightstep-python). The one argument is JSON: keyword arguments of
`lightstep.Tracer`. Each line of stdin is a JSON list, a command and its arguments; each is answered by one line of
JSON. At the end of stdin the program ends as any other, so the tracer sends what it has left.
"""

import json
import queue
import sys
import time
import traceback

import lightstep
import opentracing
from lightstep.http_connection import _HTTPConnection
from opentracing import Format

PATIENCE_S = 30

outcomes = queue.Queue()
"""What became of each report, in order: how many spans were in it, what the answer said, or why there was none."""


def watch_reports():
    """Note every report of the tracer; it notices nothing."""
    original = _HTTPConnection.report

    def report(self, auth, request):
        outcome = {"spans": len(request.spans), "failed": None}
        try:
            response = original(self, auth, request)
        except Exception as error:
            outcome["failed"] = type(error).__name__
            raise
        else:
            outcome["errors"] = list(response.errors)
            outcome["warnings"] = list(response.warnings)
            outcome["commands"] = len(response.commands)
            outcome["timed"] = response.HasField("receive_timestamp") and response.HasField(
                "transmit_timestamp"
            )
            return response
        finally:
            outcomes.put(outcome)

    _HTTPConnection.report = report


def ids(span):
    return {"trace_id": f"{span.context.trace_id:016x}", "span_id": f"{span.context.span_id:016x}"}


class Program:
    """The commands."""

    def __init__(self, tracer) -> None:
        self.tracer = tracer
        self.connection = None

    def checkout(self):
        """A trace of two nested spans with tags and logs; its ids, and carriers for others to join it."""
        tags = {
            "http.status_code": 503,
            "retry": True,
            "ratio": 0.5,
            "note": "Grüße ☃",
            "none": None,
            "list": [1, "a"],
        }
        with self.tracer.start_active_span("checkout", tags=tags) as outer:
            outer.span.log_kv({"event": "cache.miss", "attempt": 2})
            outer.span.set_baggage_item("customer", "7")
            with self.tracer.start_active_span("charge") as inner:
                inner.span.set_tag("error", True)
                try:
                    raise ValueError("card declined")
                except ValueError as error:
                    inner.span.log_kv(
                        {
                            "event": "error",
                            "error.kind": type(error),
                            "error.object": error,
                            "stack": error.__traceback__,
                        }
                    )
            headers = {}
            self.tracer.inject(outer.span.context, Format.HTTP_HEADERS, headers)
            binary = bytearray()
            self.tracer.inject(outer.span.context, Format.BINARY, binary)
        return {
            "checkout": ids(outer.span),
            "charge": ids(inner.span),
            "headers": headers,
            "binary": bytes(binary).hex(),
        }

    def join(self, operation, headers=None, binary=None):
        """A span below one of another program, known from its HTTP headers or from bytes in hex."""
        if headers is not None:
            context = self.tracer.extract(Format.HTTP_HEADERS, headers)
        else:
            context = self.tracer.extract(Format.BINARY, bytearray.fromhex(binary))
        span = self.tracer.start_span(operation, child_of=context)
        span.finish()
        return ids(span) | {"baggage": dict(span.context.baggage)}

    def at(self, operation, start_s, end_s):
        """A root span with these times, seconds since the epoch."""
        span = self.tracer.start_span(operation, start_time=start_s, ignore_active_span=True)
        span.finish(end_s)
        return ids(span)

    def many(self, count, operation):
        """So many root spans, numbered by a tag."""
        spans = [self.tracer.start_span(operation, tags={"number": i}) for i in range(count)]
        for span in spans:
            span.finish()
        return [ids(span) for span in spans]

    def flush(self):
        """Send what there is, here and now; the report's outcome, None when the tracer sends none any more.

        For a tracer with `periodic_flush_seconds=0`, which has neither a thread nor a connection of its own.
        """
        recorder = self.tracer.recorder
        if self.connection is None:
            self.connection = _HTTPConnection(recorder._collector_url, recorder._timeout_seconds)
            self.connection.open()
        recorder.flush(self.connection)
        return None if outcomes.empty() else outcomes.get()

    def outcome(self, **wanted):
        """The next report's outcome that has these values; those before it are forgotten."""
        return self._next(time.monotonic() + PATIENCE_S, wanted)

    def answered(self, count):
        """The outcomes of the next reports that were answered, until so many spans were in them.

        The tracer sends when it likes, so spans that were made together may go in two reports.
        """
        deadline = time.monotonic() + PATIENCE_S
        answered = []
        while sum(outcome["spans"] for outcome in answered) < count:
            answered.append(self._next(deadline, {"failed": None}))
        return [outcome for outcome in answered if outcome["spans"]]

    def _next(self, deadline, wanted):
        others = []
        while time.monotonic() < deadline:
            outcome = outcomes.get(timeout=PATIENCE_S)
            if all(outcome.get(name) == value for name, value in wanted.items()):
                return outcome
            others.append(outcome)
        raise TimeoutError(f"no report with {wanted}; the last ones: {others[-3:]}")


def main():
    watch_reports()
    tracer = lightstep.Tracer(**json.loads(sys.argv[1]))
    opentracing.tracer = tracer
    program = Program(tracer)
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


if __name__ == "__main__":
    main()

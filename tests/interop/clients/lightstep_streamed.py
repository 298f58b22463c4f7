"""A program with the real streaming tracer (C++ below Python), told what to do line by line.

Runs in an environment of its own (.interop/lightstep-streaming). The first line of stdin is JSON: component_name,
access_token, host, port, tags. Each further line is a JSON list, a command and its arguments; each is answered by one
line of JSON. At the end the tracer is closed, which ends its streams.
"""

import json
import sys
import traceback
import warnings

import lightstep_streaming
from opentracing import Format


class Program:
    """The commands."""

    def __init__(self, settings) -> None:
        self.tracer = lightstep_streaming.Tracer(
            component_name=settings["component_name"],
            access_token=settings["access_token"],
            use_stream_recorder=True,
            collector_plaintext=True,
            satellite_endpoints=[{"host": settings["host"], "port": settings["port"]}],
            tags=settings["tags"],
        )

    def ids(self, span):
        carrier = {}
        self.tracer.inject(span.context, Format.TEXT_MAP, carrier)
        return {"trace_id": carrier["ot-tracer-traceid"], "span_id": carrier["ot-tracer-spanid"]}

    def checkout(self):
        """A trace of two nested spans with tags of every type and logs."""
        tags = {
            "span.kind": "server",
            "http.status_code": 503,
            "retry": True,
            "ratio": 0.5,
            "note": "Grüße ☃",
        }
        outer = self.tracer.start_span("checkout", tags=tags)
        outer.set_baggage_item("customer", "7")
        outer.log_kv({"event": "cache.miss", "attempt": 2})
        inner = self.tracer.start_span("charge", child_of=outer)
        inner.set_tag("span.kind", "client")
        inner.set_tag("error", True)
        inner.log_kv({"event": "error", "error.kind": "ValueError", "message": "card declined"})
        inner.finish()
        outer.finish()
        return {"checkout": self.ids(outer), "charge": self.ids(inner)}

    def at(self, operation, start_us, end_us):
        """A root span with these times in microseconds since the epoch."""
        span = self.tracer.start_span(operation, start_time=start_us / 1e6)
        span.finish(end_us / 1e6)
        return self.ids(span)

    def many(self, count, operation):
        """So many root spans, numbered by a tag."""
        spans = [self.tracer.start_span(operation, tags={"number": i}) for i in range(count)]
        for span in spans:
            span.finish()
        return [self.ids(span) for span in spans]

    def close(self):
        """End its streams; how many spans it wrote to sockets, and how many it dropped."""
        self.tracer.close()
        return {"sent": self.tracer.num_spans_sent, "dropped": self.tracer.num_spans_dropped}


def main():
    warnings.simplefilter("ignore")  # its C code is of another time
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

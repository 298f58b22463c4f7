"""A program with Datadog's real tracer for Python at its defaults, told what to do line by line.

Runs in an environment of its own (.interop/ddtrace-python). Where it reports and its tags come from the environment
(DD_TRACE_AGENT_URL, DD_TAGS), as with any program that it instruments. Each line of stdin is a JSON list, a command
and its arguments; each is answered by one line of JSON. At the end of stdin the program ends as any other, where the
tracer sends what it has left.
"""

import json
import sys
import traceback

from ddtrace import tracer


def ids(span):
    return {"trace_id": f"{span.trace_id:032x}", "span_id": f"{span.span_id:016x}"}


class Program:
    """The commands."""

    def checkout(self):
        """A trace of two nested spans with tags, metrics and an exception; their ids."""
        with tracer.trace("checkout", service="shop", resource="GET /checkout", span_type="web") as outer:
            outer.set_tag("span.kind", "server")
            outer.set_tag("http.status_code", 503)
            outer.set_tag("note", "Grüße ☃")
            outer.set_metric("ratio", 0.5)
            with tracer.trace("charge", service="bank", resource="charge card") as inner:
                inner.set_tag("span.kind", "client")
                try:
                    raise ValueError("card declined")
                except ValueError:
                    inner.set_exc_info(*sys.exc_info())
        return {"checkout": ids(outer), "charge": ids(inner)}

    def many(self, count, operation):
        """So many root spans, numbered by a metric."""
        told = []
        for number in range(count):
            with tracer.trace(operation, service="shop") as span:
                span.set_metric("number", number)
            told.append(ids(span))
        return told

    def flush(self):
        """Send what is there."""
        tracer.flush()


def main():
    program = Program()
    for line in sys.stdin:
        command, *arguments = json.loads(line)
        try:
            reply = {"answer": getattr(program, command)(*arguments)}
        except Exception:  # noqa: BLE001 - the test shows it
            reply = {"failed": traceback.format_exc()}
        print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    main()

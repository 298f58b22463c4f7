"""A job that reports to LightStep with the tracer that LightStep wrote. It ends well whatever becomes of its spans."""

import os
import sys

import lightstep


def tracer():
    """A tracer for the satellite that the environment names."""
    host, _, port = os.environ["SATELLITE_HTTP_URL"].removeprefix("http://").rpartition(":")
    return lightstep.Tracer(
        component_name="nightly",
        access_token=os.environ["LIGHTSTEP_ACCESS_TOKEN"],
        collector_host=host,
        collector_port=int(port),
        collector_encryption="none",
    )


def main(bills):
    """Write so many bills; the spans are sent at the end."""
    reporting = tracer()
    with reporting.start_active_span("nightly", finish_on_close=True) as job:
        for number in range(bills):
            with reporting.start_active_span("bill", finish_on_close=True) as one:
                one.span.set_tag("bill.number", number)
        job.span.set_tag("bills", bills)
    reporting.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]))

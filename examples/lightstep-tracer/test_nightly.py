import subprocess
import sys
from pathlib import Path

import pytest

from mock_lightstep_satellite import q

JOB = [sys.executable, str(Path(__file__).with_name("nightly.py"))]


def test_every_bill_is_a_span_below_the_job(spans, satellite_env):
    subprocess.run([*JOB, "3"], env=satellite_env, check=True)
    spans.expect(q.service("nightly").operation("bill"), count=3)
    [trace] = spans.traces()
    trace.assert_complete()
    assert [span.tags["bill.number"] for span in trace.span(q.operation("nightly")).children] == [
        "0",
        "1",
        "2",
    ]


def test_the_job_ends_well_though_its_spans_are_refused(spans, satellite_env):
    with spans.fault(status=503):
        subprocess.run([*JOB, "3"], env=satellite_env, check=True, timeout=60)
    spans.expect(count=0, quiet=0.1)


@pytest.mark.satellite(fault="kill-switch")
def test_the_kill_switch_ends_no_job(spans, satellite_env):
    subprocess.run([*JOB, "1"], env=satellite_env, check=True, timeout=60)
    spans.expect(q.service("nightly"), count=2)  # the answer to this report is what disables the tracer

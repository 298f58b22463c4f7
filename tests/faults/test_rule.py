from __future__ import annotations

import json
from typing import Any

import pytest

from satellite.errors import BadQuery, BadRequest
from satellite.faults.profiles import PROFILES, profile
from satellite.faults.rule import Fault, checked, read_fault


def read(project: bool = True, **fields: Any) -> Fault:
    return read_fault(json.dumps(fields).encode(), project=project)


@pytest.mark.parametrize(
    "fields",
    [
        {"status": 503, "times": 2, "retry_after_ms": 1500},
        {"grpc_status": "UNAVAILABLE"},
        {"commands": ["disable"], "errors": ["no"], "skew_ms": -5000},
        {"connection": "reset-after", "reporter": 'service IN ("shop") AND "zone" NOT IN ("a")'},
        {"jitter_ms": 5},
        {"drop": 0.5, "seed": 7, "probability": 0.1},
    ],
)
def test_a_fault_of_a_project(fields: dict[str, Any]) -> None:
    assert read(**fields).actions


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "does nothing"),
        ({"after": 3, "times": 1}, "does nothing"),
        ({"status": 200}, r"status"),
        ({"status": 503, "grpc_status": "UNAVAILABLE"}, "status or grpc_status"),
        ({"grpc_status": "BUSY"}, "BUSY"),
        ({"statuz": 503}, "statuz"),
        ({"delay_ms": -1}, "delay_ms"),
        ({"delay_ms": 10**9}, "delay_ms"),
        ({"drop": 1.5}, "drop"),
        ({"retry_after_ms": 5, "delay_ms": 1}, "retry_after_ms"),
        ({"status": 503, "accept": 3}, "accept"),
        ({"connection": "refuse"}, "cannot belong to a project"),
        ({"tls": "expired"}, "cannot belong to a project"),
        ({"streams": 1, "delay_ms": 4}, "make two faults"),
        ({"status": 503, "reporter": 'operation IN ("x")'}, "a reporter has no operation"),
        ({"status": 503, "times": 0}, "times"),
    ],
)
def test_what_no_fault_of_a_project_is(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(BadRequest, match=message):
        read(**fields)


def test_a_predicate_that_is_none() -> None:
    with pytest.raises(BadQuery):
        read(status=503, reporter="service = shop")


def test_an_unknown_kind_names_those_that_there_are() -> None:
    with pytest.raises(BadRequest) as refused:
        read(connection="rezet")
    assert refused.value.hint == (
        "connection: goaway, refuse, reset-after, reset-before, reset-mid-body, stall"
    )


@pytest.mark.parametrize(
    ("fields", "hint"),
    [
        ({"status": 700}, "status: a whole number from 400 to 599"),
        ({"status": "503"}, "status: a whole number from 400 to 599"),
        ({"commands": ["stop"]}, "commands: a list of dev_mode, disable"),
        ({"errors": "e"}, "errors: a list of texts"),
        ({"drop": 0}, "drop: a number above 0 and up to 1"),
        ({"duplicate": 1}, "duplicate: true or false"),
    ],
)
def test_what_a_field_takes_is_said(fields: dict[str, Any], hint: str) -> None:
    with pytest.raises(BadRequest) as refused:
        read(**fields)
    assert refused.value.hint == hint


def test_faults_of_the_whole_satellite() -> None:
    assert read(project=False, connection="refuse", port=9292).early
    assert read(project=False, read_delay_ms=5, path="/api/v2/*").early
    assert not read(project=False, status=503).early
    with pytest.raises(BadRequest, match="a path is not known yet"):
        read(project=False, tls="expired", path="/x")
    with pytest.raises(BadRequest, match="reporter is not known yet"):
        read(project=False, connection="stall", reporter='service IN ("a")')


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff", b'{"status": "503"}'])
def test_what_no_document_is(content: bytes) -> None:
    with pytest.raises(BadRequest, match="this is no fault"):
        read_fault(content, project=True)


def test_every_profile_can_be_added_to_a_project() -> None:
    for name in PROFILES:
        for fault in profile(name):
            assert checked(fault, project=True).name == name
    with pytest.raises(BadRequest, match=r"no profile 'sunny'.*flaky-network"):
        profile("sunny")

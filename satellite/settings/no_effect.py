"""Names of the original that mean nothing here: accepted, and logged once with the reason."""

from __future__ import annotations

from collections.abc import Mapping

from satellite.settings.values import OFF, port

_ONLY_DIAGNOSTICS = frozenset({"diagnostics_plain_port", "diagnostic_port", "babysitter_port"})
"""The original's names of a port that had nothing but diagnostics; LightStep's scripts for developers set the last to 0."""

_SAAS = "it is for the connection to LightStep's servers, and there is none"
_ALL_SPANS = "every span is kept, none is sampled"
_OWN_SPANS = "the satellite does not trace itself"
_STATSD = "metrics are at /metrics of the admin ports, for Prometheus"
NO_EFFECT: Mapping[str, str] = {
    "api_key": _SAAS,
    "enable_meta_events": "spans of tracers about themselves are kept like all others",
    "forwarded_tags": _SAAS,
    "guid": _SAAS,
    "lightstep_access_token": _OWN_SPANS,
    "lightstep_collector_host": _OWN_SPANS,
    "lightstep_collector_plaintext": _OWN_SPANS,
    "lightstep_collector_port": _OWN_SPANS,
    "lightstep_use_http": _OWN_SPANS,
    "lightstep_verbose": _OWN_SPANS,
    "pool": _SAAS,
    "routing_tags": _SAAS,
    "sample_one_in_n": _ALL_SPANS,
    "sample_percent": _ALL_SPANS,
    "satellite_key": _SAAS,
    "satellite_type_flavor": "there is one kind of satellite",
}
"""Names of the original that are accepted without effect, and why. See also NO_EFFECT_PREFIXES."""

NO_EFFECT_PREFIXES: Mapping[str, str] = {
    "logging_stderr_config_": "use logging_level and logging_format",
    "rainbow_": _SAAS,
    "space_station_": _SAAS,
    "span_forwarding_": _SAAS,
    "span_fowarding_": _SAAS,  # as LightStep's documentation spelled it
    "statsd_": _STATSD,
}
"""The same for all names that begin so."""


def why_no_effect(name: str, value: object = None) -> str | None:
    """The reason why this name of the original has no effect here, with this value; None when it has one, or is unknown."""
    if name in _ONLY_DIAGNOSTICS and port(value) in (OFF, str(OFF)):
        return "there it switched a page of diagnostics off; here Explorer is at that port, `explorer_port` 0 switches it off"
    if name in NO_EFFECT:
        return NO_EFFECT[name]
    return next((why for prefix, why in NO_EFFECT_PREFIXES.items() if name.startswith(prefix)), None)

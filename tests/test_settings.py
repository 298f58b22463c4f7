import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
import typer
from pydantic import ValidationError
from typer.testing import CliRunner

from satellite.cli.settings import EVERYDAY, settings
from satellite.settings import ANY_FREE_PORT, OFF, SECOND_PORTS, BadSetting, Settings, Shown, load


def write(file: Path, text: str) -> str:
    file.write_text(text)
    return str(file)


def test_defaults_are_those_of_the_real_satellite() -> None:
    settings = Settings()
    assert (settings.grpc_secure_port, settings.grpc_plain_port) == (9292, 8184)
    assert (settings.http_secure_port, settings.http_plain_port) == (9191, 8181)
    assert (settings.admin_secure_port, settings.admin_plain_port) == (9090, 8180)
    assert (settings.explorer_port, settings.developer_plain_port) == (8000, 8360)
    assert (settings.secure_port, settings.plain_port) == (9393, 8383)
    assert (settings.otlp_grpc_port, settings.otlp_http_port, settings.zipkin_port) == (4317, 4318, 9411)
    assert (settings.jaeger_grpc_port, settings.jaeger_http_port) == (14250, 14268)
    assert settings.bytes_per_project == 1_000_000_000
    assert settings.max_msg_size_bytes == 64 * 2**20
    assert load({}, {}).settings == settings


def test_nothing_is_read_behind_the_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOST", "10.0.0.1")
    monkeypatch.setenv("COLLECTOR_HOST", "10.0.0.1")
    assert Settings().host == load({}, {}).settings.host == "0.0.0.0"


def test_settings_are_frozen_and_know_their_names() -> None:
    with pytest.raises(ValidationError):
        Settings().host = "::1"  # type: ignore[misc]
    with pytest.raises(ValidationError):
        Settings(hots="::1")  # type: ignore[call-arg]


def test_precedence(tmp_path: Path) -> None:
    """Flags, the flag's file, the environment, the environment's file, defaults: each loses to those before it."""
    by_flag = write(tmp_path / "flag.yaml", "http_plain_port: 2\ngrpc_plain_port: 2")
    by_environment = write(
        tmp_path / "env.yaml", "http_plain_port: 4\ngrpc_plain_port: 4\nadmin_plain_port: 4\nexplorer_port: 5"
    )
    loaded = load(
        {"http-plain-port": "1", "collector-base-config": by_flag},
        {
            "COLLECTOR_HTTP_PLAIN_PORT": "3",
            "COLLECTOR_GRPC_PLAIN_PORT": "3",
            "COLLECTOR_ADMIN_PLAIN_PORT": "3",
            "COLLECTOR_BASE_CONFIG": by_environment,
        },
    )
    names = ["http_plain_port", "grpc_plain_port", "admin_plain_port", "explorer_port", "http_secure_port"]
    assert [getattr(loaded.settings, name) for name in names] == [1, 2, 3, 5, 9191]
    assert [loaded.origin[name] for name in names] == [
        "flag --http-plain-port",
        f"file {by_flag}: grpc_plain_port",
        "environment COLLECTOR_ADMIN_PLAIN_PORT",
        f"file {by_environment}: explorer_port",
        "default",
    ]


@pytest.mark.parametrize(
    ("variable", "field", "text", "value"),
    [
        ("BABYSITTER_PORT", "explorer_port", "8001", 8001),
        ("DIAGNOSTIC_PORT", "explorer_port", "8001", 8001),
        ("DIAGNOSTICS_PLAIN_PORT", "explorer_port", "8001", 8001),
        ("REPORTER_BYTES_PER_PROJECT", "bytes_per_project", "100000000", 100_000_000),
        ("BYTES_PER_PROJECT", "bytes_per_project", "5", 5),
        ("REPORTER_BYTES_PER_PROJECT_OVERRIDES", "bytes_per_project_overrides", '{"a": 7}', {"a": 7}),
        ("BYTES_PER_PROJECT_OVERRIDE", "bytes_per_project_overrides", '{"a": 7}', {"a": 7}),
        ("MAX_MSG_SIZE_BYTES", "max_msg_size_bytes", "16777216", 16_777_216),
        ("GRPC_MAX_MSG_SIZE_BYTES", "max_msg_size_bytes", "16777216", 16_777_216),
        ("INGESTION_TAGS", "ingestion_tags", "a:b, url:http://x:1", {"a": "b", "url": "http://x:1"}),
        ("GRPC_PLAIN_PORT", "grpc_plain_port", "0", OFF),
        ("GRPC_PLAIN_PORT", "grpc_plain_port", "off", OFF),
        ("GRPC_PLAIN_PORT", "grpc_plain_port", "free", ANY_FREE_PORT),
        ("SAN", "san", "a.example, 10.0.0.1", ("a.example", "10.0.0.1")),
        ("TLS_CERT_PREFIX", "tls_cert_prefix", "/etc/tls/satellite", Path("/etc/tls/satellite")),
        ("TLS_CERT_PREFIX", "tls_cert_prefix", "", None),
        ("LOGGING_VERBOSE", "logging_verbose", "true", True),
        ("PROJECT_ID", "project_name", "mine", "mine"),
    ],
)
def test_environment_names_of_the_original(variable: str, field: str, text: str, value: object) -> None:
    assert getattr(load({}, {f"COLLECTOR_{variable}": text}).settings, field) == value


def test_yaml_keys_nest_and_may_hold_maps(tmp_path: Path) -> None:
    file = write(
        tmp_path / "c.yaml",
        """
logging: {level: debug, stderr_config: {enabled: true}}
bytes_per_project_override: {shop: 7}
ingestion_tags: {team: blue}
san: [a.example, b.example]
grpc_plain_port: off
statsd: {host: localhost}
project_name:
""",
    )
    loaded = load({"collector_base_config": file}, {})
    assert loaded.settings.logging_level == "debug"
    assert loaded.settings.bytes_per_project_overrides == {"shop": 7}
    assert loaded.settings.ingestion_tags == {"team": "blue"}
    assert loaded.settings.san == ("a.example", "b.example")
    assert loaded.settings.grpc_plain_port == OFF
    assert loaded.origin["project_name"] == "default"
    assert [line.split(": ")[1] for line in loaded.no_effect] == [
        "logging_stderr_config_enabled",
        "statsd_host",
    ]


def test_names_for_the_saas_are_accepted_and_told(tmp_path: Path) -> None:
    file = write(tmp_path / "c.yaml", "satellite_type: {flavor: micro}\nspan_fowarding: {buffer_size: 5}")
    loaded = load(
        {"collector_base_config": file},
        {
            "COLLECTOR_SATELLITE_KEY": "s3cret",
            "COLLECTOR_POOL": "mine",
            "COLLECTOR_SPACE_STATION_GRPC_ENDPOINT_ADDRESS": "x",
            "COLLECTOR_ROUTING_TAGS": "a:b",
            "COLLECTOR_SAMPLE_PERCENT": "10",
            "GUID": "pod-1",
        },
    )
    assert len(loaded.no_effect) == 7
    assert not loaded.unknown
    assert "s3cret" not in str(loaded)


def test_unknown_environment_names_are_told_with_the_nearest() -> None:
    loaded = load({}, {"COLLECTOR_HTTP_PLANE_PORT": "1", "COLLECTOR_XYZ": "1", "OTHER": "1"})
    assert loaded.unknown == [
        "environment COLLECTOR_HTTP_PLANE_PORT: no such setting, did you mean COLLECTOR_HTTP_PLAIN_PORT?",
        "environment COLLECTOR_XYZ: no such setting",
    ]


@pytest.mark.parametrize(
    ("flags", "environ", "message"),
    [
        ({"hots": "x"}, {}, "flag --hots: no such setting, did you mean host?"),
        ({}, {"COLLECTOR_EXPLORER_PORT": "99999"}, "environment COLLECTOR_EXPLORER_PORT: .*65535"),
        ({}, {"COLLECTOR_EXPLORER_PORT": "http"}, "environment COLLECTOR_EXPLORER_PORT: write a port"),
        ({"bytes_per_project_overrides": "{"}, {}, "flag --bytes-per-project-overrides: not JSON"),
        (
            {"bytes_per_project_overrides": '{"a": "x"}'},
            {},
            "flag --bytes-per-project-overrides, a: write bytes",
        ),
        ({"ingestion_tags": "blue"}, {}, "flag --ingestion-tags: write tags as key:value"),
        ({"logging_level": "loud"}, {}, "flag --logging-level: .*'debug'"),
        ({"duplicate_window_seconds": "nan"}, {}, "flag --duplicate-window-seconds: .*finite"),
        ({"http_plain_port": "8000"}, {}, "http_plain_port and explorer_port are both 8000"),
        ({"disable_access_token_checking": "yes"}, {}, "needs project_name"),
        (
            {},
            {"COLLECTOR_DIAGNOSTIC_PORT": "1", "COLLECTOR_BABYSITTER_PORT": "2"},
            "are one setting and differ",
        ),
        ({"access_tokens_file": "/nowhere/t.yaml"}, {}, "flag --access-tokens-file: cannot read"),
        ({}, {"COLLECTOR_BASE_CONFIG": "/nowhere/c.yaml"}, "environment COLLECTOR_BASE_CONFIG: cannot read"),
    ],
)
def test_a_bad_value_names_its_source(flags: dict[str, str], environ: dict[str, str], message: str) -> None:
    with pytest.raises(BadSetting, match=message):
        load(flags, environ)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hots: x", "hots: no such setting, did you mean host"),
        ("http: {plain: {port: 1, prot: 2}}", "http_plain_prot: no such setting"),
        ("explorer_port: on", "explorer_port: write a port's number"),
        ("a: [", "line 1, column 5: not YAML"),
        ("- a", "must hold a mapping"),
    ],
)
def test_a_bad_file_names_the_place(tmp_path: Path, text: str, message: str) -> None:
    file = write(tmp_path / "c.yaml", text)
    with pytest.raises(BadSetting, match=message):
        load({"collector-base-config": file}, {})


def test_the_developer_port_gives_way_to_the_original_developer_satellite() -> None:
    loaded = load({}, {"COLLECTOR_HTTP_PLAIN_PORT": "8360"})
    assert loaded.settings.developer_plain_port == OFF
    assert loaded.origin["developer_plain_port"] == "another listener has its port"
    with pytest.raises(BadSetting, match="both 8360"):
        load({"developer_plain_port": 8360}, {"COLLECTOR_HTTP_PLAIN_PORT": "8360"})


@pytest.mark.parametrize("name", SECOND_PORTS)
def test_a_port_that_serves_once_more_gives_way(name: str) -> None:
    default = Settings.model_fields[name].default
    loaded = load({"http_plain_port": default}, {})
    assert getattr(loaded.settings, name) == OFF
    assert loaded.origin[name] == "another listener has its port"
    assert load({}, {}).origin[name] == "default"


@pytest.mark.parametrize(("given", "value"), [(None, None), ("on", True), ("false", False), (False, False)])
def test_mixed_tls(given: Any, value: bool | None) -> None:
    assert load({} if given is None else {"mixed_tls": given}, {}).settings.mixed_tls is value


def test_tokens_come_from_a_file_too(tmp_path: Path) -> None:
    file = write(tmp_path / "t.yaml", "s3cret/2: bank\ns3cret/3: shop")
    loaded = load({"access_tokens_file": file}, {"COLLECTOR_ACCESS_TOKENS": '{"s3cret/1": "shop"}'})
    projects = {"s3cret/1": "shop", "s3cret/2": "bank", "s3cret/3": "shop"}
    assert loaded.settings.access_tokens.get_secret_value() == projects
    assert loaded.origin["access_tokens"] == f"environment COLLECTOR_ACCESS_TOKENS, file {file}"
    shown = {setting.name: setting for setting in loaded.shown()}
    assert shown["access_tokens"].value == {"tokens": 3, "projects": ["bank", "shop"]}
    assert "s3cret" not in repr(loaded) + repr(shown)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("chdb:///var/lib/spans", "chdb:///var/lib/spans"),
        ("http://clickhouse", "http://clickhouse"),
        ("https://me:s3cret%40@[::1]:8443/spans", "https://[::1]:8443/spans"),
        ("http://me:s3cret@x@host:8123/spans", "http://host:8123/spans"),
    ],
)
def test_where_clickhouse_is_is_shown_without_credentials(url: str, shown: str) -> None:
    loaded = load({"store": "clickhouse", "clickhouse_url": url}, {})
    assert loaded.settings.clickhouse_url.get_secret_value() == url
    assert {setting.name: setting.value for setting in loaded.shown()}["clickhouse_url"] == shown
    assert "s3cret" not in repr(loaded) + repr(loaded.shown())


def test_retention_by_time_is_clickhouse_s() -> None:
    given = {"retention_seconds": "3600", "retention_seconds_overrides": '{"shop": 60}'}
    loaded = load({"store": "clickhouse", "clickhouse_url": "chdb:///x", **given}, {})
    assert loaded.settings.retention_seconds_overrides == {"shop": 60}
    with pytest.raises(BadSetting, match="needs store clickhouse"):
        load({"retention_seconds": "3600"}, {})
    with pytest.raises(BadSetting, match="more than 0"):
        load({"store": "clickhouse", "clickhouse_url": "chdb:///x", "retention_seconds": "0"}, {})


@pytest.mark.parametrize(
    "url",
    [
        "",
        "chdb:///",
        "chdb://here",
        "s3cret",
        "http://",
        "http://me:s3cret@host:99999/x",
        "clickhouse://me:s3cret@host",
    ],
)
def test_clickhouse_needs_a_url_that_it_can_be_reached_by(url: str) -> None:
    with pytest.raises(BadSetting, match=r"clickhouse.url") as refusal:
        load({"store": "clickhouse", "clickhouse_url": url}, {})
    assert "s3cret" not in str(refusal.value)


@pytest.mark.parametrize(
    "text", ["", "{}", "s3cret: ", "12: shop", "- s3cret", "s3cret: a b", "s3cret: [", "s3cret: bank"]
)
def test_a_bad_token_file_is_refused_without_saying_a_token(tmp_path: Path, text: str) -> None:
    """An empty list among them: it must not let everybody in."""
    file = write(tmp_path / "t.yaml", text)
    with pytest.raises(BadSetting) as caught:
        load({"access_tokens_file": file, "access_tokens": '{"s3cret": "shop"}'}, {})
    assert "s3cret" not in str(caught.value)
    assert str(file) in str(caught.value)


@pytest.mark.parametrize(
    "text", ['{"s3cret": "a b"}', '{"s3cret', '["s3cret"]', '{"s3cret": 5}', '{"": "shop"}']
)
def test_bad_tokens_are_refused_without_saying_them(text: str) -> None:
    with pytest.raises(BadSetting, match="environment COLLECTOR_ACCESS_TOKENS") as caught:
        load({}, {"COLLECTOR_ACCESS_TOKENS": text})
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_every_setting_says_what_it_does() -> None:
    assert all(setting.help for setting in load({}, {}).shown())


def test_certificates_go_where_state_goes() -> None:
    certificates = Path("mock-lightstep-satellite", "certs")
    assert load({}, {}).settings.cert_dir == Path.home() / ".local" / "state" / certificates
    loaded = load({}, {"XDG_STATE_HOME": "/var/state"})
    assert loaded.settings.cert_dir == Path("/var/state") / certificates
    assert loaded.origin["cert_dir"] == "environment XDG_STATE_HOME"
    assert load({"cert_dir": "here"}, {"XDG_STATE_HOME": "/var/state"}).settings.cert_dir == Path("here")


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> typer.Typer:
    for name in ("HOST", "BASE_CONFIG", "POOL"):
        monkeypatch.delenv(f"COLLECTOR_{name}", raising=False)
    app = typer.Typer()
    app.command()(settings)
    return app


def shown(command: typer.Typer, *arguments: str, **environ: str) -> dict[str, dict[str, object]]:
    result = CliRunner().invoke(command, [*arguments, "--format", "json"], env=environ)
    assert result.exit_code == 0, result.output
    return {entry["name"]: entry for entry in json.loads(result.stdout)["settings"]}


def test_the_command_shows_value_and_origin(command: typer.Typer, tmp_path: Path) -> None:
    file = write(tmp_path / "c.yaml", "explorer_port: 1\ngrpc_plain_port: 1")
    entries = shown(
        command,
        *("--san", "a.example,b.example", "--san", "c.example"),
        *("--set", "bytes-in-total=7", "--set", "ingestion_tags=a:b=c"),
        *("--explorer-port", "2", "--collector_base_config", file),
        COLLECTOR_HOST="127.0.0.1",
        COLLECTOR_ACCESS_TOKENS='{"s3cret": "shop"}',
    )
    assert {name: (entry["value"], entry["origin"]) for name, entry in entries.items()} == {
        name: (entry["value"], "default") for name, entry in entries.items()
    } | {
        "san": (["a.example", "b.example", "c.example"], "flag --san"),
        "bytes_in_total": (7, "flag --set bytes_in_total"),
        "ingestion_tags": ({"a": "b=c"}, "flag --set ingestion_tags"),
        "explorer_port": (2, "flag --explorer-port"),
        "grpc_plain_port": (1, f"file {file}: grpc_plain_port"),
        "host": ("127.0.0.1", "environment COLLECTOR_HOST"),
        "access_tokens": ({"tokens": 1, "projects": ["shop"]}, "environment COLLECTOR_ACCESS_TOKENS"),
    }


def test_the_table_has_a_row_for_each_setting_and_no_secret(command: typer.Typer) -> None:
    result = CliRunner().invoke(
        command, [], env={"COLLECTOR_ACCESS_TOKENS": '{"s3cret": "shop"}', "COLLECTOR_POOL": "x"}
    )
    assert result.exit_code == 0
    assert all(name in result.stdout for name in Settings.model_fields)
    assert '{"tokens": 1' in result.stdout
    assert "accepted, no effect: environment COLLECTOR_POOL" in result.stderr
    assert "s3cret" not in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "hots=x"], "satellite: flag --set hots: no such setting, did you mean host?"),
        (["--set", "host"], "write --set name=value"),
        (["--host", "a", "--set", "host=b"], "flag --host and flag --set host are one setting and differ"),
        (["--explorer-port", "x"], "satellite: flag --explorer-port: "),
    ],
)
def test_the_command_says_what_is_wrong(command: typer.Typer, arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_everyday_flags_show_their_help(command: typer.Typer) -> None:
    result = CliRunner().invoke(command, ["--help"], env={"COLUMNS": "200"})
    assert all(f"--{name.replace('_', '-')}" in result.output for name in EVERYDAY)
    assert "Default: 9292" in result.output


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        ({}, ""),
        ([], ""),
        ({"shop": 5}, '{"shop": 5}'),
        (["a", "b"], '["a", "b"]'),
        (True, "true"),
        (0, "0"),
        ("x", "x"),
    ],
)
def test_a_value_on_one_line(value: Any, text: str) -> None:
    assert Shown("name", value, "default", "", ()).text == text


@pytest.mark.parametrize("name", ["BABYSITTER_PORT", "DIAGNOSTIC_PORT", "DIAGNOSTICS_PLAIN_PORT"])
@pytest.mark.parametrize("value", ["0", "off"])
def test_switching_off_the_originals_diagnostics_leaves_explorer_on(name: str, value: str) -> None:
    loaded = load({}, {f"COLLECTOR_{name}": value})
    assert loaded.settings.explorer_port == 8000
    [said] = loaded.no_effect
    assert said.startswith(f"environment COLLECTOR_{name}: ")
    assert "explorer_port" in said
    beside = load({}, {f"COLLECTOR_{name}": value, "COLLECTOR_EXPLORER_PORT": "8001"})
    assert beside.settings.explorer_port == 8001
    assert load({}, {"COLLECTOR_EXPLORER_PORT": "0"}).settings.explorer_port == 0


def test_a_cluster_is_one_of_a_server() -> None:
    url = "http://clickhouse:8123/satellite"
    loaded = load({"store": "clickhouse", "clickhouse_url": url, "clickhouse_cluster": "mesh"}, {})
    assert loaded.settings.clickhouse_cluster == "mesh"
    with pytest.raises(BadSetting, match="clickhouse_cluster needs a server"):
        load({"store": "clickhouse", "clickhouse_url": "chdb:///x", "clickhouse_cluster": "mesh"}, {})
    with pytest.raises(BadSetting, match="clickhouse-cluster"):
        load({"store": "clickhouse", "clickhouse_url": url, "clickhouse_cluster": "a'b"}, {})


@pytest.mark.parametrize(
    ("text", "value"),
    [("512Mi", 2**29), ("1.5 GB", 1_500_000_000), ("2gib", 2**31), ("64k", 64_000), ("7b", 7), ("7", 7)],
)
def test_bytes_may_have_a_unit(text: str, value: int) -> None:
    environ = {
        "COLLECTOR_BYTES_PER_PROJECT": text,
        "COLLECTOR_BYTES_PER_PROJECT_OVERRIDES": json.dumps({"a": text}),
    }
    settings = load({}, environ).settings
    assert (settings.bytes_per_project, settings.bytes_per_project_overrides) == (value, {"a": value})


@pytest.mark.parametrize(
    ("text", "value"), [("2m", 120), ("500ms", 0.5), ("1.5 h", 5400), ("30", 30), ("1D", 86400)]
)
def test_seconds_may_have_a_unit(text: str, value: float) -> None:
    assert load({}, {"COLLECTOR_DUPLICATE_WINDOW_SECONDS": text}).settings.duplicate_window_seconds == value


@pytest.mark.parametrize("text", ["1 sack", "GB", "-1k", "1e3k", "0x10", "1_0 k k", "9" * 40 + "k"])
def test_units_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(BadSetting, match="BYTES_PER_PROJECT"):
        load({}, {"COLLECTOR_BYTES_PER_PROJECT": text})


def test_an_address_may_have_the_brackets_of_a_url() -> None:
    assert load({}, {"COLLECTOR_HOST": "[::1]"}).settings.host == "::1"


@pytest.mark.parametrize("name", [*Settings.model_fields])
def test_what_is_wrong_with_a_value_is_said_in_our_words(name: str) -> None:
    values: list[Any] = ["x y", "1.5", "-7", "99999999999", "nan", "{}", '{"": 1}', '{"a": "x"}', "[1]"]
    refused = 0
    for value in [*values, 1.5, -7, 10**11, math.inf, [1], {"a": 0}, {"a": "x"}, {7: "x"}, True]:
        try:
            load({name: value}, {})
        except BadSetting as error:
            refused += 1
            told = str(error)
            assert not re.search(r"Input|String|Value|unable|valid ", told), (value, told)
            assert told.startswith("flag --") or name in told
    assert refused


@pytest.mark.parametrize(
    ("name", "value", "right"),
    [
        ("grpc_plain_port", "x", "write a port's number, 0 for no listener, or `free` for any that is"),
        ("grpc_plain_port", "70000", "must be at most 65535"),
        ("bytes_per_project", "12x", "write bytes as a whole number, or with a unit, as 512MiB, 2GB"),
        ("question_seconds_max", "soon", "write seconds as a number, or with a unit, as 500ms, 30s, 2m"),
        ("question_seconds_max", "0", "must be more than 0"),
        ("receivers", "many", "write a whole number"),
        ("logging_level", "loud", "write 'debug', 'info', 'warning' or 'error'"),
        ("strict_checks", "perhaps", "write true or false"),
    ],
)
def test_a_bad_value_says_what_would_be_right(name: str, value: str, right: str) -> None:
    with pytest.raises(BadSetting) as caught:
        load({}, {f"COLLECTOR_{name.upper()}": value})
    assert str(caught.value) == f"environment COLLECTOR_{name.upper()}: {right}"

"""Certificates: made, kept, renewed, reloaded; seen by real clients on 127.0.0.1."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import re
import socket
import ssl
import subprocess
import sys
import warnings
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from satellite.edges.certificate_folder import NAMES, NAMES_MAX, CertificateFolder
from satellite.edges.certificates import BACKDATED, BadCertificates, issue_ca, issue_server
from satellite.edges.tls import CertificateStore
from satellite.errors import BadRequest

DAY = timedelta(days=1)
OTHER_CA = trustme.CA()
REFUSED = "EOF occurred|ALERT_PROTOCOL_VERSION|NO_PROTOCOLS_AVAILABLE"
"""What a client hears that knows no TLS version of ours; the last when its own OpenSSL has left the old ones out."""


class Clock:
    """The real time, shifted: clients of these tests check dates too."""

    def __init__(self, shift: timedelta = timedelta()) -> None:
        self.shift = shift

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.shift


def store_in(folder: Path, *, clock: Clock | None = None, names: Sequence[str] = ()) -> CertificateStore:
    return CertificateStore(folder, clock=clock or Clock(), host_name="workstation", names=names)


def own(prefix: Path, *, clock: Clock | None = None) -> CertificateStore:
    return CertificateStore(prefix.parent / "untouched", clock=clock or Clock(), prefix=prefix)


def write_own(prefix: Path, issued: trustme.LeafCert, *roots: trustme.CA) -> None:
    chain = b"".join(blob.bytes() for blob in issued.cert_chain_pems)
    chain += b"".join(root.cert_pem.bytes() for root in roots)
    Path(f"{prefix}.bundle.pem").write_bytes(chain)
    Path(f"{prefix}.key.pem").write_bytes(issued.private_key_pem.bytes())


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def served(store: CertificateStore) -> str:
    return store.describe()[0].sha256


def ca_of(store: CertificateStore) -> bytes:
    pem = store.ca_pem
    assert pem is not None
    return pem


# Clients and servers


@dataclass
class Seen:
    sha256: str
    alpn: str | None
    version: str | None


def shake(
    port: int,
    ca_pem: bytes,
    *,
    name: str | None = "localhost",
    alpn: Sequence[str] = (),
    version: ssl.TLSVersion | None = None,
) -> Seen:
    """One handshake, as strict as OpenSSL can be; `name` None: no SNI, names unchecked, as Envoy from Istio does it."""
    context = ssl.create_default_context(cadata=ca_pem.decode("ascii"))
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.check_hostname = name is not None
    if alpn:
        context.set_alpn_protocols(list(alpn))
    if version is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = context.maximum_version = version
        context.set_ciphers("ALL:@SECLEVEL=0")
    with (
        socket.create_connection(("127.0.0.1", port), timeout=20) as plain,
        context.wrap_socket(plain, server_hostname=name) as secured,
    ):
        certificate = secured.getpeercert(binary_form=True)
        assert certificate is not None
        fingerprint = x509.load_der_x509_certificate(certificate).fingerprint(hashes.SHA256())
        return Seen(fingerprint.hex(":").upper(), secured.selected_alpn_protocol(), secured.version())


@contextlib.asynccontextmanager
async def http_port(context: ssl.SSLContext) -> AsyncIterator[int]:
    """A TLS port that lets the other side close."""

    async def wait_for_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            await reader.read()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    server = await asyncio.start_server(wait_for_the_end, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


class Echo(grpc.GenericRpcHandler):
    def service(self, _details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:
        async def answer(request: bytes, _context: object) -> bytes:
            return request

        return grpc.unary_unary_rpc_method_handler(answer)


@contextlib.asynccontextmanager
async def grpc_port(credentials: grpc.ServerCredentials) -> AsyncIterator[int]:
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((Echo(),))
    port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    try:
        yield port
    finally:
        await server.stop(None)


async def call(port: int, ca_pem: bytes, *, host: str = "localhost", **options: str) -> bytes:
    """The answer to one call over a connection of its own; `options` without their `grpc.`."""
    channel = grpc.aio.secure_channel(
        f"{host}:{port}",
        grpc.ssl_channel_credentials(ca_pem),
        options=[(f"grpc.{key}", value) for key, value in options.items()]
        + [("grpc.use_local_subchannel_pool", 1)],
    )
    async with channel:
        method: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary("/any/Method")
        return await method(b"hello", timeout=20)


# Made


def test_made_on_first_use_and_kept(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "certs"
    store = store_in(folder)
    assert not folder.exists()
    assert store.refresh()
    first = contents(folder)
    assert set(first) == {"ca.pem", "ca.key.pem", "server.bundle.pem", "server.key.pem", ".lock"}
    assert not store.refresh()
    again = store_in(folder)
    assert again.refresh()
    assert again.describe() == store.describe()
    assert contents(folder) == first
    assert store.warnings == []


def test_names_dates_and_usage(tmp_path: Path) -> None:
    clock = Clock()
    store = store_in(
        tmp_path,
        clock=clock,
        names=["Satellite.Example.COM.", "10.1.2.3", "[fd00::1]", "*.dev", "bücher.example"],
    )
    server, ca = store.describe()
    assert (server.role, ca.role) == ("server", "ca")
    extra = ("satellite.example.com", "10.1.2.3", "fd00::1", "*.dev", "xn--bcher-kva.example")
    assert server.names == (*NAMES, *extra, "workstation")
    assert server.issuer == ca.subject == ca.issuer
    assert (server.source, server.file, ca.file) == (
        "made",
        str(tmp_path / "server.bundle.pem"),
        str(tmp_path / "ca.pem"),
    )
    assert server.not_after - server.not_before <= timedelta(days=398)
    assert server.not_before <= clock() - BACKDATED
    assert ca.not_after - clock() > 3600 * DAY
    assert re.fullmatch("([0-9A-F]{2}:){31}[0-9A-F]{2}", server.sha256)

    certificate = x509.load_pem_x509_certificate((tmp_path / "server.bundle.pem").read_bytes())
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert isinstance(certificate.public_key(), ec.EllipticCurvePublicKey)
    authority = x509.load_pem_x509_certificate(ca_of(store))
    assert authority.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length == 0


@pytest.mark.parametrize(
    "name", ["", "https://a.example", "a.example:9292", "two words", "-a.example", "a..b", "a" * 64]
)
def test_bad_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadRequest, match="neither a DNS name nor an IP address"):
        store_in(tmp_path, names=[name])


def test_host_name_that_is_no_dns_name_is_left_out(tmp_path: Path) -> None:
    store = CertificateStore(tmp_path, clock=Clock(), host_name="My Laptop!")
    assert store.describe()[0].names == NAMES


def test_private_keys_are_the_owners_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before_rename: dict[str, int] = {}
    replace = Path.replace

    def watched(self: Path, target: Path) -> Path:
        before_rename[target.name] = self.stat().st_mode & 0o777
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", watched)
    umask = os.umask(0)
    try:
        store_in(tmp_path).refresh()
    finally:
        os.umask(umask)
    assert before_rename == {
        "ca.key.pem": 0o600,
        "ca.pem": 0o644,
        "server.key.pem": 0o600,
        "server.bundle.pem": 0o644,
    }
    for name in ("ca.key.pem", "server.key.pem"):
        (tmp_path / name).chmod(0o644)
    store_in(tmp_path).refresh()
    assert {(tmp_path / name).stat().st_mode & 0o777 for name in ("ca.key.pem", "server.key.pem")} == {0o600}


def test_processes_that_start_together_share_one_ca(tmp_path: Path) -> None:
    code = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from satellite.edges.tls import CertificateStore

sys.stdin.readline()
store = CertificateStore(Path(sys.argv[1]), clock=lambda: datetime.now(UTC))
print([certificate.sha256 for certificate in store.describe()])
"""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path / "certs")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = {process.communicate(timeout=120)[0] for process in processes}
    assert len(answers) == 1
    assert answers != {""}


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadCertificates, match="cannot be written to") as failure:
        store_in(tmp_path / "file" / "certs").refresh()
    assert failure.value.hint is not None


def test_reading_only_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(BadCertificates, match="nothing to serve"):
        CertificateStore(tmp_path, clock=Clock(), make=False).describe()
    assert list(tmp_path.iterdir()) == []
    store_in(tmp_path).refresh()
    before = contents(tmp_path)
    reader = CertificateStore(tmp_path, clock=Clock(380 * DAY), make=False)
    assert reader.describe() == store_in(tmp_path).describe()
    assert reader.warnings == ["a certificate is to be renewed"]
    assert contents(tmp_path) == before


# Renewed


def test_renewed_before_it_expires_under_the_same_ca(tmp_path: Path) -> None:
    clock = Clock()
    store = store_in(tmp_path, clock=clock)
    before, ca_pem = served(store), ca_of(store)
    ends = store.describe()[0].not_after

    clock.shift = ends - clock() - 31 * DAY
    assert not store.refresh()
    clock.shift += 2 * DAY
    assert store.refresh()
    assert served(store) != before
    assert store.describe()[0].not_after > ends + 300 * DAY
    assert ca_of(store) == ca_pem
    assert not store.refresh()


def test_renewed_in_memory_when_the_folder_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Secret as a volume of a pod that is never restarted."""
    clock = Clock(-390 * DAY)
    store_in(tmp_path, clock=clock).refresh()

    def refuse(*_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("satellite.edges.certificate_folder.write", refuse)
    store = store_in(tmp_path, clock=clock)
    before, files, context = served(store), contents(tmp_path), store.ssl_context()
    assert not store.refresh()
    clock.shift += 390 * DAY
    assert store.refresh()
    assert store.warnings == []
    assert served(store) != before
    assert not store.refresh()

    async def run() -> None:
        for serving in (context, store.ssl_context(), store.ssl_context(("h2",))):
            async with http_port(serving) as port:
                assert (await asyncio.to_thread(shake, port, ca_of(store))).sha256 == served(store)

    asyncio.run(run())
    clock.shift += 390 * DAY
    assert store.refresh()
    assert store.warnings == []
    assert {name: text for name, text in contents(tmp_path).items() if name != ".lock"} == {
        name: text for name, text in files.items() if name != ".lock"
    }


def test_missing_name_gives_a_new_certificate_that_keeps_the_others(tmp_path: Path) -> None:
    first = store_in(tmp_path, names=["one.example"])
    ca_pem = ca_of(first)
    second = store_in(tmp_path, names=["two.example"])
    assert set(second.describe()[0].names) == {*NAMES, "workstation", "one.example", "two.example"}
    assert ca_of(second) == ca_pem
    # Both wishes are met, so the two do not take turns.
    assert first.refresh()
    assert served(first) == served(second)
    assert not second.refresh()


def test_names_of_the_past_are_bounded(tmp_path: Path) -> None:
    store_in(tmp_path, names=[f"pod-{number}" for number in range(NAMES_MAX)]).refresh()
    names = store_in(tmp_path, names=["new.example"]).describe()[0].names
    assert len(names) == NAMES_MAX
    assert "new.example" in names


def test_renew_on_request_for_the_wanted_names_only(tmp_path: Path) -> None:
    store_in(tmp_path, names=["old.example"]).refresh()
    store = store_in(tmp_path)
    before, ca_pem = served(store), ca_of(store)
    store.renew()
    assert served(store) != before
    assert store.describe()[0].names == (*NAMES, "workstation")
    assert ca_of(store) == ca_pem


def test_clients_with_the_old_file_outlive_the_renewal_of_the_ca(tmp_path: Path) -> None:
    clock = Clock(-3400 * DAY)
    store = store_in(tmp_path, clock=clock)
    old = ca_of(store)
    clock.shift = timedelta()
    assert store.refresh()
    new = ca_of(store)
    assert new != old

    async def run() -> None:
        async with http_port(store.ssl_context()) as port:
            for ca_pem in (old, new):
                seen = await asyncio.to_thread(shake, port, ca_pem)
                assert seen.sha256 == served(store)

    asyncio.run(run())


def test_another_ca_in_the_folder_gives_another_server_certificate(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    before = served(store)
    other = store_in(tmp_path / "other")
    ca_pem = ca_of(other)
    for name in ("ca.pem", "ca.key.pem"):
        (tmp_path / "other" / name).replace(tmp_path / name)
    assert store.refresh()
    assert served(store) != before
    assert ca_of(store) == ca_pem
    assert store.describe()[0].issuer == store.describe()[1].subject


def test_half_written_pair_is_made_again(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    ca_pem = ca_of(store)
    (tmp_path / "server.key.pem").write_bytes((tmp_path / "ca.key.pem").read_bytes())
    assert store.refresh()
    assert ca_of(store) == ca_pem
    (tmp_path / "server.bundle.pem").unlink()
    assert store.refresh()
    assert store.warnings == []


def test_ca_without_its_key_is_never_replaced(tmp_path: Path) -> None:
    clock = Clock()
    store = store_in(tmp_path, clock=clock)
    before, ca_pem = served(store), ca_of(store)
    (tmp_path / "ca.key.pem").unlink()
    clock.shift = 380 * DAY
    assert not store.refresh()
    assert served(store) == before
    assert "ca.key.pem is missing" in store.warnings[0]
    # A new process serves it as long as it is there, and says so, too.
    assert "ca.key.pem is missing" in store_in(tmp_path, clock=clock).warnings[0]
    (tmp_path / "server.bundle.pem").unlink()
    with pytest.raises(BadCertificates, match=r"ca\.key\.pem is missing"):
        store_in(tmp_path, clock=clock).refresh()
    assert (tmp_path / "ca.pem").read_bytes() == ca_pem


def test_key_of_another_ca(tmp_path: Path) -> None:
    store_in(tmp_path).refresh()
    (tmp_path / "ca.key.pem").write_bytes((tmp_path / "server.key.pem").read_bytes())
    with pytest.raises(BadCertificates, match="is not the key of"):
        store_in(tmp_path, names=["new.example"]).renew()
    assert "is not the key of" in store_in(tmp_path, names=["new.example"]).warnings[0]


# Own certificates


def test_own_certificates(tmp_path: Path) -> None:
    ca = trustme.CA()
    intermediate = ca.create_child_ca()
    prefix = tmp_path / "satellite"
    write_own(prefix, intermediate.issue_cert("tracing.example", "127.0.0.1"), ca)
    store = own(prefix)
    assert [(shown.role, shown.source) for shown in store.describe()] == [
        ("server", "own"),
        ("intermediate", "own"),
        ("ca", "own"),
    ]
    assert store.describe()[0].names == ("tracing.example", "127.0.0.1")
    assert ca_of(store) == ca.cert_pem.bytes()
    assert not (tmp_path / "untouched").exists()
    with pytest.raises(BadCertificates, match="not renewed"):
        store.renew()

    async def run() -> None:
        async with http_port(store.ssl_context()) as port, grpc_port(store.grpc_credentials()) as secure_port:
            await asyncio.to_thread(shake, port, ca.cert_pem.bytes(), name="tracing.example")
            overridden = {"ssl_target_name_override": "tracing.example"}
            assert await call(secure_port, ca.cert_pem.bytes(), **overridden) == b"hello"

    asyncio.run(run())


def test_own_bundle_without_its_root_offers_no_ca(tmp_path: Path) -> None:
    write_own(tmp_path / "satellite", trustme.CA().issue_cert("tracing.example"))
    store = own(tmp_path / "satellite")
    assert store.ca_pem is None
    assert [shown.role for shown in store.describe()] == ["server"]
    assert store.warnings == []
    [note] = store.notes
    assert "does not end with its CA certificate" in note


def test_a_name_that_is_missing_and_cannot_be_added_is_no_problem(tmp_path: Path) -> None:
    """A pod is called otherwise each time; its certificates were made once, and the CA's key stayed at home."""
    store_in(tmp_path).refresh()
    (tmp_path / "ca.key.pem").unlink()
    store = CertificateStore(tmp_path, clock=Clock(), host_name="satellite-5d8f-x7k2")
    store.refresh()
    assert store.warnings == []
    [note] = store.notes
    assert "not for satellite-5d8f-x7k2, but " in note
    assert "ca.key.pem is missing" in note
    assert not store.refresh()
    assert store.notes == [note]


def test_lone_self_signed_certificate_is_its_own_ca(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = issue_ca(key, datetime.now(UTC)).public_bytes(serialization.Encoding.PEM)
    (tmp_path / "s.bundle.pem").write_bytes(certificate)
    (tmp_path / "s.key.pem").write_bytes(pem_of(key))
    store = own(tmp_path / "s")
    assert store.ca_pem == certificate
    assert [shown.role for shown in store.describe()] == ["server"]


def pem_of(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, password: bytes = b"") -> bytes:
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password:
        encryption = serialization.BestAvailableEncryption(password)
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


def test_own_files_that_cannot_be_served(tmp_path: Path) -> None:
    prefix = tmp_path / "s"
    bundle, key = tmp_path / "s.bundle.pem", tmp_path / "s.key.pem"

    def failure() -> str:
        with pytest.raises(BadCertificates) as caught:
            own(prefix).refresh()
        assert "BEGIN" not in str(caught.value.as_json())
        return f"{caught.value.message} {caught.value.hint}"

    assert f"{bundle} is missing" in failure()
    issued = OTHER_CA.issue_cert("a.example")
    write_own(prefix, issued)
    key.unlink()
    assert f"{key} is missing" in failure()
    key.mkdir()
    assert f"{key} cannot be read" in failure()
    key.rmdir()
    key.write_bytes(OTHER_CA.issue_cert("a.example").private_key_pem.bytes())
    assert "does not match the certificate" in failure()
    key.write_text("-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n")
    assert "does not hold a private key" in failure()
    key.write_bytes(pem_of(ec.generate_private_key(ec.SECP256R1()), b"password"))
    assert "has a password" in failure()
    write_own(prefix, issued)
    bundle.write_bytes(OTHER_CA.cert_pem.bytes() + bundle.read_bytes())
    assert "must be the first of the bundle" in failure()
    bundle.write_bytes(b"\xff not a certificate")
    assert "does not hold certificates" in failure()


def test_own_key_too_weak_for_tls(tmp_path: Path) -> None:
    key = rsa.generate_private_key(65537, 1024)
    authority = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    certificate = issue_server(issue_ca(authority, now), authority, key, ["a.example"], now)
    (tmp_path / "s.bundle.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (tmp_path / "s.key.pem").write_bytes(pem_of(key))
    with pytest.raises(BadCertificates, match="cannot be used for TLS: EE_KEY_TOO_SMALL"):
        own(tmp_path / "s").refresh()


def test_own_certificate_past_its_time_is_a_warning(tmp_path: Path) -> None:
    ca = trustme.CA()
    now = datetime.now(UTC)
    write_own(tmp_path / "s", ca.issue_cert("a.example", not_before=now - 9 * DAY, not_after=now + 9 * DAY))
    warnings = {days: own(tmp_path / "s", clock=Clock(days * DAY)).warnings for days in (-10, -22, 0, 10)}
    assert ["expires on" in warning for warning in warnings[0]] == [True]
    assert ["expired on" in warning for warning in warnings[10]] == [True]
    assert ["valid only from" in warning for warning in warnings[-22]] == [True]
    write_own(tmp_path / "s", ca.issue_cert("a.example", not_before=now, not_after=now + 99 * DAY))
    assert own(tmp_path / "s", clock=Clock(DAY)).warnings == []


def test_own_files_replaced_while_running(tmp_path: Path) -> None:
    ca = trustme.CA()
    prefix = tmp_path / "s"
    write_own(prefix, ca.issue_cert("a.example"))
    store = own(prefix)
    first = served(store)
    (tmp_path / "s.bundle.pem").write_bytes(ca.issue_cert("b.example").cert_chain_pems[0].bytes())
    assert not store.refresh()
    assert served(store) == first
    assert len(store.warnings) == 1
    assert store.warnings[0].endswith("what was loaded before is still served")
    write_own(prefix, ca.issue_cert("b.example"))
    assert store.refresh()
    assert store.describe()[0].names == ("b.example",)
    assert store.warnings == []
    # As before, only touched: nothing else is served.
    os.utime(tmp_path / "s.bundle.pem", ns=(1, 1))
    assert not store.refresh()


# Handshakes of HTTP


def test_http_handshakes(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    ca_pem = ca_of(store)

    async def run() -> None:
        async with http_port(store.ssl_context()) as port:
            for name in (
                "localhost",
                "127.0.0.1",
                "lightstep-satellite.lightstep.svc.cluster.local",
                "workstation",
                None,
            ):
                assert (await asyncio.to_thread(shake, port, ca_pem, name=name)).sha256 == served(store)
            with pytest.raises(ssl.SSLCertVerificationError, match="unable to get local issuer"):
                await asyncio.to_thread(shake, port, OTHER_CA.cert_pem.bytes())
            with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
                await asyncio.to_thread(shake, port, ca_pem, name="elsewhere.example")
            both = await asyncio.to_thread(shake, port, ca_pem, alpn=["h2", "http/1.1"])
            assert (both.alpn, both.version) == ("http/1.1", "TLSv1.3")
            assert (await asyncio.to_thread(shake, port, ca_pem, alpn=["h2"])).alpn is None
            older = await asyncio.to_thread(shake, port, ca_pem, version=ssl.TLSVersion.TLSv1_2)
            assert older.version == "TLSv1.2"
            with pytest.raises(ssl.SSLError, match=REFUSED):
                await asyncio.to_thread(shake, port, ca_pem, version=ssl.TLSVersion.TLSv1_1)

    asyncio.run(run())


def test_http_reload_on_the_same_port(tmp_path: Path) -> None:
    store = store_in(tmp_path, clock=Clock(-370 * DAY))
    ca_pem = ca_of(store)

    async def run() -> None:
        async with (
            http_port(store.ssl_context()) as first,
            http_port(store.ssl_context(["h2", "http/1.1"])) as second,
        ):
            before = served(store)
            store.renew()
            assert served(store) != before
            for port, alpn in ((first, "http/1.1"), (second, "h2")):
                for name in ("localhost", None):
                    seen = await asyncio.to_thread(shake, port, ca_pem, name=name, alpn=["h2", "http/1.1"])
                    assert seen == Seen(served(store), alpn, "TLSv1.3")
            with pytest.raises(ssl.SSLError, match=REFUSED):
                await asyncio.to_thread(shake, first, ca_pem, version=ssl.TLSVersion.TLSv1_1)

    asyncio.run(run())


# Handshakes of gRPC


def test_grpc_handshakes(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    ca_pem = ca_of(store)

    async def run() -> None:
        async with grpc_port(store.grpc_credentials()) as port:
            assert await call(port, ca_pem) == b"hello"
            assert await call(port, ca_pem, host="127.0.0.1") == b"hello"
            assert (
                await call(port, ca_pem, ssl_target_name_override="lightstep-satellite.lightstep") == b"hello"
            )
            with pytest.raises(grpc.aio.AioRpcError) as failure:
                await call(port, OTHER_CA.cert_pem.bytes())
            assert failure.value.code() is grpc.StatusCode.UNAVAILABLE
            assert await call(port, ca_pem) == b"hello"
            for name in ("localhost", None):
                seen = await asyncio.to_thread(shake, port, ca_pem, name=name, alpn=["h2", "http/1.1"])
                assert (seen.sha256, seen.alpn) == (served(store), "h2")
            older = await asyncio.to_thread(shake, port, ca_pem, alpn=["h2"], version=ssl.TLSVersion.TLSv1_2)
            assert older.version == "TLSv1.2"
            with pytest.raises(ssl.SSLError, match=REFUSED):
                await asyncio.to_thread(shake, port, ca_pem, alpn=["h2"], version=ssl.TLSVersion.TLSv1_1)
            assert await call(port, ca_pem) == b"hello"

    asyncio.run(run())


def test_grpc_reload_on_the_same_port(tmp_path: Path) -> None:
    clock = Clock(-370 * DAY)
    store = store_in(tmp_path, clock=clock)
    ca_pem = ca_of(store)

    async def run() -> None:
        async with grpc_port(store.grpc_credentials()) as port:
            before = await asyncio.to_thread(shake, port, ca_pem, alpn=["h2"])
            clock.shift = timedelta()
            assert store.refresh()
            for name in (None, "localhost"):
                after = await asyncio.to_thread(shake, port, ca_pem, name=name, alpn=["h2"])
                assert after == Seen(served(store), "h2", before.version)
            assert after.sha256 != before.sha256
            assert await call(port, ca_pem) == b"hello"

    asyncio.run(run())


# For others


def test_no_key_is_handed_out(tmp_path: Path) -> None:
    store_in(tmp_path).refresh()
    store = store_in(tmp_path)
    with (tmp_path / "ca.pem").open("ab") as ca:
        ca.write((tmp_path / "ca.key.pem").read_bytes())
    store.refresh()
    assert b"PRIVATE" not in ca_of(store)
    assert ca_of(store).count(b"BEGIN CERTIFICATE") == 1


def test_modes_are_set_whatever_the_umask_is(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "certs"
    for umask in (0o000, 0o077):
        before = os.umask(umask)
        try:
            store = CertificateStore(folder / str(umask), clock=lambda: datetime.now(UTC))
            store.refresh()
        finally:
            os.umask(before)
        modes = {file.name: file.stat().st_mode & 0o777 for file in store.folder.iterdir()}
        assert store.folder.stat().st_mode & 0o777 == 0o755
        assert modes["ca.pem"] == modes["server.bundle.pem"] == 0o644
        assert modes["ca.key.pem"] == modes["server.key.pem"] == 0o600
    assert folder.parent.stat().st_mode & 0o777 == 0o755


def test_files_replaced_while_they_are_read_are_no_mismatch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = CertificateStore(tmp_path, clock=lambda: datetime.now(UTC))
    second = CertificateStore(tmp_path, clock=lambda: datetime.now(UTC))
    first.refresh()
    look = CertificateFolder._look

    def look_and_be_overtaken(self: CertificateFolder, now: datetime) -> object:
        found = look(self, now)
        if self is second._folder:
            monkeypatch.undo()
            first.renew()
        return found

    monkeypatch.setattr(CertificateFolder, "_look", look_and_be_overtaken)
    second.refresh()
    second.ssl_context()

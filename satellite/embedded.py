"""A satellite in a thread of this process, as tests and programs want one: `with Satellite() as satellite:`."""

from __future__ import annotations

import tempfile
import threading
from concurrent.futures import Future
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from satellite.app import App
from satellite.edges.loop import run
from satellite.ports import PURPOSES
from satellite.settings import ANY_FREE_PORT, NEIGHBOURS_PORTS, OFF, load

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from mock_lightstep_satellite.client import Client
    from mock_lightstep_satellite.remote import RemoteSatellite
    from mock_lightstep_satellite.spans import Spans


class Satellite:
    """A satellite in a thread of this process, on free ports of 127.0.0.1, with certificates of its own.

        with Satellite() as satellite:
            ...  # let a program report to satellite.grpc_target
            satellite.client.project("default").expect(count=1)

    It answers when the block begins, and leaves nothing behind when it ends. Any number at a time.
    """

    def __init__(self, **settings: Any) -> None:
        """Keyword arguments are settings (`satellite settings` lists them); a port of 0 is off, -1 any free one."""
        self._given = settings
        self._app: App | None = None

    def __enter__(self) -> Self:
        """Start it.

        Raises:
            BadSetting: a setting that cannot be.
            CannotListen: a port that was asked for is taken.
        """
        if self._app is not None:
            raise RuntimeError("this Satellite runs already; make another one")
        self._folder = tempfile.TemporaryDirectory(prefix="satellite-")
        try:
            defaults = {
                "host": "127.0.0.1",
                "cert_dir": Path(self._folder.name, "certs"),
                **dict.fromkeys(PURPOSES, ANY_FREE_PORT),
                **dict.fromkeys(("developer_plain_port", "admin_secure_port", *NEIGHBOURS_PORTS), OFF),
                "shutdown_grace_seconds": 5.0,
                "receivers": 0,
            }
            self._app = App(load(defaults | self._given, {}))
            started: Future[None] = Future()
            self._thread = threading.Thread(
                target=self._serve, args=(self._app, started), name="satellite", daemon=True
            )
            self._thread.start()
            try:
                started.result()
            except BaseException:
                self._app.stop()
                self._thread.join()
                raise
        except BaseException:
            self._app = None
            self._folder.cleanup()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it and remove its files."""
        app = self._running
        if "client" in self.__dict__:
            self.__dict__.pop("client").close()
        app.stop()
        self._thread.join()
        self._folder.cleanup()
        self._app = None

    @staticmethod
    def _serve(app: App, started: Future[None]) -> None:
        try:
            run(lambda: app.run(lambda: started.set_result(None)))
        except BaseException as error:
            if started.done():
                raise
            started.set_exception(error)

    @property
    def url(self) -> str:
        """The Explorer and its API: `http://127.0.0.1:PORT`."""
        return self._url("http", "explorer_port")

    @property
    def grpc_target(self) -> str:
        """`localhost:port` of gRPC with TLS; its certificate is signed by `ca_file`."""
        return self._target("grpc_secure_port", "localhost")

    @property
    def grpc_plain_target(self) -> str:
        """`127.0.0.1:port` of gRPC without TLS."""
        return self._target("grpc_plain_port")

    @property
    def http_url(self) -> str:
        """Base URL of reports over HTTP."""
        return self._url("http", "http_plain_port")

    @property
    def https_url(self) -> str:
        """Base URL of reports over HTTP with TLS; its certificate is signed by `ca_file`."""
        return self._url("https", "http_secure_port")

    @property
    def plain_target(self) -> str:
        """`127.0.0.1:port` of any protocol without TLS: gRPC and HTTP."""
        return self._target("plain_port")

    @property
    def secure_target(self) -> str:
        """`localhost:port` of any protocol with TLS; its certificate is signed by `ca_file`."""
        return self._target("secure_port", "localhost")

    @property
    def otlp_grpc_target(self) -> str:
        """`127.0.0.1:port` of OTLP over gRPC without TLS."""
        return self._target("otlp_grpc_port") or self.grpc_plain_target

    @property
    def otlp_http_url(self) -> str:
        """Base URL of OTLP over HTTP, which is at `/v1/traces` below it."""
        return self._url("http", "otlp_http_port") or self.http_url

    @property
    def admin_url(self) -> str:
        """Base URL of `/_ready`, `/_live` and `/metrics`."""
        return self._url("http", "admin_plain_port")

    @property
    def ca_file(self) -> Path | None:
        """The CA that clients should trust, PEM; None when all TLS ports are off."""
        return self._running.ca_file

    @cached_property
    def client(self) -> Client:
        """A client of this satellite; closed with it."""
        from mock_lightstep_satellite.client import Client

        return Client(self.url)

    def project(self, token: str = "") -> Spans:
        """A project, and how to report to it and ask it: `with project.watch() as watched: …`; a fresh one unless its token is given.

        Golden traces lie in the folder `golden` of the working directory.
        """
        from mock_lightstep_satellite.spans import project_of

        return project_of(self, token)

    @staticmethod
    def connect(url: str) -> AbstractContextManager[RemoteSatellite]:
        """One that runs elsewhere, with the same addresses, client and projects; see `mock_lightstep_satellite.connected`."""
        from mock_lightstep_satellite.remote import connected

        return connected(url)

    @property
    def _running(self) -> App:
        if self._app is None:
            raise RuntimeError("this Satellite does not run; use `with Satellite() as satellite:`")
        return self._app

    def _target(self, setting: str, host: str = "") -> str:
        """`host:port`, "" when the port is off."""
        listener = self._running.listener(setting)
        if listener is None:
            return ""
        return f"{host}:{listener.port}" if host and self._given.get("host") is None else listener.address

    def _url(self, scheme: str, setting: str) -> str:
        target = self._target(setting)
        return f"{scheme}://{target}" if target else ""

"""The manifest: which files hold which spans of which project, and what the journal had counted by then.

One JSON document behind a line with its checksum, replaced as a whole. The journal counts on from each project's
`number`; its rows with marks beyond `filed` are in no file yet.
"""

from __future__ import annotations

import zlib
from pathlib import Path

import msgspec

from satellite.store.durable.files import write_whole

VERSION = 1
NAME = "manifest.json"
_MAGIC = b"satellite manifest"


class FileEntry(msgspec.Struct, omit_defaults=True):
    """One file of spans."""

    name: str
    rows: int
    bytes: int
    first_mark: int
    last_mark: int
    oldest_arrived_ns: int
    newest_arrived_ns: int
    dead: list[int] = []
    """Rows that later versions replaced."""


class ProjectEntry(msgspec.Struct, omit_defaults=True):
    """One project as it was right after the journal's record `number`."""

    born: int
    """The record that made it; what the journal has of a project with its name from before is another's."""
    number: int
    mark: int
    filed: int
    """All its rows with marks up to this one are in `files`, or gone."""
    received: int
    dropped: dict[str, int] = {}
    files: list[FileEntry] = []


class Manifest(msgspec.Struct, omit_defaults=True):
    """Everything that is whole."""

    version: int = VERSION
    serial: int = 0
    """The highest that a file's name has."""
    number: int = 0
    """The journal's last record when it was written."""
    projects: dict[str, ProjectEntry] = {}


class Unreadable(ValueError):
    """Its checksum is wrong, or it is no manifest."""


def write(folder: Path, manifest: Manifest) -> None:
    """Replace the manifest of a folder. Raises OSError; the old one is then still there."""
    document = msgspec.json.encode(manifest)
    head = b"%s %08x\n" % (_MAGIC, zlib.crc32(document))
    write_whole(folder / NAME, [head, document])


def read(folder: Path) -> Manifest | None:
    """The manifest of a folder; None when there is none.

    Raises:
        Unreadable: what is there is damaged.
    """
    path = folder / NAME
    if not path.exists():
        return None
    head, _, document = path.read_bytes().partition(b"\n")
    if head != b"%s %08x" % (_MAGIC, zlib.crc32(document)):
        raise Unreadable("the checksum is wrong")
    try:
        return msgspec.json.decode(document, type=Manifest)
    except msgspec.MsgspecError as error:
        raise Unreadable(str(error)) from error

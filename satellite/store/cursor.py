"""Where a page ended, as a text that a client gives back."""

from __future__ import annotations

import base64
import binascii

import msgspec

from satellite.errors import BadRequest
from satellite.store import Order

Place = tuple[int, int, int, int]
"""Where a span stands in an order: two keys of the engine's, span id, mark."""


class Cursor(msgspec.Struct, array_like=True):
    """The last place shown, and the mark of the first page."""

    order: str
    until: int
    after: Place

    def text(self) -> str:
        """What `read` reads."""
        return base64.urlsafe_b64encode(msgspec.msgpack.encode(self)).decode().rstrip("=")


def read(text: str, order: Order) -> Cursor:
    """The cursor of a client that pages in this order. Raises BadRequest."""
    try:
        cursor = msgspec.msgpack.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=Cursor)
    except (msgspec.MsgspecError, binascii.Error, ValueError) as error:
        raise BadRequest(
            "cursor: not one that this satellite made", hint="pass next_cursor as it was given"
        ) from error
    if cursor.order != order:
        raise BadRequest(
            f"cursor: made for order {cursor.order}, not {order}", hint="keep the order while paging"
        )
    return cursor

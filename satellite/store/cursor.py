"""Where a page ended, as a text that a client gives back."""

from __future__ import annotations

import base64
import binascii

import msgspec

from satellite.errors import BadRequest
from satellite.store import COMPARED, ByValue, Order

Place = tuple[int, int, int, int]
"""Where a span stands in an order: two keys of the engine's, span id, mark."""


class Cursor(msgspec.Struct, array_like=True):
    """The last place shown, and the mark of the first page."""

    order: str
    until: int
    after: Place
    value: str | None = None
    """Of a span in an order by value, as far as it is compared."""

    @staticmethod
    def behind(order: Order | ByValue, until: int, place: Place, value: str | None = None) -> Cursor:
        """The cursor that goes on behind this place."""
        return Cursor(_name(order), until, place, value and value[:COMPARED])

    def text(self) -> str:
        """What `read` reads."""
        return base64.urlsafe_b64encode(msgspec.msgpack.encode(self)).decode().rstrip("=")


def _name(order: Order | ByValue) -> str:
    return order if isinstance(order, str) else f"{'-' if order.descending else ''}value of {order.key}"


def read(text: str, order: Order | ByValue) -> Cursor:
    """The cursor of a client that pages in this order. Raises BadRequest."""
    try:
        cursor = msgspec.msgpack.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=Cursor)
    except (msgspec.MsgspecError, binascii.Error, ValueError) as error:
        raise BadRequest(
            "cursor: not one that this satellite made", hint="pass next_cursor as it was given"
        ) from error
    if cursor.order != _name(order):
        raise BadRequest(
            f"cursor: made for order {cursor.order}, not {_name(order)}", hint="keep the order while paging"
        )
    return cursor

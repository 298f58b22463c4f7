"""Receivers: processes of their own that take reports and decode them, in front of the one process that stores (`receivers`).

A receiver is the edges and the decoding half of the intake; it hands each decoding call's parcel to the store's process
and answers its senders when that says what became of it. Whatever must be decided or counted once for the whole satellite
(projects, faults, refusals, metrics) is decided and counted there.
"""

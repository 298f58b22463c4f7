"""The one way in: a body becomes spans that queries see (`intake`), for the project its token names, and wakes who waits.

Knows the Store contract and wire protocols, no socket.
"""

"""Protocol checks: what is odd about spans as they were sent, each kind under a name that stays, with what to do about it.

Over whole columns; never changes a span, and knows neither engine nor API.
"""

"""Explorer's questions beyond the store's own answers, one file a question: functions over the Store contract.

No HTTP, no clock; what must see every span is a question to the store.
"""

"""LightStep's own protocol in each form its tracers speak, the way back as reports, and the metrics of its tracers.

`protobuf` reads its own form in columns (`columns`); JSON and Thrift (`crouton` has their structs) become rows by `report`.
"""

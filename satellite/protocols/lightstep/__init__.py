"""LightStep's own protocol in each form its tracers speak, the way back as reports, and the metrics of its tracers.

`protobuf` is the codec; JSON and Thrift (`crouton` has their structs) are written anew as its message by `report`.
"""

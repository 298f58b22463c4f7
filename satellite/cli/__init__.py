"""The verbs of the command `satellite` that need the server: to run it, and what looks at its settings and files.

Those that ask a running one, and the command itself, are in `mock_lightstep_satellite.cli`.
"""

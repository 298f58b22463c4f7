"""What lies in a data directory and how it gets there: journal, files, manifest, small state. Knows no engine.

Everything here is written so that the process may be killed, and the machine may lose power, after any instruction.
"""

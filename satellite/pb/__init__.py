"""Made by protos/generate.py; never edited."""

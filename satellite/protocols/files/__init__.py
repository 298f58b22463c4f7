"""Spans as files: how they are written (`formats`), and how a file of any known form is read (`reading`) and recognised."""

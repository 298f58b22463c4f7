"""What a span is, one (`span`) and many (`spans`: columns), and what it carries and comes in: `tag`, `tags`, reporter, report.

Knows no protocol, no engine, no socket. `span` alone is light to import: it is what clients get.
"""

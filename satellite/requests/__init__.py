"""The request log: what came in at the ports for reports and what was answered, kept within bounds (`log`), shown (`shown`), decoded.

One small record a request, its body by reference; nothing in it is looked at before somebody asks. Knows no socket.
"""

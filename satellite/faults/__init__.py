"""Bad days on purpose: rules that say how to misbehave to whom (`rule`, `scope`, `profiles`), and what they decide (`book`).

Pure: who reads a socket, a report or an answer asks, and does what the decision says. Off unless a rule was added.
"""

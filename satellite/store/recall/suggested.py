"""What was suggested last, whatever the project: every page begins with the same names."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

from satellite.store import Suggestion

Question = tuple[str, ...]

ANSWERS_MAX = 256
"""So many are kept (ours)."""

ANSWER_CHARACTERS_MAX = 16_384
"""Of the names in one: with both, a few megabytes at most. A longer one is made anew (ours)."""


class Suggested:
    """Answers to questions about all spans of a project, as long as it holds the same; for any thread."""

    def __init__(self) -> None:
        """Nothing was asked yet."""
        self._lock = threading.Lock()
        self._answers: OrderedDict[Question, tuple[object, tuple[Suggestion, ...]]] = OrderedDict()

    def get(self, question: Question, state: object) -> list[Suggestion] | None:
        """The answer, if it was given in this state of the project."""
        with self._lock:
            known, answer = self._answers.get(question, (None, ()))
        return list(answer) if known is state else None

    def keep(self, question: Question, state: object, answer: Sequence[Suggestion]) -> None:
        """It was answered so; `state` is of before it was looked at."""
        if sum(map(len, question)) + sum(len(one.value) for one in answer) > ANSWER_CHARACTERS_MAX:
            return
        with self._lock:
            self._answers[question] = state, tuple(answer)
            self._answers.move_to_end(question)
            if len(self._answers) > ANSWERS_MAX:
                self._answers.popitem(last=False)

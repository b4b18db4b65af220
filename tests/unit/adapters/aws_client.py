"""An AWS client that answers as told and keeps what it was asked."""

from __future__ import annotations

from typing import Any


class Client:
    """Answers each operation with the value given for it; an exception is raised, a list used up one by one."""

    def __init__(self, **answers: Any) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.answers = answers

    def __getattr__(self, operation: str) -> Any:
        if operation.startswith("__"):
            raise AttributeError(operation)

        def call(**arguments: Any) -> Any:
            self.calls.append((operation, arguments))
            answer = self.answers[operation]
            if isinstance(answer, list):
                answer = answer.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call


def client_that_answers(**answers: Any) -> Any:
    """Return a client for whatever service is expected."""
    return Client(**answers)

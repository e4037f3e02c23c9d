"""Errors in the engine's shape, whose `message` is a string, a list of strings, of lists, or of objects."""

from __future__ import annotations

from typing import Any

from hunfly_box.simulator.shapes import Json

NAMES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
}


class ContractError(Exception):
    def __init__(self, status: int, message: Any) -> None:
        super().__init__(message)
        self.status = status
        self.message = message

    def body(self) -> Json:
        error = NAMES.get(self.status, "Internal Server Error")
        return {"status": self.status, "error": error, "response": {"message": self.message}}


class MalformedJson(ContractError):
    """Answered 400, yet named an internal error: the parser's exception has a status and no name."""

    def body(self) -> Json:
        return {
            "status": 400,
            "error": "Internal Server Error",
            "response": {"message": self.message},
        }


def bad_request(*messages: Any) -> ContractError:
    return ContractError(400, list(messages))


def broken_rules(messages: list[str]) -> ContractError:
    """The JSON schema's complaints come as a list inside a list."""
    return ContractError(400, [messages])


def connection_closed() -> ContractError:
    return ContractError(500, "Connection Closed")

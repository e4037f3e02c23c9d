"""Faults of the HTTP side: rules that match calls and say how the answer goes wrong, and on which side of the deed."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass

from hunfly_box.simulator.contract_errors import ContractError
from hunfly_box.simulator.http_server import NeverAnswer, ResetConnection, Response, json_response
from hunfly_box.simulator.shapes import Json

ACTIONS = ("slow", "fail", "timeout", "reset", "refuse", "license", "error_as_success", "not_json")


@dataclass
class Fault:
    """`after`: the call is really carried out first, and only its answer is lost or wrong."""

    id: str
    action: str
    path: str = "message/*"
    instance: str = "*"
    number: str = "*"
    after: bool = False
    times: int | None = None
    status: int = 500
    message: str = "Connection Closed"
    seconds: float = 1.0

    def __post_init__(self) -> None:
        if self.action not in ACTIONS:
            raise ValueError(f"unknown fault {self.action!r}; known: {', '.join(ACTIONS)}")

    def spoiled_answer(self) -> Response:
        if self.action == "timeout":
            raise NeverAnswer
        if self.action == "reset":
            raise ResetConnection
        if self.action == "license":
            return json_response(503, {"code": "LICENSE_REQUIRED", "register_url": "https://licensing.invalid"})
        if self.action == "error_as_success":
            return json_response(201, {"message": self.message, "type": "OAuthException", "code": 190})
        if self.action == "not_json":
            return Response(self.status, b"<html><h1>Bad Gateway</h1></html>", "text/html")
        status = 400 if self.action == "refuse" and self.status == 500 else self.status
        return json_response(status, ContractError(status, self.message).body())


class Faults:
    def __init__(self) -> None:
        self.rules: dict[str, Fault] = {}

    def take(self, path: str, instance: str, body: Json) -> Fault | None:
        """The first rule that matches; a rule with `times` is used up by it."""
        number = str(body.get("number", ""))
        for fault in self.rules.values():
            if not fnmatch.fnmatch(path, fault.path) or not fnmatch.fnmatch(instance, fault.instance):
                continue
            if not fnmatch.fnmatch(number, fault.number):
                continue
            if fault.times is not None:
                fault.times -= 1
                if fault.times <= 0:
                    del self.rules[fault.id]
            return fault
        return None

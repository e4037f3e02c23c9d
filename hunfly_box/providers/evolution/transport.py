"""One HTTP call to the engine, and which of three things it means when it does not succeed."""

import json
import threading
import time
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec
import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.response import HTTPResponse

from hunfly_box.kit.crash import crash_point
from hunfly_box.providers.evolution.encodings import mapping
from hunfly_box.providers.messenger import NotSent, Refused, Unknown

CONNECT_SECONDS = 5.0
LOOK_UP_SECONDS = 30.0
# A send waits for WhatsApp inside the engine.
SEND_SECONDS = 60.0
MEDIA_SECONDS = 120.0
MAX_ANSWER = 32 << 20
# WhatsApp's 100 MB documents, as base64.
MAX_MEDIA_ANSWER = 144 << 20
CHUNK = 1 << 16
MAX_MESSAGE = 500
MAX_MESSAGE_DEPTH = 8
DEFAULT_RETRY_SECONDS = 30.0
LONGEST_RETRY_SECONDS = 3600.0

_decode = msgspec.json.Decoder().decode
_attempt = threading.local()


class _Connection(HTTPConnection):
    def connect(self) -> None:
        super().connect()
        _attempt.is_connected = True

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as urllib3 itself does
        _request_has_left()
        return super().getresponse()


class _SecureConnection(HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        _attempt.is_connected = True

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as urllib3 itself does
        _request_has_left()
        return super().getresponse()


def _request_has_left() -> None:
    if _attempt.is_send:
        crash_point("O4")


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class Answer:
    __slots__ = ("body", "status")

    def __init__(self, status: int, body: Any) -> None:
        self.status = status
        self.body = body


class Transport:
    """Speaks to the one engine the operator configured; never retries, never follows a redirect."""

    def __init__(self, engine_url: str, api_key: str, connect_seconds: float = CONNECT_SECONDS) -> None:
        parts = urlsplit(engine_url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("the engine's address must be http(s)://host[:port][/path]")
        if parts.username is not None or parts.password is not None:
            raise ValueError("the engine's address must not hold a login")
        self._prefix = parts.path.rstrip("/")
        self._connect_seconds = connect_seconds
        self._pool_class = _SecurePool if parts.scheme == "https" else _Pool
        self._host = parts.hostname
        self._port = parts.port
        self._headers = {
            "apikey": api_key,
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "Connection": "close",
        }

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: dict[str, str] | None = None,
        seconds: float = LOOK_UP_SECONDS,
        max_answer: int = MAX_ANSWER,
    ) -> Answer:
        """The answer of a success; NotSent, Refused or Unknown otherwise."""
        url = self._prefix + path + (f"?{urlencode(query)}" if query else "")
        headers = self._headers if body is None else {**self._headers, "Content-Type": "application/json"}
        content = None if body is None else json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
        _attempt.is_connected = False
        _attempt.is_send = path.startswith("/message/")
        try:
            status, retry_after, raw = self._exchange(method, url, content, headers, seconds, max_answer)
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            reason = f"{method} {path}: {type(error).__name__}"
            if _attempt.is_connected:
                raise Unknown(reason) from error
            raise NotSent(reason) from error
        return _judge(status, retry_after, raw)

    def _exchange(
        self,
        method: str,
        url: str,
        content: bytes | None,
        headers: dict[str, str],
        seconds: float,
        max_answer: int,
    ) -> tuple[int, str | None, bytes]:
        deadline = time.monotonic() + self._connect_seconds + seconds
        # A kept connection may be closed by the engine while we write to it, and then nobody knows whether the
        # message went out. A new one each time costs a fraction of a millisecond on the same machine.
        with self._pool_class(self._host, self._port, maxsize=1) as pool:
            response = pool.urlopen(
                method,
                url,
                body=content,
                headers=headers,
                retries=False,
                redirect=False,
                preload_content=False,
                timeout=urllib3.Timeout(connect=self._connect_seconds, read=seconds),
            )
            try:
                received = bytearray()
                while chunk := response.read(CHUNK):
                    received += chunk
                    if len(received) > max_answer:
                        raise ValueError("the answer is too large")
                    if time.monotonic() > deadline:
                        raise ValueError("the answer takes too long")
                return response.status, response.headers.get("Retry-After"), bytes(received)
            finally:
                response.close()


def _judge(status: int, retry_after: str | None, raw: bytes) -> Answer:
    body = _json(raw)
    message = message_of(body)
    if 200 <= status < 300:
        # Evolution answers some failures with 200 {"error": true}.
        if mapping(body).get("error") is True:
            raise Refused("engine.refused", message, permanent=False)
        return Answer(status, body)
    if mapping(body).get("code") == "LICENSE_REQUIRED":
        raise Refused("engine.license_required", message or "the engine wants a licence", permanent=False)
    if status == 400 and _is_not_on_whatsapp(body):
        raise Refused("contact.not_on_whatsapp", message, permanent=True)
    if status in (401, 403):
        raise Refused("engine.unauthorized", message, permanent=False)
    if status == 404:
        raise Refused("engine.instance_missing", message, permanent=False)
    if status == 429:
        raise Refused("limit.rate", message, permanent=False, retry_after=_seconds(retry_after))
    if 300 <= status < 400:
        raise Refused("engine.redirect", "the engine's address answers with a redirect", permanent=False)
    if 400 <= status < 500 and status != 408:
        raise Refused("engine.refused", message or f"HTTP {status}", permanent=True)
    raise Unknown(
        f"HTTP {status}: {message}",
        is_disconnected="Connection Closed" in message,
        retry_after=_seconds(retry_after) if retry_after else None,
    )


def _json(raw: bytes) -> Any:
    try:
        return _decode(raw)
    except (ValueError, RecursionError):
        return None


def message_of(body: Any) -> str:
    """One line out of a string, a list, a list of lists or a list of objects, wherever it is nested."""
    response = mapping(mapping(body).get("response"))
    told = response.get("message", mapping(body).get("message"))
    return "; ".join(_flatten(told, 0))[:MAX_MESSAGE]


def _flatten(told: Any, depth: int) -> list[str]:
    if depth > MAX_MESSAGE_DEPTH or told is None:
        return []
    if isinstance(told, list):
        return [line for item in told for line in _flatten(item, depth + 1)]
    if isinstance(told, dict):
        if "message" in told:
            return _flatten(told["message"], depth + 1)
        return [json.dumps(told, ensure_ascii=False, default=str)]
    return [str(told)]


def _is_not_on_whatsapp(body: Any) -> bool:
    told = mapping(mapping(body).get("response")).get("message")
    while isinstance(told, list) and told and isinstance(told[0], list):
        told = told[0]
    return isinstance(told, list) and any(mapping(item).get("exists") is False for item in told)


def _seconds(retry_after: str | None) -> float:
    """Whole seconds or a date, as HTTP has it. What is longer than an hour, or nonsense, is not believed."""
    told = (retry_after or "").strip()
    if told.isascii() and told.isdigit():
        return min(float(told), LONGEST_RETRY_SECONDS)
    try:
        moment = parsedate_to_datetime(told).timestamp()
    except (ValueError, OverflowError, OSError):
        return DEFAULT_RETRY_SECONDS
    return min(max(moment - time.time(), 0.0), LONGEST_RETRY_SECONDS)

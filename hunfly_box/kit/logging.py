"""Structured logs, for people or as JSON. A filter before every handler keeps secrets and phone numbers out."""

import hashlib
import hmac
import json
import logging
import re
import secrets
import sys
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime

# Set by the web's edge and by the worker; stands in every line written meanwhile.
request_id: ContextVar[str | None] = ContextVar("request_id", default=None)

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

# What looks like a secret, with what remains of it. The order matters: whole addresses before the numbers in them.
SECRETS = (
    (re.compile(r"hbx_[a-z0-9]{8}_[A-Za-z0-9_-]+"), "hbx_…"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}"), r"\1 …"),
    (re.compile(r"(?<=://)([^/\s:@]*):[^/\s@]+@"), r"\1:…@"),
    (
        re.compile(
            r"(?i)([\"']?(?:api_?key|password|passwd|secret|token|authorization|cookie|media_?key|jwt_?key|hmac|sid)[\"']?"
            r"\s*[=:]\s*)(\"[^\"]*\"|'[^']*'|[^\s,;&}]+)"
        ),
        r"\1…",
    ),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"), "jwt…"),
)
# E.164 with or without +, and WhatsApp addresses; not a run of digits inside an id.
PHONE = re.compile(
    r"(?<![\w.-])\+?(\d{8,15})(?:[:.]\d+)*@[a-z.]+\w|(?<![\w.-])\+(\d{8,15})(?!\w)|(?<![\w.-])(\d{10,15})(?![\w-]|\.\d)"
)


class PhoneHasher:
    """The same number gets the same mark, so that a log can be followed; without the key the mark tells nothing."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def use_key(self, box_key: bytes) -> None:
        """From now on marks are the same after every start, and in every process of the box."""
        self._key = hmac.digest(box_key, b"log marks", hashlib.sha256)

    def mark(self, phone: str) -> str:
        digits = re.sub(r"\D", "", phone)
        return "ph:" + hmac.digest(self._key, digits.encode(), hashlib.sha256).hex()[:8]

    def redact(self, text: str) -> str:
        for pattern, instead in SECRETS:
            text = pattern.sub(instead, text)
        return PHONE.sub(lambda match: self.mark(match[1] or match[2] or match[3]), text)


# Until the box's key is read, marks hold for this process only.
PHONES = PhoneHasher(secrets.token_bytes(32))


class Redaction(logging.Filter):
    """Works on the finished text, so that arguments, extra fields and tracebacks are covered alike."""

    def __init__(self, hasher: PhoneHasher) -> None:
        super().__init__()
        self._hasher = hasher

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = self._hasher.redact(record.getMessage())
        record.args = None
        if record.exc_info and not record.exc_text:
            record.exc_text = "".join(traceback.format_exception(*record.exc_info)).rstrip()
        if record.exc_text:
            record.exc_text = self._hasher.redact(record.exc_text)
        record.exc_info = None
        for name, value in _fields(record).items():
            record.__dict__[name] = self._hasher.redact(value) if isinstance(value, str) else value
        return True


class TextLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = _fields(record) | ({"request": request_id.get()} if request_id.get() else {})
        tail = "".join(f" {name}={value}" for name, value in fields.items())
        line = f"{_time(record)} {record.levelname.lower():7} {record.name}: {record.getMessage()}{tail}"
        return f"{line}\n{record.exc_text}" if record.exc_text else line


class JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request_id.get():
            line["request"] = str(request_id.get())
        if record.exc_text:
            line["trace"] = record.exc_text
        return json.dumps(_fields(record) | line, ensure_ascii=False, default=str)


def configure(level: str, form: str) -> None:
    """`form` is text or json. Replaces what was configured before."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else TextLines())
    handler.addFilter(Redaction(PHONES))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    logging.captureWarnings(True)
    # httpx tells every address it calls; addresses carry instance names and numbers.
    for noisy in ("httpx", "httpcore", "huey", "alembic", "_granian", "granian.access"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))


def _fields(record: logging.LogRecord) -> dict[str, object]:
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"

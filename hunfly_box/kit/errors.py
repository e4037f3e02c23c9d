"""Outcomes a person must hear of. Everything else is a bug: it rises and is logged once, at the edge.

HunflyError
├── NotFound      404  also for what belongs to somebody else
├── Forbidden     403
├── Unauthorized  401
├── Conflict      409
├── Invalid       422  with the fields at fault
└── TooMany       429  with the seconds to wait
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldError:
    field: str
    code: str
    detail: str


class HunflyError(Exception):
    """`code` is stable: programs branch on it and translations are found by it."""

    status = 500
    code = "error"
    title = "Error"

    def __init__(self, detail: str = "", *, code: str | None = None, errors: tuple[FieldError, ...] = ()) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.code = code or type(self).code
        self.errors = errors


class NotFound(HunflyError):
    status = 404
    code = "not_found"
    title = "Not found"


class Forbidden(HunflyError):
    status = 403
    code = "auth.forbidden"
    title = "Forbidden"


class Unauthorized(HunflyError):
    status = 401
    code = "auth.required"
    title = "Sign in first"


class Conflict(HunflyError):
    status = 409
    code = "conflict"
    title = "Conflict"


class Invalid(HunflyError):
    status = 422
    code = "validation"
    title = "Invalid input"


class TooMany(HunflyError):
    status = 429
    code = "limit.rate"
    title = "Too many requests"

    def __init__(self, detail: str = "", *, retry_after_seconds: int = 1, code: str | None = None) -> None:
        super().__init__(detail, code=code)
        self.retry_after_seconds = retry_after_seconds

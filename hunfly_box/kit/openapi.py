"""How refusals are described in the OpenAPI document: each route declares those it can give."""

from typing import Annotated

from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter, QueryParameter
from msgspec import Struct

PROBLEM_MEDIA_TYPE = "application/problem+json"

DESCRIPTIONS = {
    400: "The request cannot be read",
    401: "Sign in, or send a token",
    403: "Not allowed",
    404: "There is no such thing, or it is somebody else's",
    409: "It does not fit the present state; `code` says why",
    413: "The body is too large",
    415: "The body comes as another media type than the one described",
    416: "The range lies outside the file",
    422: "Some fields are not as they must be",
    429: "Too many requests; see Retry-After",
    502: "The WhatsApp engine refused",
    503: "Not available right now; see Retry-After",
}
# What every route behind a sign-in can answer.
ALWAYS = (400, 401, 403, 413, 415, 422, 429, 503)

IdempotencyKey = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        description="1 to 128 printable characters, kept for 24 hours: the same call again gets the first answer again",
    ),
]
Cursor = Annotated[str | None, QueryParameter(name="cursor", description="`next` of the page before")]
Limit = Annotated[int, QueryParameter(name="limit", ge=1, le=200, description="Rows in a page")]


class ProblemField(Struct, frozen=True):
    field: str
    code: str
    detail: str


class Problem(Struct, frozen=True):
    """`code` is stable: programs branch on it."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: list[ProblemField]


def problems(*statuses: int) -> dict[int, ResponseSpec]:
    return {
        status: ResponseSpec(
            data_container=Problem,
            description=DESCRIPTIONS[status],
            media_type=PROBLEM_MEDIA_TYPE,
            generate_examples=False,
        )
        for status in (*ALWAYS, *statuses)
    }

"""An upload is a write like every other: asked twice, kept once; and what is wrong with it is said."""

from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.cast import Person
from tests.conftest import Box
from tests.integration.inbox.programs import Programs

pytestmark = pytest.mark.services

Upload = Callable[..., httpx.Response]


@pytest.fixture
def upload(box: Box) -> Iterator[Upload]:
    def send(who: Person, content: bytes, key: str | None = None, **fields: str) -> httpx.Response:
        form = httpx.Request("POST", "http://box.example/", files={"file": ("nota.txt", content)}, data=fields)
        headers = {"idempotency-key": key} if key else {}
        return programs.send_bytes(who, "/api/v1/media", form.read(), form.headers["content-type"], **headers)

    programs = Programs(box)
    yield send
    programs.close()


def test_the_same_key_keeps_one_file(box: Box, upload: Upload) -> None:
    first, again = (upload(box.cast.ana, b"oi", "upload-1") for _ in range(2))
    other = upload(box.cast.ana, b"something else", "upload-1")

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert (other.status_code, other.json()["code"]) == (422, "idempotency.mismatch")


def test_unknown_fields_and_kinds_are_refused(box: Box, upload: Upload) -> None:
    assert upload(box.cast.ana, b"oi", bogus="1").status_code == 422
    assert upload(box.cast.ana, b"oi", kind="song").status_code == 422
    assert upload(box.cast.ana, b"oi", kind="voice").status_code == 201


def test_a_range_outside_the_file_is_a_problem(box: Box, upload: Upload) -> None:
    programs = Programs(box)
    address = upload(box.cast.ana, b"oi").json()["url"]

    answer = programs.call(box.cast.ana, "GET", address, Range="bytes=99-")
    programs.close()

    assert (answer.status_code, answer.headers["content-range"]) == (416, "bytes */2")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "media.range"


def test_the_document_says_that_a_file_comes_as_itself(box: Box) -> None:
    programs = Programs(box)
    document = programs.call(box.cast.ana, "GET", "/api/openapi.json").json()
    programs.close()

    answers = document["paths"]["/api/v1/media/{media_id}"]["get"]["responses"]
    assert [list(answers[status]["content"]) for status in ("200", "206")] == [["*/*"], ["*/*"]]
    assert list(answers["416"]["content"]) == ["application/problem+json"]

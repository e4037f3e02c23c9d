"""An upload is a write like every other: asked twice, kept once; and what is wrong with it is said."""

import io
from collections import namedtuple
from collections.abc import Callable, Iterator

import httpx
import pytest
from PIL import Image

from hunfly_box.media import queries, store
from tests.cast import Person
from tests.conftest import Box
from tests.integration.inbox.programs import Programs

pytestmark = pytest.mark.services

Upload = Callable[..., httpx.Response]


@pytest.fixture
def upload(box: Box) -> Iterator[Upload]:
    def send(
        who: Person, content: bytes, key: str | None = None, filename: str = "nota.txt", **fields: str
    ) -> httpx.Response:
        form = httpx.Request("POST", "http://box.example/", files={"file": (filename, content)}, data=fields)
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


def test_programs_are_not_taken_and_leave_nothing_behind(box: Box, upload: Upload) -> None:
    as_program = upload(box.cast.ana, b"oi", filename="jogo.exe")
    in_disguise = upload(box.cast.ana, b"MZ\x90\0" + bytes(100), filename="foto.jpg")

    for answer in (as_program, in_disguise):
        assert (answer.status_code, answer.json()["code"]) == (422, "media.unsupported")
        assert [error["field"] for error in answer.json()["errors"]] == ["file"]
    assert not [path for path in box.resources.media_folder.rglob("*") if path.is_file() and path.stat().st_size == 104]


def test_a_photograph_is_kept_without_the_place_it_was_taken_at(box: Box, upload: Upload) -> None:
    place = Image.Exif()
    place[0x010E] = "Rua das Flores, 10"
    out = io.BytesIO()
    Image.new("RGB", (30, 20), "red").save(out, "JPEG", exif=place)
    programs = Programs(box)

    made = upload(box.cast.ana, out.getvalue(), filename="foto.jpg").json()
    kept = programs.call(box.cast.ana, "GET", made["url"])
    programs.close()

    assert (made["mime"], made["width"], made["height"]) == ("image/jpeg", 30, 20)
    assert b"Flores" in out.getvalue()
    assert b"Flores" not in kept.content
    assert len(kept.content) == made["size"]


def test_a_tenant_keeps_what_the_setting_allows_unless_it_has_a_quota_of_its_own(box: Box, upload: Upload) -> None:
    with box.resources.control.transaction() as tx:
        tx.execute("UPDATE app.tenants SET media_quota_mb = 0 WHERE id = :id", id=box.cast.tenant_b)

    full = upload(box.cast.carla, b"oi")

    assert (full.status_code, full.json()["code"]) == (422, "media.quota")
    assert upload(box.cast.ana, b"oi").status_code == 201
    with box.resources.database.transaction(box.cast.ana.scope) as tx:
        assert 0 < queries.room_left(tx, 1) < queries.room_left(tx, 2) <= 2 * 1024 * 1024


def test_a_full_disk_takes_no_files(box: Box, upload: Upload, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = namedtuple("disk", "total used free")
    monkeypatch.setattr(store.shutil, "disk_usage", lambda path: disk(1000, 901, 99))
    assert (upload(box.cast.ana, b"oi").status_code, upload(box.cast.ana, b"oi").json()["code"]) == (
        507,
        "media.disk_full",
    )
    monkeypatch.setattr(store.shutil, "disk_usage", lambda path: disk(1000, 900, 100))
    assert upload(box.cast.ana, b"oi").status_code == 201


def test_a_part_of_another_file_than_the_one_begun_is_no_part(box: Box, upload: Upload) -> None:
    programs = Programs(box)
    address = upload(box.cast.ana, b"oi").json()["url"]
    etag = programs.call(box.cast.ana, "GET", address).headers["etag"]

    same = programs.call(box.cast.ana, "GET", address, Range="bytes=0-0", If_Range=etag)
    other = programs.call(box.cast.ana, "GET", address, Range="bytes=0-0", If_Range='"other"')
    programs.close()

    assert (same.status_code, same.content) == (206, b"o")
    assert (other.status_code, other.content) == (200, b"oi")


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

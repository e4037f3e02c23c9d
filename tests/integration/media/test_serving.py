"""Files are served to who may see the row, from the company's own folder, and by no other road."""

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from hunfly_box.app import create_app
from hunfly_box.kit.database import Scope
from hunfly_box.kit.ids import new_id
from hunfly_box.media import api as media_api
from hunfly_box.media import store
from tests.conftest import Box
from tests.integration.access.conftest import Browser, Browsers

pytestmark = pytest.mark.services

CONTENT = b"\x89PNG\r\n\x1a\nof the bakery alone"
OUTSIDE = b"not a picture: what lies beside the folder of files"


@pytest.fixture(scope="module")
def browsers(box: Box) -> Iterator[Browsers]:
    found = Browsers(create_app(box.resources))
    yield found
    found.close()


@pytest.fixture(scope="module")
def signed_in(box: Box, browsers: Browsers) -> dict[str, Browser]:
    cast = box.cast
    return {person.name: browsers(person) for person in (cast.ana, cast.bruno, cast.bia, cast.carla)}


def keep(box: Box, tenant: UUID, sha256: str, uploader: UUID | None, mime: str = "image/png") -> UUID:
    media_id = new_id()
    with box.resources.database.transaction(Scope.system(tenant)) as tx:
        tx.execute(
            "INSERT INTO app.media (tenant_id, id, uploader_id, mime, name, size, sha256, state)"
            " VALUES (app.tenant_id(), :id, :who, :mime, 'foto', 1, :sha, 'ready')",
            id=media_id,
            who=uploader,
            sha=sha256,
            mime=mime,
        )
    return media_id


@pytest.fixture(scope="module")
def brunos(box: Box) -> UUID:
    """An upload of Bruno's, not sent yet."""
    sha256, _ = store.write(box.resources.media_folder, box.cast.tenant_a, [CONTENT])
    return keep(box, box.cast.tenant_a, sha256, box.cast.bruno.id)


@pytest.mark.parametrize(
    ("name", "status"), [("Bruno", 200), ("Ana", 200), ("Bia", 404), ("Carla", 404), ("nobody", 401)]
)
def test_a_file_is_served_to_who_may_see_it(
    name: str, status: int, brunos: UUID, browsers: Browsers, signed_in: dict[str, Browser]
) -> None:
    browser = signed_in.get(name) or browsers()
    for query in ("", "?thumb=true", "?download=true"):
        answer = browser.get(f"/api/v1/media/{brunos}{query}", headers={"accept": "*/*"})
        assert answer.status_code == status
        assert (CONTENT in answer.content) == (status == 200)
    ranged = browser.get(f"/api/v1/media/{brunos}", headers={"range": "bytes=0-7", "accept": "*/*"})
    assert ranged.status_code == (206 if status == 200 else status)


def test_the_same_content_at_the_neighbours_is_a_file_of_its_own(
    box: Box, brunos: UUID, signed_in: dict[str, Browser]
) -> None:
    """A row of tenant B that names the hash of A's file finds nothing: the folder is the tenant's of who asks."""
    with box.resources.database.transaction(Scope.system(box.cast.tenant_a)) as tx:
        sha256 = tx.scalar("SELECT sha256 FROM app.media WHERE id = :id", id=brunos)
    guessed = keep(box, box.cast.tenant_b, sha256, box.cast.carla.id)
    assert signed_in["Carla"].get(f"/api/v1/media/{guessed}").status_code == 404


@pytest.mark.parametrize(
    "name",
    [
        "../../keys/secrets.key",
        "..%2f..%2fkeys%2fsecrets.key",
        "/etc/passwd",
        "aa/../../../outside",
        "0" * 63 + "/",
        "0" * 64 + "\n",
        "",
        "0" * 64 + "/../outside",
        "A" * 64,
    ],
)
def test_a_row_with_a_path_in_place_of_a_hash_leads_nowhere(box: Box, name: str, signed_in: dict[str, Browser]) -> None:
    """Also if somebody could write into the table."""
    (box.resources.media_folder.parent / "outside").write_bytes(OUTSIDE)
    media_id = keep(box, box.cast.tenant_a, name, box.cast.ana.id)
    answer = signed_in["Ana"].get(f"/api/v1/media/{media_id}")
    assert answer.status_code >= 400
    assert OUTSIDE not in answer.content
    assert b"root:" not in answer.content


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/media/../../../etc/passwd",
        "/api/v1/media/..%2f..%2fkeys%2fsecrets.key",
        "/media/{tenant}/{hash}",
        "/static/../../../etc/passwd",
        "/static/..%2f..%2f..%2fetc%2fpasswd",
        "/static/%2e%2e/%2e%2e/pyproject.toml",
        "/static//etc/passwd",
        "/static/..\\..\\etc\\passwd",
        "/static/dist/../../templates/frame.html",
    ],
)
def test_no_path_leads_out_of_the_folders_that_are_served(
    box: Box, brunos: UUID, path: str, signed_in: dict[str, Browser]
) -> None:
    with box.resources.database.transaction(Scope.system(box.cast.tenant_a)) as tx:
        sha256 = tx.scalar("SELECT sha256 FROM app.media WHERE id = :id", id=brunos)
    answer = signed_in["Ana"].get(path.format(tenant=box.cast.tenant_a, hash=f"{sha256[:2]}/{sha256}"))
    assert answer.status_code == 404
    assert b"root:" not in answer.content
    assert CONTENT not in answer.content


def test_what_could_run_in_a_browser_is_handed_over_as_a_file_in_a_sandbox(
    box: Box, signed_in: dict[str, Browser]
) -> None:
    sha256, _ = store.write(box.resources.media_folder, box.cast.tenant_a, [b"<svg onload=alert(1)>"])
    for mime in ("image/svg+xml", "text/html", "application/octet-stream"):
        answer = signed_in["Ana"].get(f"/api/v1/media/{keep(box, box.cast.tenant_a, sha256, None, mime)}")
        assert answer.headers["content-disposition"].startswith("attachment")
        assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"].startswith("private")


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/api/v1/media/{id}", {}),
        ("/api/v1/media/{id}?thumb=true", {}),
        ("/api/v1/media/{id}?download=true", {}),
        ("/api/v1/media/{id}", {"range": "bytes=2-5"}),
        ("/api/v1/media/{id}", {"range": "bytes=9999-"}),
        ("/api/v1/media/{id}", {"if-none-match": "{etag}"}),
        ("/api/v1/media/00000000-0000-7000-8000-000000000000", {}),
        ("/api/v1/conversations", {}),
        ("/static/img/icon.svg", {}),
        ("/inbox", {"accept": "text/html"}),
        ("/nowhere", {}),
    ],
)
def test_head_answers_as_get_would_without_the_body(
    brunos: UUID, path: str, headers: dict[str, str], signed_in: dict[str, Browser]
) -> None:
    ana, address = signed_in["Ana"], path.format(id=brunos)
    etag = ana.get(f"/api/v1/media/{brunos}", headers={"accept": "*/*"}).headers["etag"]
    asked = {"accept": "*/*"} | {name: value.format(etag=etag) for name, value in headers.items()}
    got, head = ana.get(address, headers=asked), ana.head(address, headers=asked)
    assert head.status_code == got.status_code
    assert head.content == b""
    assert without_names(head.headers) == without_names(got.headers)


def test_head_is_refused_to_who_may_not_get(brunos: UUID, browsers: Browsers, signed_in: dict[str, Browser]) -> None:
    assert signed_in["Carla"].head(f"/api/v1/media/{brunos}").status_code == 404
    assert browsers().head(f"/api/v1/media/{brunos}").status_code == 401


def test_a_large_file_is_not_read_for_who_wants_its_head(
    box: Box, signed_in: dict[str, Browser], monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    real = media_api._bytes

    def counting(path: Path, first: int, last: int) -> Iterator[bytes]:
        for chunk in real(path, first, last):
            read.append(len(chunk))
            yield chunk

    monkeypatch.setattr(media_api, "_bytes", counting)
    content = [b"%PDF-1.7" + bytes(1024 * 1024)] * 32
    sha256, size = store.write(box.resources.media_folder, box.cast.tenant_a, content)
    media_id = keep(box, box.cast.tenant_a, sha256, box.cast.ana.id, "application/pdf")
    answer = signed_in["Ana"].head(f"/api/v1/media/{media_id}", headers={"accept": "*/*"})
    assert (answer.status_code, int(answer.headers["content-length"])) == (200, size)
    assert sum(read) < size / 4


def without_names(headers: httpx.Headers) -> dict[str, str]:
    """What differs from answer to answer."""
    return {name: value for name, value in headers.items() if name not in ("x-request-id", "date", "set-cookie")}

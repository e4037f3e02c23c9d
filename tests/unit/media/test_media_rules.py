"""What a file is, which part of it was asked for, where it lies."""

import io
from pathlib import Path

import pytest
from PIL import Image

from hunfly_box.kit.ids import new_id
from hunfly_box.media import ranges, sniffing, store


def picture(kind: str, size: tuple[int, int] = (1200, 800)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, (200, 30, 30)).save(out, kind)
    return out.getvalue()


@pytest.mark.parametrize(
    ("head", "claimed", "mime"),
    [
        (picture("JPEG"), "image/png", "image/jpeg"),
        (picture("PNG"), "application/octet-stream", "image/png"),
        (b"<svg onload=alert(1)>", "image/svg+xml", "application/octet-stream"),
        (b"<html><script>1</script>", "image/jpeg", "application/octet-stream"),
        (b"<!doctype html>", "text/plain", "application/octet-stream"),
        (b"nome;valor\nAna;1\n", "text/csv", "text/csv"),
        ("ação".encode(), "text/plain; charset=utf-8", "text/plain"),
        (b"\0\1\2", "text/plain", "application/octet-stream"),
        (b"OggS" + b"\0" * 24 + b"OpusHead", "audio/ogg; codecs=opus", "audio/ogg"),
        (
            b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\xf7\x81\x01\x42\xf2\x81\x04\x42\xf3\x81\x08\x42\x82\x84webm",
            "audio/webm",
            "audio/webm",
        ),
        (b"%PDF-1.7", "application/pdf", "application/pdf"),
    ],
)
def test_bytes_decide_what_a_file_is(head: bytes, claimed: str, mime: str) -> None:
    assert sniffing.mime_of(head, claimed) == mime


def test_pages_and_drawings_that_can_run_programs_are_never_shown_inline() -> None:
    assert not sniffing.is_inline("image/svg+xml")
    assert not sniffing.is_inline("text/html")
    assert sniffing.is_inline("image/webp")


@pytest.mark.parametrize(
    ("name", "mime", "may"),
    [
        ("orçamento.pdf", "application/pdf", True),
        ("NOTA.XML", "application/octet-stream", True),
        ("Contrato v1.2", "application/octet-stream", True),
        (None, "image/jpeg", True),
        ("planilha.xlsm", "application/zip", False),
        ("setup.exe", "application/octet-stream", False),
        ("página.html", "application/octet-stream", False),
        ("foto.jpg", "application/x-msdownload", False),
        ("foto.jpg.scr", "application/octet-stream", False),
    ],
)
def test_programs_pages_and_macros_are_not_sent(name: str | None, mime: str, may: bool) -> None:
    assert sniffing.may_be_sent(mime, name) is may


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\fotos\\praia.jpg", "praia.jpg"),
        ("conta\u202egpj.exe", "contagpj.exe"),
        ("a" * 200 + ".pdf", "a" * 116 + ".pdf"),
        ("", None),
        ("..", None),
        ("\n\t", None),
    ],
)
def test_names_are_only_names(name: str, shown: str | None) -> None:
    assert sniffing.display_name(name) == shown


@pytest.mark.parametrize(
    ("header", "part"),
    [
        (None, None),
        ("bytes=0-", (0, 99)),
        ("bytes=10-19", (10, 19)),
        ("bytes=90-500", (90, 99)),
        ("bytes=-5", (95, 99)),
        ("bytes=-500", (0, 99)),
        ("bytes=0-1,5-6", None),
        ("lines=1-2", None),
        ("bytes=-", None),
    ],
)
def test_ranges_of_a_file_of_100_bytes(header: str | None, part: tuple[int, int] | None) -> None:
    assert ranges.wanted(header, 100) == part


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=50-40", "bytes=-0"])
def test_a_range_outside_the_file_is_refused(header: str) -> None:
    with pytest.raises(ValueError, match="range"):
        ranges.wanted(header, 100)


def test_a_stored_file_is_found_by_its_hash_and_by_nothing_else(tmp_path: Path) -> None:
    tenant = new_id()
    sha256, size = store.write(tmp_path, tenant, [b"ol", b"a"])
    assert size == 3
    assert store.read(tmp_path, tenant, sha256) == b"ola"
    assert not list((tmp_path / str(tenant)).glob(".incoming*"))
    for name in ("../../../etc/passwd", sha256.upper(), sha256[:-1], ""):
        with pytest.raises(ValueError, match="sha256"):
            store.path_of(tmp_path, tenant, name)

"""What reaches a log line: structure yes; numbers, tokens and passwords no."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from hunfly_box.kit.logging import JsonLines, PhoneHasher, Redaction, TextLines, request_id

HASHER = PhoneHasher(b"k" * 32)


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    handler.addFilter(Redaction(HASHER))
    logger = logging.getLogger("hunfly.test")
    logger.addHandler(handler)
    logger.propagate = False
    yield stream
    logger.removeHandler(handler)


PLANTED = [
    "hbx_ab12cd34_" + "s3cret" * 7 + "a",
    "5511987654321",
    "+55 11 98765-4321".replace(" ", "").replace("-", ""),
    "5511987654321@s.whatsapp.net",
    "81234567890123@lid",
    "hunter2hunter2",
    "eyJhbGciOiJIUzI1NiJ9.eyJhcHAiOiJldm9sdXRpb24ifQ.c2lnbmF0dXJl",
]
SENTENCES = [
    f"token {PLANTED[0]} used",
    f"number {PLANTED[1]} wrote",
    f"number {PLANTED[2]} wrote",
    f"jid={PLANTED[3]}",
    f"from {PLANTED[4]}:12 on",
    "connecting to postgresql://hb_app:hunter2hunter2@db/hunfly",
    '{"apikey": "hunter2hunter2"}',
    "Authorization: Bearer hunter2hunter2",
    "password=hunter2hunter2",
    f"header {PLANTED[6]}",
]


@pytest.mark.parametrize("sentence", SENTENCES)
def test_planted_secrets_do_not_come_through(lines: io.StringIO, sentence: str) -> None:
    log = logging.getLogger("hunfly.test")
    log.error(sentence)
    log.error("as an argument: %s", sentence)
    log.error("as a field", extra={"note": sentence})
    try:
        raise ValueError(sentence)
    except ValueError:
        log.exception("with a trace")
    written = lines.getvalue()
    assert not [secret for secret in PLANTED if secret in written]
    assert written.count("\n") == 4


def test_one_number_has_one_mark_however_it_is_written() -> None:
    marks = {HASHER.redact(text) for text in ("+5511987654321", "5511987654321", "5511987654321@s.whatsapp.net")}
    assert marks == {HASHER.mark("5511987654321")}
    assert marks.pop().startswith("ph:")


def test_the_mark_tells_nothing_without_the_key() -> None:
    assert HASHER.mark("5511987654321") != PhoneHasher(b"j" * 32).mark("5511987654321")


@pytest.mark.parametrize(
    "text",
    [
        "conversation 0190a5d4-ac96-774b-bcce-530209980577",
        "took 12345 ms at 2026-11-23T18:00:00.123Z",
        "127.0.0.1:8080",
        "version 1795455555123456 is newer",
    ],
)
def test_ids_times_and_versions_stay_readable(text: str) -> None:
    assert HASHER.redact(text) == text


def test_a_json_line_carries_the_request_and_the_fields(lines: io.StringIO) -> None:
    token = request_id.set("abc")
    try:
        logging.getLogger("hunfly.test").warning("slow", extra={"seconds": 3})
    finally:
        request_id.reset(token)
    line = json.loads(lines.getvalue())
    assert (line["message"], line["level"], line["request"], line["seconds"]) == ("slow", "warning", "abc", 3)


def test_a_text_line_is_one_line_for_people() -> None:
    record = logging.makeLogRecord({"name": "hunfly", "msg": "hello", "levelname": "INFO", "tenant": "x"})
    assert TextLines().format(record).endswith("info    hunfly: hello tenant=x")

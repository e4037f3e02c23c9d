"""The recorded webhooks, for every test module here."""

import json
from pathlib import Path
from typing import Any

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
EVOLUTION = FIXTURES / "evolution"
MEANINGS: dict[str, list[str]] = json.loads((FIXTURES / "meanings.json").read_text())
# Notes about sequences; they hold no request.
NOTES = {
    "baileys-unreachable/loop-rate.json",
    "retry/head-of-line-blocking-by-messages.edited.json",
    "retry/retry-sequences-4-attempts-initial-1s.json",
}


def names() -> list[str]:
    found = (str(path.relative_to(EVOLUTION)) for path in (EVOLUTION.glob("*/*.json")))
    return sorted(name for name in found if ".api-response." not in name and name not in NOTES)


def body(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((EVOLUTION / name).read_text())["body"]
    return found


def raw(name: str) -> bytes:
    """As Evolution writes it: no spaces, no escapes beyond the necessary."""
    return json.dumps(body(name), ensure_ascii=False, separators=(",", ":")).encode()


def answer(name: str) -> Any:
    return json.loads((EVOLUTION / name).read_text())["body"]

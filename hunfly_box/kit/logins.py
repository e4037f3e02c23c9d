"""The box's database logins: one URL for each role the process logs in as."""

import hashlib
import hmac
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import make_url


@dataclass(frozen=True, slots=True)
class Logins:
    app: str
    ingest: str
    admin: str


def logins(app_url: str, passwords_file: Path) -> Logins:
    """The other two logins stand beside hb_app: same server and database, their own passwords."""
    known = passwords(app_url, passwords_file)
    url = make_url(app_url)

    def named(role: str) -> str:
        return url.set(username=role, password=known[role]).render_as_string(hide_password=False)

    return Logins(app=app_url, ingest=named("hb_ingest"), admin=named("hb_admin"))


def passwords(app_url: str, file: Path) -> dict[str, str]:
    """Kept 0600 in the data folder.

    Derived from hb_app's password when it has one, so that a second machine with the same two settings
    arrives at the same passwords without the file.
    """
    if file.exists():
        saved: dict[str, str] = json.loads(file.read_text())
        return saved
    password = make_url(app_url).password
    key = str(password).encode() if password else secrets.token_bytes(32)
    made = {role: hmac.digest(key, role.encode(), hashlib.sha256).hex() for role in ("hb_ingest", "hb_admin")}
    made["hb_app"] = str(password or secrets.token_hex(16))
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as out:
        json.dump(made, out)
    return made

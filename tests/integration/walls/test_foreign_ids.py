"""Every route of the application, asked for with another's ids: by the other company, and by a colleague.

The routes are read from the application itself, so that a new one is tested the day it is written."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest
from litestar import Litestar

from hunfly_box.app import create_app
from hunfly_box.kit.database import Scope
from hunfly_box.kit.ids import new_id
from hunfly_box.media import store
from tests.cast import Person
from tests.conftest import Box
from tests.integration.access.conftest import Browser, Browsers

pytestmark = pytest.mark.services

CANARY = "canario-da-padaria"
PHONE = "5511912345678"
PLACEHOLDER = re.compile(r"\{(\w+):uuid\}")
# The page around a conversation is the inbox, which opens for everybody and then has nothing to show.
FRAMES = {("GET", "/inbox/{conversation_id:uuid}")}
# Throws away one's own draft; that there is none is no error, and said for every id alike.
ONES_OWN = {("DELETE", "/ui/drafts/{conversation_id:uuid}")}


csrf_tokens: dict[Browser, str] = {}


@dataclass
class Belongings:
    """What tenant A owns, by the name of the path parameter; the conversation is assigned to Bruno."""

    ids: dict[str, UUID] = field(default_factory=dict)

    def path(self, template: str) -> str:
        return PLACEHOLDER.sub(lambda found: str(self.ids[found[1]]), template)

    def bodies(self) -> list[dict[str, Any]]:
        """Of every form the routes take; what does not fit a route is refused before it is looked at."""
        conversation, message = str(self.ids["conversation_id"]), str(self.ids["message_id"])
        return [
            {},
            {"text": "x"},
            {"name": "x"},
            {"emoji": "👍"},
            {"status": "resolved"},
            {"seen": 1},
            {"name": "x", "color": "#112233"},
            {"type": "text", "text": "x"},
            {"type": "text", "text": "x", "quoted_id": message},
            {"mode": "reply", "text": "x", "quoted_id": None},
            {"mode": "note", "text": "x", "quoted_id": message},
            {"conversation_id": conversation, "on": True},
        ]


SQL = (
    "INSERT INTO app.channels (tenant_id, id, name, provider, instance, engine_url, route_key, secrets) VALUES"
    " (app.tenant_id(), :channel_id, :canary, 'evolution', :slug, 'http://127.0.0.1:1', :slug, 'x')",
    "INSERT INTO app.channel_health (tenant_id, channel_id) VALUES (app.tenant_id(), :channel_id) ON CONFLICT DO NOTHING",
    "INSERT INTO app.contacts (tenant_id, id, push_name, phone, avatar_sha256) VALUES"
    " (app.tenant_id(), :contact_id, :canary, :phone, :sha)",
    "INSERT INTO app.conversations (tenant_id, id, channel_id, contact_id, assignee_id, inbound_count, last_message_id,"
    " last_message_at) VALUES (app.tenant_id(), :conversation_id, :channel_id, :contact_id, :who, 1, :message_id, now())",
    "INSERT INTO app.rounds (tenant_id, id, conversation_id) VALUES (app.tenant_id(), :round, :conversation_id)",
    "INSERT INTO app.media (tenant_id, id, conversation_id, mime, name, size, sha256, state) VALUES"
    " (app.tenant_id(), :media_id, :conversation_id, 'image/png', :canary, 8, :sha, 'ready')",
    "INSERT INTO app.messages (tenant_id, id, conversation_id, channel_id, direction, type, author_kind, text, media_id,"
    " status, provider_id, sent_at) VALUES (app.tenant_id(), :message_id, :conversation_id, :channel_id, 'out', 'image', 'user',"
    " :canary, :media_id, 'failed', 'CANARY', now())",
    "INSERT INTO app.labels (tenant_id, id, name) VALUES (app.tenant_id(), :label_id, :canary)",
    "INSERT INTO app.journal (tenant_id, id, channel_id, event, state, reason, body) VALUES"
    " (app.tenant_id(), :entry_id, :channel_id, :canary, 'parked', 'unknown_event', :body)",
)


@pytest.fixture(scope="module")
def owned(box: Box) -> Belongings:
    names = ["channel_id", "contact_id", "conversation_id", "media_id", "message_id", "label_id", "entry_id"]
    found = Belongings({name: new_id() for name in names})
    picture = b"\x89PNG\r\n\x1a\n" + CANARY.encode()
    sha256, _ = store.write(box.resources.media_folder, box.cast.tenant_a, [picture])
    values = {**found.ids, "canary": CANARY, "phone": "+" + PHONE, "sha": sha256, "who": box.cast.bruno.id}
    with box.resources.database.transaction(Scope.system(box.cast.tenant_a)) as tx:
        for sql in SQL:
            tx.execute(sql, **values, round=new_id(), slug=new_id().hex, body=CANARY.encode())
    return found


@pytest.fixture(scope="module")
def app(box: Box) -> Litestar:
    return create_app(box.resources)


@pytest.fixture(scope="module")
def signed_in(app: Litestar, box: Box) -> Iterator[dict[str, Browser]]:
    browsers = Browsers(app)
    yield {person.name: browsers(person) for person in (box.cast.carla, box.cast.bia, box.cast.bruno)}
    browsers.close()


def routes(app: Litestar) -> list[tuple[str, str]]:
    """Method and template of whatever names a thing by its id."""
    found = set()
    for route in app.routes:
        if PLACEHOLDER.search(route.path):
            found |= {(str(method), route.path) for method in getattr(route, "methods", ()) if method != "OPTIONS"}
    return sorted(found)


def told(browser: Browser, method: str, path: str, body: dict[str, Any]) -> tuple[int, str]:
    headers = {"accept": "application/json"}
    if method != "GET":
        headers["x-csrf-token"] = csrf_tokens.setdefault(browser, "") or browser.form_token("/profile")
        csrf_tokens[browser] = headers["x-csrf-token"]
    answer = browser.request(method, path, headers=headers, **({} if method == "GET" else {"json": body}))
    return answer.status_code, answer.text + json.dumps(dict(answer.headers))


def everything(box: Box) -> dict[str, list[Any]]:
    """What tenant A's tables hold, to see that nothing was changed."""
    tables = (
        "channels contacts conversations media messages labels journal drafts conversation_reads reactions deliveries"
    )
    with box.resources.database.transaction(Scope.system(box.cast.tenant_a)) as tx:
        return {
            table: tx.scalars(f"SELECT to_jsonb(t)::text FROM app.{table} t ORDER BY 1") for table in tables.split()
        }


def leaks(browser: Browser, app: Litestar, owned: Belongings, *, also_fine: set[str]) -> list[str]:
    found = []
    for method, template in routes(app):
        if template in also_fine:
            continue
        path = owned.path(template)
        for body in owned.bodies() if method != "GET" else [{}]:
            status, text = told(browser, method, path, body)
            if CANARY in text or PHONE in text:
                found.append(f"{method} {template} tells: {text[:200]}")
            elif not (400 <= status < 500 or (method, template) in (FRAMES if status == 200 else ONES_OWN)):
                found.append(f"{method} {template} with {body} answers {status}: {text[:200]}")
    return found


def test_the_ids_of_another_company_lead_nowhere(
    box: Box, app: Litestar, owned: Belongings, signed_in: dict[str, Browser]
) -> None:
    before = everything(box)
    assert leaks(signed_in["Carla"], app, owned, also_fine=set()) == []
    assert everything(box) == before


def test_the_ids_of_a_colleagues_conversation_lead_nowhere(
    box: Box, app: Litestar, owned: Belongings, signed_in: dict[str, Browser]
) -> None:
    before = everything(box)
    # Numbers and labels are the whole team's.
    of_all = {template for _, template in routes(app) if "channel_id" in template or "label_id" in template}
    assert leaks(signed_in["Bia"], app, owned, also_fine=of_all) == []
    assert everything(box) == before


def test_who_the_conversation_belongs_to_does_read_it(
    app: Litestar, owned: Belongings, signed_in: dict[str, Browser]
) -> None:
    """Or else the two tests above would hold for a box that answers nobody."""
    bruno = signed_in["Bruno"]
    for template in (
        "/inbox/{conversation_id:uuid}",
        "/api/v1/conversations/{conversation_id:uuid}",
        "/api/v1/conversations/{conversation_id:uuid}/messages",
        "/api/v1/media/{media_id:uuid}",
        "/api/v1/contacts/{contact_id:uuid}",
    ):
        status, text = told(bruno, "GET", owned.path(template), {})
        assert status == 200
        assert CANARY in text


def test_the_same_question_has_another_answer_for_another_company(
    owned: Belongings, signed_in: dict[str, Browser]
) -> None:
    """Nothing of an answer is kept for whoever asks next, at the same address or with the first one's tag."""
    bruno, carla = signed_in["Bruno"], signed_in["Carla"]
    for path in (
        "/inbox",
        "/inbox/list",
        "/api/v1/conversations",
        "/api/v1/labels",
        "/channels",
        f"/inbox/list?q={CANARY}",
    ):
        warm = bruno.get(path)
        cold = carla.get(path, headers={"if-none-match": warm.headers.get("etag", '"x"')})
        assert CANARY not in cold.text, path
        assert cold.status_code == 200, path
        assert warm.headers["cache-control"] == "no-store", path
    media = f"/api/v1/media/{owned.ids['media_id']}"
    tag = bruno.get(media).headers["etag"]
    assert carla.get(media, headers={"if-none-match": tag}).status_code == 404


def test_what_is_named_inside_a_body_is_walled_too(box: Box, owned: Belongings, signed_in: dict[str, Browser]) -> None:
    """Ids of tenant A in what Carla sends about a conversation of her own, and Bia about one of hers."""
    before = everything(box)
    own_a = _own_conversation(box, box.cast.bia)
    own_b = _own_conversation(box, box.cast.carla)
    message, media = str(owned.ids["message_id"]), str(owned.ids["media_id"])
    for name, own in (("Carla", own_b), ("Bia", own_a)):
        browser = signed_in[name]
        place = f"/api/v1/conversations/{own}"
        for method, path, body in (
            ("POST", f"{place}/messages", {"type": "text", "text": "x", "quoted_id": message}),
            ("POST", f"{place}/messages", {"type": "image", "media_id": media}),
            ("PUT", f"/ui/drafts/{own}", {"mode": "reply", "text": "x", "quoted_id": message}),
            ("PATCH", place, {"assignee_id": str(box.cast.bruno.id if name == "Carla" else box.cast.carla.id)}),
            ("PATCH", place, {"label_ids": [str(owned.ids["label_id"] if name == "Carla" else new_id())]}),
            (
                "POST",
                "/api/v1/messages",
                {"channel_id": str(_other_channel(box, name)), "to": "+5511955554444", "text": "x"},
            ),
        ):
            status, text = told(browser, method, path, body)
            assert CANARY not in text, (name, method, path, body, text)
            assert 400 <= status < 500 or path.startswith("/ui/drafts"), (name, method, path, body, status, text)
        assert CANARY not in told(browser, "GET", f"{place}/messages", {})[1]
    after = everything(box)
    assert [row for row in before["messages"] if row not in after["messages"]] == []


def _other_channel(box: Box, name: str) -> UUID:
    """A number of the other company."""
    other = box.cast.tenant_a if name == "Carla" else box.cast.tenant_b
    with box.resources.database.transaction(Scope.system(other)) as tx:
        return UUID(str(tx.scalar("SELECT id FROM app.channels ORDER BY id LIMIT 1")))


def _own_conversation(box: Box, who: Person) -> UUID:
    ids = {name: new_id() for name in ("channel", "contact", "conversation", "round")}
    assert who.tenant_id is not None
    with box.resources.database.transaction(Scope.system(who.tenant_id)) as tx:
        for sql in (
            "INSERT INTO app.channels (tenant_id, id, name, provider, instance, engine_url, route_key, secrets) VALUES"
            " (app.tenant_id(), :channel, 'own', 'evolution', :slug, 'http://127.0.0.1:1', :slug, 'x')",
            "INSERT INTO app.contacts (tenant_id, id, push_name) VALUES (app.tenant_id(), :contact, 'own')",
            "INSERT INTO app.conversations (tenant_id, id, channel_id, contact_id, assignee_id) VALUES"
            " (app.tenant_id(), :conversation, :channel, :contact, :who)",
            "INSERT INTO app.rounds (tenant_id, id, conversation_id) VALUES (app.tenant_id(), :round, :conversation)",
        ):
            tx.execute(sql, **ids, who=who.id, slug=ids["channel"].hex)
    return ids["conversation"]

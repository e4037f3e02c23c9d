"""The inbox as a browser gets it: pages, fragments, and what only our own scripts ask for."""

import re
from uuid import UUID

import pytest

from hunfly_box.inbox.commands import labelling, noting, resolving
from hunfly_box.inbox.outgoing import Outgoing
from hunfly_box.kit.ids import new_id
from tests.cast import Person
from tests.integration.access.conftest import Browser, Browsers
from tests.integration.inbox.conftest import World

pytestmark = pytest.mark.services

signed_in: dict[UUID, Browser] = {}


def browser_of(browsers: Browsers, who: Person) -> Browser:
    """Signing in costs a password hash: once for each person and module."""
    if who.id not in signed_in:
        signed_in[who.id] = browsers(who)
    return signed_in[who.id]


def csrf(browser: Browser) -> dict[str, str]:
    return {"x-csrf-token": browser.form_token("/inbox")}


def test_the_inbox_shows_the_list_and_the_open_conversation(world: World, browsers: Browsers) -> None:
    first = world.conversation("Mariana Alves", "bom dia", "quanto custa o *bolo*?")
    world.conversation("Pedro", "<img src=x onerror=alert(1)>")
    browser = browser_of(browsers, world.box.cast.ana)

    page = browser.get(f"/inbox/{first}")

    assert page.status_code == 200
    assert page.headers["cache-control"] == "no-store"
    assert "<strong>bolo</strong>" in page.text
    assert "<img src=x" not in page.text
    assert f'id="cv-{first}"' in page.text
    assert re.search(r'data-cursor="\d{16}"', page.text)


def test_a_pane_is_the_thread_and_the_side(world: World, browsers: Browsers) -> None:
    conversation_id = world.conversation("Mariana", "oi")
    browser = browser_of(browsers, world.box.cast.bruno)

    pane = browser.get(f"/inbox/{conversation_id}", headers={"x-pane": "1"})

    thread, side = pane.text.split("<!--side-->")
    assert "<html" not in pane.text
    assert "hb-thread" in thread
    assert "who-card" in side
    assert "who-card" in browser.get(f"/inbox/{conversation_id}/side").text


def test_every_kind_of_message_is_drawn(world: World, browsers: Browsers) -> None:
    conversation_id = world.conversation("Mariana", "oi")
    world.customer("Dona Bia", "+5531911112222")
    location = {"latitude": -23.5, "longitude": -46.6, "name": "Loja", "address": "Rua A"}
    for kind, payload in {
        "location": location,
        "live_location": location,
        "contacts": {"contacts": [{"name": "Pedro", "phones": [{"number": "+5511999990000"}]}]},
        "poll": {"question": "Qual?", "options": ["A", "B"], "selectable": 1},
        "order": {"kind": "order", "title": "Bolo", "item_count": 2, "total": 1250.5, "currency": "BRL"},
        "event": {"name": "Festa", "place": "Salão da Dona Rosa", "starts_at": 1_795_379_072.0},
        "unsupported": {},
        "view_once": {},
        "poll_vote": {"options": ["A"]},
        "reply_button": {"title": "Sim"},
        "text": {
            "mentions": [{"kind": "phone", "value": "+5531911112222", "handle": "553111112222"}],
            "referral": {"title": "Anúncio", "url": "https://example.com/", "text": "Compre"},
        },
    }.items():
        world.incoming(conversation_id, "@553111112222 olá", type=kind, payload=payload)
    world.incoming(conversation_id, "sim", quoted="UNKNOWN", quoted_text="vem hoje?")
    with world.database.transaction(world.box.cast.ana.scope) as tx:
        noting.note(tx, conversation_id, Outgoing(type="note", text="nota de teste"))
        resolving.resolve(tx, conversation_id)

    page = browser_of(browsers, world.box.cast.ana).get(f"/inbox/{conversation_id}")

    assert page.status_code == 200
    for piece in (
        "Loja",
        "Pedro",
        "Bolo",
        "2 × · R$\xa01.250,50",
        "Salão da Dona Rosa",
        "22 de nov. de 2026",
        "Qual?",
        "Anúncio",
        "Dona Bia",
        "vem hoje?",
        "nota de teste",
        "Ana resolveu a conversa",
    ):
        assert piece in page.text, piece


def test_older_messages_come_a_page_at_a_time(world: World, browsers: Browsers) -> None:
    conversation_id = world.conversation("Mariana", *[f"mensagem {number}" for number in range(6)])
    ids = [
        row["id"]
        for row in world.rows(
            "SELECT id FROM app.messages WHERE conversation_id = :id ORDER BY sent_at", id=conversation_id
        )
    ]
    browser = browser_of(browsers, world.box.cast.ana)

    page = browser.get(f"/inbox/{conversation_id}/older?before={ids[4]}&n=3")
    last = browser.get(f"/inbox/{conversation_id}/older?before={ids[1]}&n=3")

    assert page.headers["x-more"] == "1"
    assert [f"mensagem {number}" in page.text for number in range(6)] == [False, True, True, True, False, False]
    assert "x-more" not in last.headers


def test_the_thread_opens_anywhere_and_leads_back_to_its_end(world: World, browsers: Browsers) -> None:
    said = [f"mensagem {number}." for number in range(12)]
    conversation_id = world.conversation("Mariana", *said)
    ids = [
        row["id"]
        for row in world.rows(
            "SELECT id FROM app.messages WHERE conversation_id = :id ORDER BY sent_at, id", id=conversation_id
        )
    ]
    browser = browser_of(browsers, world.box.cast.ana)

    def part(path: str) -> tuple[list[int], bool, bool]:
        answer = browser.get(f"/inbox/{conversation_id}/{path}")
        shown = sorted((answer.text.index(text), number) for number, text in enumerate(said) if text in answer.text)
        return [number for _, number in shown], "x-more" in answer.headers, "x-newer" in answer.headers

    assert part(f"around?message={ids[5]}&n=4") == ([3, 4, 5, 6, 7], True, True)
    assert part(f"around?message={ids[0]}&n=4") == ([0, 1, 2], False, True)
    assert part(f"around?message={ids[11]}&n=4") == ([9, 10, 11], True, False)
    assert part("around?n=4") == ([8, 9, 10, 11], True, False)
    assert part(f"newer?after={ids[7]}&n=3") == ([8, 9, 10], False, True)
    assert part(f"newer?after={ids[10]}&n=3") == ([11], False, False)
    assert browser.get(f"/inbox/{conversation_id}/around?message={new_id()}").status_code == 404
    elsewhere = world.conversation("Outra")
    assert browser.get(f"/inbox/{elsewhere}/around?message={ids[5]}").status_code == 404


def test_changes_since_a_version(world: World, browsers: Browsers) -> None:
    conversation_id = world.conversation("Mariana", "um")
    version = world.rows("SELECT max(version) AS v FROM app.messages WHERE conversation_id = :id", id=conversation_id)
    world.incoming(conversation_id, "dois")

    page = browser_of(browsers, world.box.cast.ana).get(f"/inbox/{conversation_id}/changes?since={version[0]['v']}")

    assert "dois" in page.text
    assert "um<" not in page.text


def test_the_list_is_filtered_and_searched(world: World, browsers: Browsers) -> None:
    conversation_id = world.conversation("Zenaide", "tem hortaliça?", assignee=world.box.cast.ana)
    with world.database.transaction(world.box.cast.ana.scope) as tx:
        label_id = labelling.create_label(tx, name=f"Feira {conversation_id.hex[-6:]}", color=1)
        labelling.set_labels(tx, conversation_id, [label_id])
    world.rows("SELECT app.index_messages(10000)")
    browser = browser_of(browsers, world.box.cast.ana)

    for query in (
        "tab=mine",
        f"label={label_id}",
        f"channel={world.channel_id}",
        "q=zenaide",
        "q=hortalica",
        "tab=odd",
    ):
        assert f'id="cv-{conversation_id}"' in browser.get(f"/inbox/list?status=open&{query}").text, query
    assert f'id="cv-{conversation_id}"' in browser.get(f"/inbox/rows?ids=x,{conversation_id},{new_id()}").text
    for query in ("tab=none", "status=resolved", f"label={new_id()}", "q=nadadisso"):
        assert f'id="cv-{conversation_id}"' not in browser.get(f"/inbox/list?{query}").text, query


def test_what_is_not_there_is_not_found(world: World, strangers_world: World, browsers: Browsers) -> None:
    of_bia = world.conversation(assignee=world.box.cast.bia)
    of_strangers = strangers_world.conversation()
    browser = browser_of(browsers, world.box.cast.bruno)
    token = csrf(browser)

    for conversation_id in (of_bia, of_strangers, new_id()):
        for path in (
            "",
            f"/older?before={new_id()}",
            f"/newer?after={new_id()}",
            "/around",
            "/changes?since=0",
            "/side",
        ):
            assert browser.get(f"/inbox/{conversation_id}{path}").status_code == 404, path
        for path in ("seen", "unread"):
            answer = browser.request(
                "POST", f"/ui/conversations/{conversation_id}/{path}", json={"seen": 1}, headers=token
            )
            assert answer.status_code == 404, path
        answer = browser.request("PUT", f"/ui/drafts/{conversation_id}", json={"text": "x"}, headers=token)
        assert answer.status_code == 404


def test_those_without_content_are_sent_to_their_tenants(world: World, browsers: Browsers) -> None:
    for who in (world.box.cast.olga, world.box.cast.duda):
        browser = browser_of(browsers, who)
        assert browser.get("/inbox").headers["location"] == "/tenants"
        assert browser.get(f"/inbox/{new_id()}").headers["location"] == "/tenants"
        assert browser.get("/inbox/list", headers={"accept": "*/*"}).status_code == 403


def test_drafts_read_marks_and_counts(world: World, browsers: Browsers) -> None:
    conversation_id = world.conversation("Mariana", "um", "dois")
    browser = browser_of(browsers, world.box.cast.ana)
    token = csrf(browser)

    def unread() -> int:
        counts: dict[str, int] = browser.get("/ui/counts?status=open").json()
        assert counts.keys() == {"mine", "none", "all", "unread"}
        return counts["unread"]

    before = unread()
    saved = browser.request(
        "PUT", f"/ui/drafts/{conversation_id}", json={"text": "rascunho meu", "mode": "reply"}, headers=token
    )
    seen = browser.request("POST", f"/ui/conversations/{conversation_id}/seen", json={"seen": 2}, headers=token)
    assert (saved.status_code, seen.status_code) == (204, 204)
    assert "rascunho meu" in browser.get("/inbox/list").text
    assert unread() == before - 1
    browser.request("POST", f"/ui/conversations/{conversation_id}/unread", headers=token)
    assert unread() == before
    forgotten = browser.request("DELETE", f"/ui/drafts/{conversation_id}", headers=token)
    assert forgotten.status_code == 204
    assert "rascunho meu" not in browser.get("/inbox/list").text


def test_a_conversation_is_found_for_forwarding(world: World, browsers: Browsers) -> None:
    conversation_id = world.conversation("Quitéria", phone="+5511977776666")
    browser = browser_of(browsers, world.box.cast.ana)

    found = browser.get("/ui/conversations/find?q=quiteria").json()["items"]

    assert found == [{"id": str(conversation_id), "name": "Quitéria", "phone": "+55 11 97777-6666", "avatar_url": None}]
    assert len(browser.get("/ui/conversations/find").json()["items"]) <= 20


def test_a_contacts_picture_is_shown_to_who_sees_them(world: World, browsers: Browsers) -> None:
    from hunfly_box.media import store

    conversation_id = world.conversation("Mariana", assignee=world.box.cast.bia)
    contact_id = world.row("conversations", conversation_id)["contact_id"]
    png = b"\x89PNG\r\n\x1a\n" + b"\0" * 40
    sha256, _ = store.write(world.box.resources.media_folder, world.tenant_id, [png])
    world.change("UPDATE app.contacts SET avatar_sha256 = :sha WHERE id = :id", sha=sha256, id=contact_id)

    seen = browser_of(browsers, world.box.cast.bia).get(f"/ui/contacts/{contact_id}/avatar")
    hidden = browser_of(browsers, world.box.cast.bruno).get(f"/ui/contacts/{contact_id}/avatar")

    assert (seen.status_code, seen.headers["content-type"], seen.content) == (200, "image/png", png)
    assert hidden.status_code == 404


def test_typing_without_a_socket(world: World, browsers: Browsers) -> None:
    mine, of_bia = world.conversation(), world.conversation(assignee=world.box.cast.bia)
    browser = browser_of(browsers, world.box.cast.bruno)
    token = csrf(browser)

    def types(conversation_id: UUID) -> int:
        body = {"conversation_id": str(conversation_id), "on": True}
        return browser.request("POST", "/ui/typing", json=body, headers=token).status_code

    assert types(mine) == 204
    assert types(of_bia) == 404

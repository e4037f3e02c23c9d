"""An edit, a deletion or a reaction that did not happen is taken back, whatever ended it, and its message says so."""

from typing import Any
from uuid import UUID

import pytest

from hunfly_box.inbox import queries as inbox
from hunfly_box.inbox import render
from hunfly_box.kit.database import TenantTransaction
from hunfly_box.outbound import claiming, commands, undoing
from tests.integration.outbound.conftest import StartWorker
from tests.integration.outbound.shop import Shop, eventually
from tests.integration.outbound.test_acts import received

PATHS = {"edit": "chat/updateMessage", "delete": "chat/delete*", "reaction": "message/sendReaction"}


@pytest.fixture(autouse=True)
def nobody_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test says what state the number is in."""
    from hunfly_box.channels import jobs

    monkeypatch.setattr(jobs, "TIMETABLE", ())


def act(shop: Shop, kind: str, message_id: UUID, told: str = "depois") -> None:
    with shop.resources.database.transaction(shop.box.cast.ana.scope) as tx:
        if kind == "edit":
            commands.edit(tx, message_id, told, user_id=shop.box.cast.ana.id)
        elif kind == "delete":
            commands.delete_for_everyone(tx, message_id)
        else:
            commands.react(tx, message_id, told if told != "depois" else "👍")


def sent(shop: Shop, text: str = "antes") -> UUID:
    """A message the customer has; its worker is gone again."""
    message_id = shop.write(shop.customer(), text)
    shop.execute("UPDATE app.deliveries SET state = 'accepted' WHERE message_id = :id", id=message_id)
    shop.execute(
        "UPDATE app.messages SET status = 'sent', provider_id = :name WHERE id = :id",
        id=message_id,
        name=message_id.hex,
    )
    return message_id


def look(shop: Shop, message_id: UUID) -> None:
    """What a worker does first: it takes the head of the line, or ends what can go no more."""
    with shop.resources.database.transaction(shop.system) as tx:
        claiming.take(tx, conversation_of(tx, message_id), "test")


def conversation_of(tx: TenantTransaction, message_id: UUID) -> UUID:
    found: UUID = tx.scalar("SELECT conversation_id FROM app.messages WHERE id = :id", id=message_id)
    return found


def shown(shop: Shop, message_id: UUID) -> dict[str, Any]:
    with shop.resources.database.transaction(shop.box.cast.ana.scope) as tx:
        message = inbox.message(tx, message_id)
        revisions = tx.scalars("SELECT text FROM app.message_revisions WHERE message_id = :id", id=message_id)
    return {
        "text": message.text,
        "edited": message.edited_at is not None,
        "deleted": message.deleted_at is not None,
        "reactions": [reaction.emoji for reaction in message.reactions],
        "error": message.error.code if message.error else None,
        "revisions": revisions,
        "html": render.bubble_html(shop.resources.templates, message, "pt_BR", "America/Sao_Paulo"),
        "needs_html": render.needs_html(message),
    }


UNTOUCHED = {"text": "antes", "edited": False, "deleted": False, "reactions": [], "revisions": []}


@pytest.mark.parametrize("kind", undoing.KINDS)
@pytest.mark.parametrize("reason", ["refused", "late", "unconfirmed"])
def test_what_did_not_happen_is_taken_back_and_said(
    shop: Shop, start_worker: StartWorker, kind: str, reason: str
) -> None:
    message_id = sent(shop)
    if reason == "refused":
        shop.sim.fault("refuse", path=PATHS[kind], times=1)
        act(shop, kind, message_id)
        start_worker()
    elif reason == "late":
        shop.set_state("logged_out")
        act(shop, kind, message_id)
        shop.execute("UPDATE app.deliveries SET expires_at = now() - interval '1 second' WHERE kind = :kind", kind=kind)
        look(shop, message_id)
    else:
        act(shop, kind, message_id)
        shop.execute("UPDATE app.deliveries SET state = 'claimed', crash_count = 2 WHERE kind = :kind", kind=kind)
        look(shop, message_id)
    eventually(lambda: shown(shop, message_id)["error"] is not None, 10, lambda: shop.story(message_id))
    found = shown(shop, message_id)
    assert {name: found[name] for name in UNTOUCHED} == UNTOUCHED
    assert found["error"] == f"message.{kind}_{reason}"
    assert found["needs_html"]
    assert 'class="undone"' in found["html"]
    assert shop.message(message_id)["status"] == "sent"
    assert shop.deliveries(message_id)[-1]["state"] == "failed"


def test_an_engine_that_never_answers_leaves_an_edit_unconfirmed(shop: Shop, start_worker: StartWorker) -> None:
    start_worker()
    message_id = shop.write(shop.customer(), "antes")
    shop.wait_for_status(message_id, "sent")
    shop.sim.fault("reset", path=PATHS["edit"], after=True, times=1)
    with shop.resources.database.transaction(shop.box.cast.ana.scope) as tx:
        commands.edit(tx, message_id, "depois")
        tx.execute("UPDATE app.deliveries SET attempts = 100 WHERE kind = 'edit'")
    eventually(lambda: shown(shop, message_id)["error"] is not None, 10, lambda: shop.story(message_id))
    assert shown(shop, message_id)["error"] == "message.edit_unconfirmed"
    assert shown(shop, message_id)["text"] == "antes"


def fail_head(shop: Shop, message_id: UUID) -> None:
    """The act whose turn it is ends as one that waited too long; those behind it stay."""
    shop.execute(
        "UPDATE app.deliveries SET expires_at = now() - interval '1 second' WHERE id = ("
        " SELECT id FROM app.deliveries WHERE message_id = :id AND state = 'queued' ORDER BY created_at, id LIMIT 1)",
        id=message_id,
    )
    look(shop, message_id)


def test_of_two_edits_the_first_that_failed_shows_nothing_while_the_second_is_on_its_way(shop: Shop) -> None:
    shop.set_state("logged_out")
    message_id = sent(shop)
    act(shop, "edit", message_id, "segundo")
    act(shop, "edit", message_id, "terceiro")
    fail_head(shop, message_id)
    found = shown(shop, message_id)
    assert (found["text"], found["error"]) == ("terceiro", None)
    fail_head(shop, message_id)
    found = shown(shop, message_id)
    assert (found["text"], found["edited"], found["error"]) == ("antes", False, "message.edit_late")


def test_an_earlier_edit_that_did_happen_stays_said(shop: Shop) -> None:
    shop.set_state("logged_out")
    message_id = sent(shop)
    act(shop, "edit", message_id, "segundo")
    shop.execute("UPDATE app.deliveries SET state = 'accepted' WHERE kind = 'edit'")
    act(shop, "edit", message_id, "terceiro")
    fail_head(shop, message_id)
    found = shown(shop, message_id)
    assert (found["text"], found["edited"], found["revisions"]) == ("segundo", True, ["antes"])


def test_the_reaction_before_comes_back(shop: Shop) -> None:
    shop.set_state("logged_out")
    asked = received(shop, shop.customer(), "bom dia")
    act(shop, "reaction", asked, "❤️")
    shop.execute("UPDATE app.deliveries SET state = 'accepted' WHERE kind = 'reaction'")
    act(shop, "reaction", asked, "😮")
    act(shop, "reaction", asked, "👍")
    fail_head(shop, asked)
    found = shown(shop, asked)
    assert (found["reactions"], found["error"]) == (["❤️"], "message.reaction_late")
    with shop.resources.database.transaction(shop.box.cast.ana.scope) as tx:
        commands.react(tx, asked, "")
    assert (shown(shop, asked)["reactions"], shown(shop, asked)["error"]) == ([], None)
    fail_head(shop, asked)
    assert shown(shop, asked)["reactions"] == ["❤️"]


def test_what_the_customer_sees_is_not_overwritten_by_what_failed(shop: Shop) -> None:
    """Edited on the phone meanwhile: that happened."""
    shop.set_state("logged_out")
    message_id = sent(shop)
    act(shop, "edit", message_id, "daqui")
    shop.execute("UPDATE app.messages SET text = 'do celular' WHERE id = :id", id=message_id)
    fail_head(shop, message_id)
    found = shown(shop, message_id)
    assert (found["text"], found["edited"], found["error"]) == ("do celular", True, None)


def test_why_a_message_failed_is_not_hidden_by_an_act_on_it(shop: Shop) -> None:
    shop.set_state("logged_out")
    message_id = sent(shop)
    act(shop, "edit", message_id)
    shop.execute(
        "UPDATE app.messages SET status = 'failed', error_code = 'engine.refused' WHERE id = :id", id=message_id
    )
    fail_head(shop, message_id)
    assert shown(shop, message_id)["error"] == "engine.refused"

"""A conversation's life: each rule as the people of the cast meet it."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from hunfly_box.inbox import objects, queries
from hunfly_box.inbox.commands import (
    assigning,
    changing,
    deleting,
    drafting,
    editing,
    labelling,
    noting,
    reading,
    replying,
    resolving,
)
from hunfly_box.inbox.commands.replying import ConversationBlocked
from hunfly_box.inbox.outgoing import Outgoing
from hunfly_box.kit.announcing import Changed, Ring
from hunfly_box.kit.errors import Forbidden, Invalid, NotFound
from hunfly_box.kit.ids import new_id
from tests.cast import Person
from tests.integration.inbox.conftest import World

pytestmark = pytest.mark.services


def reply(world: World, who: Person, conversation_id: UUID, text: str = "Olá!") -> objects.Message:
    with world.database.transaction(who.scope) as tx:
        message_id = replying.reply(tx, conversation_id, Outgoing(type="text", text=text))
        return queries.message(tx, message_id)


def test_replying_to_nobodys_conversation_assigns_it_to_who_replies(world: World) -> None:
    bruno = world.box.cast.bruno
    conversation_id = world.conversation("Mariana")

    message = reply(world, bruno, conversation_id)

    conversation = world.row("conversations", conversation_id)
    assert message.status == "queued"
    assert message.author == objects.Author(kind="user", id=str(bruno.id), name="Bruno")
    assert conversation["assignee_id"] == bruno.id
    assert conversation["waiting_since"] is None
    assert conversation["inbound_answered"] == conversation["inbound_count"] == 1
    assert str(conversation["last_message_id"]) == message.id


def test_a_reply_lies_in_the_outbox_and_is_announced_after_the_commit(world: World) -> None:
    conversation_id = world.conversation()
    world.announced.clear()

    message = reply(world, world.box.cast.ana, conversation_id)

    deliveries = world.rows("SELECT * FROM app.deliveries WHERE message_id = :id", id=UUID(message.id))
    assert [(row["kind"], row["state"]) for row in deliveries] == [("send", "queued")]
    assert Changed(world.tenant_id, "message", UUID(message.id), conversation_id) in world.announced
    rings = [event for event in world.announced if isinstance(event, Ring)]
    assert [(ring.job, ring.entity_id) for ring in rings] == [("outbound.deliver", conversation_id)]


def test_a_reply_waits_while_the_number_is_down(world: World) -> None:
    conversation_id = world.conversation()
    world.change("UPDATE app.channels SET state = 'reconnecting' WHERE id = :id", id=world.channel_id)

    assert reply(world, world.box.cast.ana, conversation_id).status == "waiting_channel"


def test_a_group_is_assigned_to_nobody_by_itself(world: World) -> None:
    conversation_id = world.conversation("Família", is_group=True)

    reply(world, world.box.cast.bruno, conversation_id)

    assert world.row("conversations", conversation_id)["assignee_id"] is None


def test_a_colleagues_conversation_stays_theirs_when_the_manager_replies(world: World) -> None:
    conversation_id = world.conversation(assignee=world.box.cast.bruno)

    reply(world, world.box.cast.beto, conversation_id)

    assert world.row("conversations", conversation_id)["assignee_id"] == world.box.cast.bruno.id


def test_replying_to_a_resolved_conversation_opens_another_round(world: World) -> None:
    ana, beto = world.box.cast.ana, world.box.cast.beto
    conversation_id = world.conversation()
    with world.database.transaction(ana.scope) as tx:
        resolving.resolve(tx, conversation_id)

    reply(world, beto, conversation_id)

    rounds = world.rows("SELECT * FROM app.rounds WHERE conversation_id = :id ORDER BY opened_at", id=conversation_id)
    assert world.row("conversations", conversation_id)["status"] == "open"
    assert [row["resolved_by"] for row in rounds] == [ana.id, None]
    assert rounds[1]["first_reply_by"] == beto.id


def test_resolving_and_taking_it_back_is_one_round(world: World) -> None:
    conversation_id = world.conversation()
    with world.database.transaction(world.box.cast.ana.scope) as tx:
        resolving.resolve(tx, conversation_id)
        resolving.reopen(tx, conversation_id)

    rounds = world.rows("SELECT * FROM app.rounds WHERE conversation_id = :id", id=conversation_id)
    assert [row["resolved_at"] for row in rounds] == [None]


def test_a_blocked_contact_cannot_be_written_to(world: World) -> None:
    conversation_id = world.conversation()
    world.change("UPDATE app.contacts SET blocked_at = now()")

    with pytest.raises(ConversationBlocked):
        reply(world, world.box.cast.ana, conversation_id)
    world.change("UPDATE app.contacts SET blocked_at = NULL")


def test_a_note_never_leaves_and_changes_nobodys_turn(world: World) -> None:
    conversation_id = world.conversation()

    with world.database.transaction(world.box.cast.bruno.scope) as tx:
        note_id = noting.note(tx, conversation_id, Outgoing(type="note", text="cliente antigo"))

    conversation = world.row("conversations", conversation_id)
    assert world.rows("SELECT 1 FROM app.deliveries WHERE message_id = :id", id=note_id) == []
    assert conversation["assignee_id"] is None
    assert conversation["waiting_since"] is not None
    assert world.row("messages", note_id)["status"] is None


def test_an_agent_hands_over_and_then_sees_it_no_more(world: World) -> None:
    bruno, bia = world.box.cast.bruno, world.box.cast.bia
    conversation_id = world.conversation(assignee=bruno)

    with world.database.transaction(bruno.scope) as tx:
        assigning.assign(tx, conversation_id, bia.id)

    with world.database.transaction(bruno.scope) as tx:
        assert objects.conversations(tx, [conversation_id]) == []
        assert objects.messages(tx, [world.row("conversations", conversation_id)["last_message_id"]]) == []
    with world.database.transaction(bia.scope) as tx:
        assert queries.conversation(tx, conversation_id).assignee == objects.Assignee(id=str(bia.id), name="Bia")


def test_the_thread_tells_who_passed_it_to_whom(world: World) -> None:
    ana, bia = world.box.cast.ana, world.box.cast.bia
    conversation_id = world.conversation()

    with world.database.transaction(ana.scope) as tx:
        assigning.assign(tx, conversation_id, bia.id)
        page = queries.message_page(tx, conversation_id, cursor=None, limit=5)

    assert page.items[0].type == "system"
    assert page.items[0].text == "Ana passou a conversa para Bia"


def test_an_agent_cannot_touch_a_colleagues_conversation(world: World) -> None:
    conversation_id = world.conversation(assignee=world.box.cast.bia)
    bruno = world.box.cast.bruno

    for act in (
        lambda tx: replying.reply(tx, conversation_id, Outgoing(type="text", text="oi")),
        lambda tx: noting.note(tx, conversation_id, Outgoing(type="note", text="oi")),
        lambda tx: assigning.assign(tx, conversation_id, bruno.id),
        lambda tx: resolving.resolve(tx, conversation_id),
        lambda tx: labelling.set_labels(tx, conversation_id, []),
        lambda tx: reading.mark_seen(tx, conversation_id, 1),
        lambda tx: reading.mark_unread(tx, conversation_id),
        lambda tx: drafting.save(tx, conversation_id, kind="reply", text="oi", quoted_id=None),
        lambda tx: changing.change(tx, conversation_id),
    ):
        with pytest.raises(NotFound), world.database.transaction(bruno.scope) as tx:
            act(tx)


def test_nobody_outside_the_team_can_be_given_a_conversation(world: World) -> None:
    conversation_id = world.conversation()

    for stranger in (new_id(), world.box.cast.carla.id):
        with pytest.raises(Invalid), world.database.transaction(world.box.cast.ana.scope) as tx:
            assigning.assign(tx, conversation_id, stranger)


def test_snoozing_wants_a_moment_to_come(world: World) -> None:
    conversation_id = world.conversation()
    tomorrow = datetime.now(UTC) + timedelta(days=1)

    with world.database.transaction(world.box.cast.ana.scope) as tx:
        resolving.snooze(tx, conversation_id, tomorrow)
    assert world.row("conversations", conversation_id)["snoozed_until"] == tomorrow
    with pytest.raises(Invalid), world.database.transaction(world.box.cast.ana.scope) as tx:
        resolving.snooze(tx, conversation_id, datetime.now(UTC) - timedelta(seconds=1))


def test_only_the_snoozed_conversations_whose_time_has_come_wake(world: World) -> None:
    from hunfly_box.inbox import jobs

    due, later = world.conversation("Due"), world.conversation("Later")
    with world.database.transaction(world.box.cast.ana.scope) as tx:
        for conversation_id in (due, later):
            resolving.snooze(tx, conversation_id, datetime.now(UTC) + timedelta(days=1))
    world.change("UPDATE app.conversations SET snoozed_until = now() - interval '1 second' WHERE id = :id", id=due)

    jobs.wake_snoozed(world.box.resources)

    assert world.row("conversations", due)["status"] == "open"
    assert world.row("conversations", later)["status"] == "snoozed"


def test_labels_are_exactly_those_named(world: World) -> None:
    conversation_id = world.conversation()
    with world.database.transaction(world.box.cast.ana.scope) as tx:
        urgent = labelling.create_label(tx, name=f"Urgente {conversation_id.hex[-6:]}", color=1)
        paid = labelling.create_label(tx, name=f"Pago {conversation_id.hex[-6:]}", color=2)
        labelling.set_labels(tx, conversation_id, [urgent])
    before = world.row("conversations", conversation_id)["version"]

    with world.database.transaction(world.box.cast.bruno.scope) as tx:
        labelling.set_labels(tx, conversation_id, [paid])
        assert [label.id for label in queries.conversation(tx, conversation_id).labels] == [str(paid)]

    assert world.row("conversations", conversation_id)["version"] > before
    with pytest.raises(Invalid), world.database.transaction(world.box.cast.ana.scope) as tx:
        labelling.set_labels(tx, conversation_id, [new_id()])
    with pytest.raises(Invalid), world.database.transaction(world.box.cast.ana.scope) as tx:
        labelling.create_label(tx, name=f"  PAGO {conversation_id.hex[-6:]}", color=2)


def test_unread_begins_at_our_last_reply_and_then_belongs_to_each_person(world: World) -> None:
    ana, beto = world.box.cast.ana, world.box.cast.beto
    conversation_id = world.conversation("Mariana", "1", "2")
    reply(world, ana, conversation_id)
    world.incoming(conversation_id, "3")
    world.incoming(conversation_id, "4")

    def seen(who: Person) -> int:
        with world.database.transaction(who.scope) as tx:
            return queries.seen_counts(tx, [conversation_id])[str(conversation_id)]

    assert (seen(ana), seen(beto)) == (2, 2)
    with world.database.transaction(beto.scope) as tx:
        reading.mark_seen(tx, conversation_id, 4)
    assert (seen(ana), seen(beto)) == (2, 4)
    with world.database.transaction(beto.scope) as tx:
        reading.mark_seen(tx, conversation_id, 1)
        assert reading.mark_seen(tx, conversation_id, 99) == 4
    with world.database.transaction(beto.scope) as tx:
        reading.mark_unread(tx, conversation_id)
    assert seen(beto) == 3


def test_reading_tells_the_customer_only_where_the_tenant_wishes(world: World) -> None:
    wanted, unwanted = world.conversation("A"), world.conversation("B")

    def marks() -> int:
        return len(world.rows("SELECT 1 FROM app.work WHERE kind = 'outbound.mark_read'"))

    before = marks()
    with world.database.transaction(world.box.cast.ana.scope) as tx:
        reading.mark_seen(tx, wanted, 1)
    assert marks() == before + 1
    world.change("UPDATE app.tenants SET send_read_receipts = false")
    with world.database.transaction(world.box.cast.ana.scope) as tx:
        reading.mark_seen(tx, unwanted, 1)
    assert marks() == before + 1


def test_a_draft_follows_its_person_and_goes_with_the_reply(world: World) -> None:
    from hunfly_box.inbox import drafts

    ana, beto = world.box.cast.ana, world.box.cast.beto
    conversation_id = world.conversation()
    quoted = world.incoming(conversation_id, "quanto custa?")
    with world.database.transaction(ana.scope) as tx:
        drafting.save(tx, conversation_id, kind="reply", text="custa", quoted_id=quoted)
    with world.database.transaction(ana.scope) as tx:
        assert drafts.draft(tx, conversation_id) == {
            "text": "custa",
            "mode": "reply",
            "quoted": {"id": str(quoted), "text": "quanto custa?", "author": {"name": "Mariana"}},
        }
    with world.database.transaction(beto.scope) as tx:
        assert drafts.texts(tx, [conversation_id]) == {}

    reply(world, ana, conversation_id)

    with world.database.transaction(ana.scope) as tx:
        assert drafts.draft(tx, conversation_id) is None


def test_a_quote_shows_the_message_it_answers(world: World) -> None:
    conversation_id = world.conversation()
    quoted = world.incoming(conversation_id, "quanto custa?")

    with world.database.transaction(world.box.cast.ana.scope) as tx:
        message_id = replying.reply(tx, conversation_id, Outgoing(type="text", text="dez reais", quoted_id=quoted))
        found = queries.message(tx, message_id).quoted

    assert found == objects.Quoted(id=str(quoted), text="quanto custa?", author="Mariana", type="text")
    other = world.conversation("Outra")
    with pytest.raises(Invalid), world.database.transaction(world.box.cast.ana.scope) as tx:
        replying.reply(tx, other, Outgoing(type="text", text="x", quoted_id=quoted))


def test_agents_change_only_what_they_wrote(world: World) -> None:
    conversation_id = world.conversation(assignee=world.box.cast.bruno)
    message = reply(world, world.box.cast.ana, conversation_id)

    with pytest.raises(Forbidden), world.database.transaction(world.box.cast.bruno.scope) as tx:
        editing.edit(tx, UUID(message.id), "outra coisa")
    with pytest.raises(Forbidden), world.database.transaction(world.box.cast.bruno.scope) as tx:
        deleting.delete(tx, UUID(message.id))


def test_what_is_deleted_is_shown_to_nobody(world: World) -> None:
    conversation_id = world.conversation()
    message = reply(world, world.box.cast.ana, conversation_id, "segredo")

    with world.database.transaction(world.box.cast.ana.scope) as tx:
        deleting.delete(tx, UUID(message.id))
        found = queries.message(tx, UUID(message.id))

    assert found.deleted_at is not None
    assert found.text is None


def test_a_note_is_edited_and_deleted_in_the_house(world: World) -> None:
    conversation_id = world.conversation()
    with world.database.transaction(world.box.cast.bruno.scope) as tx:
        note_id = noting.note(tx, conversation_id, Outgoing(type="note", text="velho"))
        editing.edit(tx, note_id, "novo")
        assert queries.message(tx, note_id).text == "novo"
        deleting.delete(tx, note_id)
    assert world.rows("SELECT 1 FROM app.deliveries WHERE message_id = :id", id=note_id) == []
    assert world.rows("SELECT text FROM app.message_revisions WHERE message_id = :id", id=note_id) == [
        {"text": "velho"}
    ]


@pytest.mark.parametrize(
    "message",
    [
        Outgoing(type="text", text="  "),
        Outgoing(type="text"),
        Outgoing(type="text", text="x" * 70_000),
        Outgoing(type="image"),
        Outgoing(type="image", media_id=new_id()),
        Outgoing(type="text", text="x", media_id=new_id()),
        Outgoing(type="location"),
        Outgoing(type="contacts", contacts=[]),
        Outgoing(type="poll", text="x"),
        Outgoing(type="system", text="x"),
    ],
)
def test_what_makes_no_message_is_refused(world: World, message: Outgoing) -> None:
    conversation_id = world.conversation()

    with pytest.raises(Invalid) as refused, world.database.transaction(world.box.cast.ana.scope) as tx:
        replying.reply(tx, conversation_id, message)
    assert refused.value.errors


def test_foreign_ids_are_not_there(world: World, strangers_world: World) -> None:
    conversation_id = strangers_world.conversation("Deles")
    message_id = strangers_world.row("conversations", conversation_id)["last_message_id"]

    with world.database.transaction(world.box.cast.ana.scope) as tx:
        assert objects.conversations(tx, [conversation_id]) == []
        assert objects.messages(tx, [message_id]) == []
    with pytest.raises(NotFound):
        reply(world, world.box.cast.ana, conversation_id)
    with pytest.raises(NotFound), world.database.transaction(world.box.cast.ana.scope) as tx:
        editing.edit(tx, message_id, "x")

"""Several people at once in one conversation."""

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest

from hunfly_box.inbox import queries
from hunfly_box.inbox.commands import assigning, replying
from hunfly_box.inbox.outgoing import Outgoing
from hunfly_box.kit.errors import NotFound
from tests.cast import Person
from tests.integration.inbox.conftest import World

pytestmark = pytest.mark.services


def test_two_agents_who_answer_from_the_queue_do_not_both_own_it(world: World) -> None:
    bruno, bia = world.box.cast.bruno, world.box.cast.bia
    for _ in range(5):
        conversation_id = world.conversation()

        def answer(who: Person, conversation_id: UUID = conversation_id) -> bool:
            try:
                with world.database.transaction(who.scope) as tx:
                    replying.reply(tx, conversation_id, Outgoing(type="text", text=who.name))
            except NotFound:
                # The other was faster, and it is theirs now.
                return False
            return True

        with ThreadPoolExecutor(2) as threads:
            answered = list(threads.map(answer, [bruno, bia]))

        sent = world.rows(
            "SELECT author_id FROM app.messages WHERE conversation_id = :id AND type = 'text' AND direction = 'out'",
            id=conversation_id,
        )
        assert sum(answered) == 1
        assert [row["author_id"] for row in sent] == [world.row("conversations", conversation_id)["assignee_id"]]


def test_replies_at_once_leave_in_the_order_they_stand(world: World) -> None:
    conversation_id = world.conversation(assignee=world.box.cast.ana)

    def answer(number: int) -> None:
        with world.database.transaction(world.box.cast.ana.scope) as tx:
            replying.reply(tx, conversation_id, Outgoing(type="text", text=str(number)))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(answer, range(24)))

    with world.database.transaction(world.box.cast.ana.scope) as tx:
        page = queries.message_page(tx, conversation_id, cursor=None, limit=24)
    thread = [item.id for item in page.items[::-1]]
    outbox = world.rows(
        "SELECT message_id FROM app.deliveries WHERE conversation_id = :id ORDER BY created_at, id", id=conversation_id
    )
    assert thread == [str(row["message_id"]) for row in outbox]


def test_handing_over_while_a_colleague_answers_loses_nothing(world: World) -> None:
    ana, bia = world.box.cast.ana, world.box.cast.bia
    conversation_id = world.conversation()

    def answer() -> None:
        with world.database.transaction(ana.scope) as tx:
            replying.reply(tx, conversation_id, Outgoing(type="text", text="oi"))

    def hand_over() -> None:
        with world.database.transaction(world.box.cast.beto.scope) as tx:
            assigning.assign(tx, conversation_id, bia.id)

    with ThreadPoolExecutor(2) as threads:
        for work in [threads.submit(answer), threads.submit(hand_over)]:
            work.result()

    sent = world.rows("SELECT 1 FROM app.deliveries WHERE conversation_id = :id", id=conversation_id)
    assert len(sent) == 1
    assert world.row("conversations", conversation_id)["assignee_id"] == bia.id

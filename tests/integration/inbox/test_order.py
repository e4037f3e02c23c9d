"""A thread reads as the people wrote it, though WhatsApp counts whole seconds and the box has a clock of its own."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from hunfly_box.inbox import queries
from hunfly_box.inbox.commands import noting, replying
from hunfly_box.inbox.outgoing import Outgoing
from tests.integration.inbox.conftest import World
from tests.integration.ingest.harness import Ingest, add_channel, open_ingest, upsert

pytestmark = pytest.mark.services

CHAT = "5511966660000@s.whatsapp.net"


class Talk:
    """A customer whose messages come in as webhooks, and Ana who answers."""

    def __init__(self, world: World, instance: str) -> None:
        self.world = world
        self.instance = instance
        self.count = 0
        self.runner = asyncio.Runner()
        self.channel_id = add_channel(world.box.resources, world.tenant_id, instance)
        self.ingest: Ingest = self.runner.run(open_ingest(world.box.resources))

    def customer(self, text: str, at: datetime, **more: object) -> None:
        self.count += 1
        payload = upsert(self.instance, CHAT, f"{self.instance}{self.count}", text, at=int(at.timestamp()), **more)
        assert self.runner.run(self.ingest.deliver(payload)) == 200

    def ana(self, text: str) -> datetime:
        """When it was said, as the thread shows it."""
        with self.world.database.transaction(self.world.box.cast.ana.scope) as tx:
            message_id = replying.reply(tx, self.conversation_id, Outgoing(type="text", text=text))
        sent_at: datetime = self.world.row("messages", message_id)["sent_at"]
        return sent_at

    @property
    def conversation_id(self) -> UUID:
        (row,) = self.world.rows("SELECT id FROM app.conversations WHERE channel_id = :id", id=self.channel_id)
        found: UUID = row["id"]
        return found

    def thread(self) -> list[str | None]:
        with self.world.database.transaction(self.world.box.cast.ana.scope) as tx:
            page = queries.message_page(tx, self.conversation_id, cursor=None, limit=50)
        return [item.text for item in page.items[::-1] if item.type != "system"]

    def last(self) -> str:
        row = self.world.row("conversations", self.conversation_id)
        return str(self.world.row("messages", row["last_message_id"])["text"])

    def close(self) -> None:
        self.runner.run(self.ingest.close())
        self.runner.close()


@pytest.fixture
def talk(world: World, request: pytest.FixtureRequest) -> Iterator[Talk]:
    made = Talk(world, f"order-{len(request.node.name)}")
    yield made
    made.close()
    world.change("DELETE FROM app.channels WHERE id = :id", id=made.channel_id)


def now() -> datetime:
    return datetime.now(UTC)


def test_an_answer_within_the_second_of_our_message_stands_below_it(talk: Talk) -> None:
    talk.customer("oi", now() - timedelta(minutes=1))
    said_at = talk.ana("já volto")
    # A machine answers at once; its clock says the same second, and nothing finer.
    talk.customer("resposta automática", said_at)
    talk.customer("com foto", said_at, message={"imageMessage": {"mimetype": "image/png", "caption": "com foto"}})
    assert talk.thread() == ["oi", "já volto", "resposta automática", "com foto"]
    assert talk.last() == "com foto"


@pytest.mark.parametrize("ahead", [timedelta(seconds=40), timedelta(hours=2)])
def test_what_we_answer_stands_below_the_question_though_the_boxs_clock_is_behind(talk: Talk, ahead: timedelta) -> None:
    talk.customer("pergunta", now() + ahead)
    talk.ana("resposta")
    with talk.world.database.transaction(talk.world.box.cast.ana.scope) as tx:
        noting.note(tx, talk.conversation_id, Outgoing(type="note", text="uma nota"))
    talk.customer("obrigada", now() + ahead + timedelta(seconds=5))
    talk.ana("de nada")
    assert talk.thread() == ["pergunta", "resposta", "uma nota", "obrigada", "de nada"]
    assert talk.last() == "de nada"


def test_a_message_from_the_far_future_does_not_take_ours_along(talk: Talk) -> None:
    talk.customer("do futuro", now() + timedelta(days=400))
    assert abs(talk.ana("de hoje") - now()) < timedelta(minutes=1)


def test_the_last_message_is_the_threads_last_whatever_is_stored_first(talk: Talk) -> None:
    moment = now().replace(microsecond=0)
    for text, seconds in (("terceira", 2), ("primeira", 0), ("segunda", 1)):
        talk.customer(text, moment + timedelta(seconds=seconds))
    assert talk.thread() == ["primeira", "segunda", "terceira"]
    assert talk.last() == "terceira"

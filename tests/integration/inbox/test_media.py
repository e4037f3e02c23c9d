"""Media in messages: an upload of one's own, and forwarding what one may read."""

from uuid import UUID

import pytest

from hunfly_box.inbox import queries
from hunfly_box.inbox.commands import replying
from hunfly_box.inbox.outgoing import Outgoing
from hunfly_box.kit.database import Scope
from hunfly_box.kit.errors import Invalid
from hunfly_box.kit.ids import new_id
from tests.cast import Person
from tests.integration.inbox.conftest import World

pytestmark = pytest.mark.services


def upload(world: World, who: Person, mime: str = "image/png", state: str = "ready") -> UUID:
    media_id = new_id()
    assert who.tenant_id is not None
    with world.database.transaction(Scope.system(who.tenant_id)) as tx:
        tx.execute(
            "INSERT INTO app.media (tenant_id, id, uploader_id, mime, name, size, sha256, state)"
            " VALUES (:tenant, :id, :who, :mime, 'foto.png', 10, 'abc', :state)",
            tenant=who.tenant_id,
            id=media_id,
            who=who.id,
            mime=mime,
            state=state,
        )
    return media_id


def send(world: World, who: Person, conversation_id: UUID, media_id: UUID, kind: str = "image") -> UUID:
    with world.database.transaction(who.scope) as tx:
        message_id = replying.reply(
            tx, conversation_id, Outgoing(type=kind, media_id=media_id, text="veja" if kind == "image" else None)
        )
        media = queries.message(tx, message_id).media
    assert media is not None
    return UUID(media.id)


def test_an_upload_becomes_the_messages_own(world: World) -> None:
    ana = world.box.cast.ana
    conversation_id = world.conversation()
    media_id = upload(world, ana)

    assert send(world, ana, conversation_id, media_id) == media_id
    assert world.row("media", media_id)["conversation_id"] == conversation_id


def test_forwarding_copies_the_row_and_not_the_bytes(world: World) -> None:
    ana = world.box.cast.ana
    first, second = world.conversation("A"), world.conversation("B")
    media_id = send(world, ana, first, upload(world, ana))

    copy_id = send(world, ana, second, media_id)

    copy = world.row("media", copy_id)
    assert copy_id != media_id
    assert (copy["conversation_id"], copy["sha256"], copy["name"]) == (second, "abc", "foto.png")
    assert world.row("media", media_id)["conversation_id"] == first


def test_nobody_sends_what_they_may_not_read(world: World) -> None:
    cast = world.box.cast
    of_bia = world.conversation("Da Bia", assignee=cast.bia)
    of_bruno = world.conversation("Do Bruno", assignee=cast.bruno)
    hidden = send(world, cast.bia, of_bia, upload(world, cast.bia))

    for media_id in (hidden, upload(world, cast.bia), upload(world, cast.carla), new_id()):
        with pytest.raises(Invalid):
            send(world, cast.bruno, of_bruno, media_id)


@pytest.mark.parametrize(
    ("kind", "mime", "state"),
    [
        ("image", "application/pdf", "ready"),
        ("voice", "image/png", "ready"),
        ("sticker", "video/mp4", "ready"),
        ("image", "image/png", "pending"),
        ("image", "image/png", "unavailable"),
    ],
)
def test_what_cannot_be_sent_so_is_refused(world: World, kind: str, mime: str, state: str) -> None:
    ana = world.box.cast.ana
    media_id = upload(world, ana, mime, state)

    with pytest.raises(Invalid):
        send(world, ana, world.conversation(), media_id, kind)

"""Lists, threads, counts and search, as far as each person sees."""

from uuid import UUID

import pytest

from hunfly_box.inbox import filters, queries, searching
from hunfly_box.inbox.commands import assigning, reading
from hunfly_box.inbox.filters import Filter
from tests.cast import Person
from tests.integration.inbox.conftest import World

pytestmark = pytest.mark.services


def listed(world: World, who: Person, wanted: Filter, limit: int = 3) -> list[UUID]:
    """All pages, one after another."""
    found: list[UUID] = []
    cursor = None
    with world.database.transaction(who.scope) as tx:
        while True:
            page = queries.conversation_page(tx, wanted, cursor=cursor, limit=limit)
            found += [UUID(item.id) for item in page.items]
            if page.next is None:
                return found
            cursor = page.next


def search(world: World, who: Person, query: str, limit: int = 50) -> list[UUID]:
    world.rows("SELECT app.index_messages(10000)")
    with world.database.transaction(who.scope) as tx:
        page = searching.search_page(tx, query, Filter(channel=world.channel_id), cursor=None, limit=limit)
    return [UUID(item.id) for item in page.items]


def test_an_agent_sees_their_own_and_the_queue(world: World) -> None:
    cast = world.box.cast
    own = world.conversation("Minha", assignee=cast.bruno)
    queue = world.conversation("Fila")
    of_bia = world.conversation("Da Bia", assignee=cast.bia)
    wanted = filters.parse(channel=str(world.channel_id))

    assert listed(world, cast.bruno, wanted) == [queue, own]
    assert listed(world, cast.ana, wanted) == [of_bia, queue, own]
    world.change("UPDATE app.tenants SET agents_see_queue = false")
    assert listed(world, cast.bruno, wanted) == [own]
    assert listed(world, cast.carla, wanted) == []


def test_paging_neither_skips_nor_repeats_while_customers_write(world: World) -> None:
    ana = world.box.cast.ana
    conversations = [world.conversation(f"Cliente {number}") for number in range(7)]
    wanted = filters.parse(channel=str(world.channel_id))
    with world.database.transaction(ana.scope) as tx:
        first = queries.conversation_page(tx, wanted, cursor=None, limit=3)
    world.conversation("Nova")
    world.incoming(conversations[6], "de novo")

    with world.database.transaction(ana.scope) as tx:
        second = queries.conversation_page(tx, wanted, cursor=first.next, limit=3)

    assert [item.id for item in first.items] == [str(id_) for id_ in conversations[:3:-1]]
    assert [item.id for item in second.items] == [str(id_) for id_ in conversations[3:0:-1]]


def test_the_pages_of_a_thread_hold_while_it_grows(world: World) -> None:
    ana = world.box.cast.ana
    conversation_id = world.conversation("Mariana", *[str(number) for number in range(10)])
    with world.database.transaction(ana.scope) as tx:
        first = queries.message_page(tx, conversation_id, cursor=None, limit=4)
    world.incoming(conversation_id, "10")
    with world.database.transaction(ana.scope) as tx:
        second = queries.message_page(tx, conversation_id, cursor=first.next, limit=4)
        third = queries.message_page(tx, conversation_id, cursor=second.next, limit=4)
        above, has_more = queries.messages_before(tx, conversation_id, UUID(second.items[0].id), 3)

    assert [[item.text for item in page.items] for page in (first, second, third)] == [
        ["9", "8", "7", "6"],
        ["5", "4", "3", "2"],
        ["1", "0"],
    ]
    assert third.next is None
    assert ([item.text for item in above], has_more) == (["2", "3", "4"], True)


def test_what_changed_since_a_version_is_found(world: World) -> None:
    conversation_id = world.conversation("Mariana", "um", "dois")
    with world.database.transaction(world.box.cast.ana.scope) as tx:
        version = max(item.version for item in queries.message_page(tx, conversation_id, cursor=None, limit=9).items)
    third = world.incoming(conversation_id, "três")

    with world.database.transaction(world.box.cast.ana.scope) as tx:
        changed, is_too_much = queries.messages_changed(tx, conversation_id, version, 10)
    assert ([item.id for item in changed], is_too_much) == ([str(third)], False)


def test_tabs_are_counted_as_far_as_the_person_sees(world: World) -> None:
    cast = world.box.cast

    def counts(who: Person) -> tuple[int, int, int]:
        with world.database.transaction(who.scope) as tx:
            found = queries.tab_counts(tx, "open")
        return found.mine, found.none, found.all

    before = {who.name: counts(who) for who in (cast.ana, cast.bruno)}
    world.conversation("Minha", assignee=cast.bruno)
    world.conversation("Fila")
    world.conversation("Da Bia", assignee=cast.bia)

    def grown(who: Person) -> tuple[int, ...]:
        return tuple(now - then for now, then in zip(counts(who), before[who.name], strict=True))

    assert grown(cast.bruno) == (1, 1, 2)
    assert grown(cast.ana) == (0, 1, 3)


def test_unread_conversations_are_mine_and_nobodys(world: World) -> None:
    cast = world.box.cast

    def unread() -> int:
        with world.database.transaction(cast.bruno.scope) as tx:
            return queries.unread_conversations(tx)

    before = unread()
    mine = world.conversation("Minha", assignee=cast.bruno)
    world.conversation("Da Bia", assignee=cast.bia)
    assert unread() == before + 1
    with world.database.transaction(cast.bruno.scope) as tx:
        reading.mark_seen(tx, mine, 1)
    assert unread() == before


def test_people_are_found_by_name_without_accents_and_by_number(world: World) -> None:
    ana = world.box.cast.ana
    conceicao = world.conversation("Conceição Araújo", phone="+5531988887777")
    world.conversation("Pedro")

    for query in ("conceicao", "CONCEIÇÃO", "araujo", "ção ara", "88887777", "+5531 9".replace(" ", "")):
        assert search(world, ana, query) == [conceicao], query
    assert search(world, ana, "100%") == []


def test_what_was_said_is_found_without_accents_and_in_other_forms(world: World) -> None:
    ana = world.box.cast.ana
    said = world.conversation("Mariana", "bom dia", "minhas encomendas não chegaram até amanhã")
    world.incoming(said, "obrigada")
    world.conversation("Outra", "tudo certo")

    for query in ("amanha", "encomenda", "encomenda chegou amanhã", '"não chegaram"'):
        assert search(world, ana, query) == [said], query
    assert search(world, ana, "encomenda -amanhã") == []
    with world.database.transaction(ana.scope) as tx:
        page = searching.search_page(tx, "encomendas", Filter(channel=world.channel_id), cursor=None, limit=5)
    assert page.items[0].match is not None
    assert page.items[0].match.text == "minhas encomendas não chegaram até amanhã"


def test_people_come_before_what_was_said_and_pages_go_on(world: World) -> None:
    ana = world.box.cast.ana
    said = [world.conversation(f"Cliente {number}", "quero falar com a zuleica") for number in range(3)]
    zuleica = world.conversation("Zuleica", "oi", "zuleica aqui")
    world.rows("SELECT app.index_messages(10000)")

    found: list[str] = []
    cursor = None
    with world.database.transaction(ana.scope) as tx:
        for _ in range(4):
            page = searching.search_page(tx, "zuleica", Filter(channel=world.channel_id), cursor=cursor, limit=1)
            found += [item.id for item in page.items]
            cursor = page.next
    assert found == [str(id_) for id_ in (zuleica, *said[::-1])]
    assert cursor is None


def test_search_ends_where_sight_does(world: World, strangers_world: World) -> None:
    cast = world.box.cast
    of_bia = world.conversation("Bia Cliente", "o segredo xilofone", assignee=cast.bia)
    of_strangers = strangers_world.conversation("Xilofone", "outro xilofone")

    assert search(world, cast.ana, "xilofone") == [of_bia]
    assert search(world, cast.bia, "xilofone") == [of_bia]
    assert search(world, cast.bruno, "xilofone") == []
    assert search(world, cast.bruno, "bia cliente") == []
    assert search(strangers_world, cast.carla, "xilofone") == [of_strangers]
    with world.database.transaction(cast.ana.scope) as tx:
        assigning.assign(tx, of_bia, cast.bruno.id)
    assert search(world, cast.bruno, "xilofone") == [of_bia]
    assert search(world, cast.bia, "xilofone") == []


def test_odd_searches_are_only_empty(world: World) -> None:
    for query in ("'", '"', "<>&|!", "a" * 5000, "%", "\\", "de", "-"):
        search(world, world.box.cast.ana, query)


def test_what_was_typed_on_the_phone_bears_the_numbers_name(world: World) -> None:
    conversation_id = world.conversation()
    message_id = world.incoming(conversation_id, "respondi do celular")
    world.change(
        "UPDATE app.messages SET direction = 'out', author_kind = 'phone', author_id = NULL WHERE id = :id",
        id=message_id,
    )

    with world.database.transaction(world.box.cast.ana.scope) as tx:
        author = queries.message(tx, message_id).author
    assert (author.kind, author.id, author.name) == ("phone", None, "Loja")

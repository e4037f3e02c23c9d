"""Search reads an index, also for an agent under the policies: those switch word indexes off where they apply."""

from uuid import UUID

import psycopg
import pytest

from hunfly_box.kit.ids import new_id
from tests.cast import Person
from tests.integration.inbox.conftest import World

pytestmark = pytest.mark.services

MESSAGES = 20_000
FILL = """
INSERT INTO app.message_search (tenant_id, message_id, conversation_id, sent_at, version, words)
SELECT %(tenant)s, gen_random_uuid(), v.id, now() - g * interval '1 minute', 1,
       to_tsvector('app.words', 'palavra ' || CASE WHEN g %% 500 = 0 THEN 'abacaxi' ELSE 'banana' END || ' ' || md5(g::text))
FROM generate_series(1, %(messages)s) g
JOIN (SELECT id, row_number() OVER () - 1 AS number FROM app.conversations WHERE channel_id = %(channel)s) v
  ON v.number = g %% 20
"""
READS = """
SELECT (SELECT seq_scan FROM pg_stat_user_tables WHERE relid = 'app.message_search'::regclass),
       (SELECT sum(idx_scan) FROM pg_stat_user_indexes WHERE relid = 'app.message_search'::regclass)
"""
SEARCH = "SELECT count(*) FROM app.search_messages(%s, 200)"


@pytest.fixture
def admin(world: World) -> "psycopg.Connection[tuple[object, ...]]":
    return world.box.servers.admin(world.box.database_name)


def searched(admin: "psycopg.Connection[tuple[object, ...]]", tenant_id: UUID, who: Person, query: str) -> int:
    with admin.transaction():
        for name, value in (("tenant_id", tenant_id), ("user_id", who.id), ("role", who.role)):
            admin.execute("SELECT set_config(%s, %s, true)", (f"app.{name}", str(value)))
        admin.execute("SET LOCAL ROLE hb_app")
        found = admin.execute(SEARCH, (query,)).fetchone()
    assert found is not None
    return int(str(found[0]))


def reads(admin: "psycopg.Connection[tuple[object, ...]]") -> tuple[int, int]:
    """Of the search table since it exists: whole, and by an index."""
    admin.execute("SELECT pg_stat_force_next_flush()")
    row = admin.execute(READS).fetchone()
    assert row is not None
    return int(str(row[0])), int(str(row[1]))


@pytest.mark.parametrize("query", ["abacaxi", "palavra", "abacaxi palavra", "-abacaxi"])
def test_no_search_reads_the_whole_table(
    world: World, admin: "psycopg.Connection[tuple[object, ...]]", query: str
) -> None:
    cast = world.box.cast
    for number in range(20):
        world.conversation(f"Cliente {number}", assignee=cast.bruno if number % 3 else cast.bia)
    admin.execute("SET session_replication_role = replica")
    admin.execute(FILL, {"tenant": world.tenant_id, "messages": MESSAGES, "channel": world.channel_id})
    admin.execute("VACUUM ANALYZE app.message_search")
    admin.execute("ANALYZE app.conversations")
    nobody = Person("Nobody", "agent", world.tenant_id, new_id())
    try:
        for who in (cast.ana, cast.bruno, nobody):
            whole, by_index = reads(admin)
            searched(admin, world.tenant_id, who, query)
            now_whole, now_by_index = reads(admin)
            assert now_whole == whole, who.name
            # Who sees no conversation needs not even that.
            assert now_by_index > by_index or who is nobody, who.name
    finally:
        admin.execute("DELETE FROM app.message_search")
        admin.close()

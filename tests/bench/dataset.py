"""A company with a past: ten thousand conversations, one of them long, and as many messages as wanted; by SQL, in a minute or two."""

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import LiteralString, cast
from uuid import UUID

import psycopg

from tests.bench.box import ROOT, RunningBox

CONVERSATIONS = 10_000
LONG_THREAD = 5_000
WORDS_OF_A_LANGUAGE = 4_000

# Words as in a language: few are used all the time, most hardly ever. The cube of a random number gives such a slope.
MAKE = """
SET session_replication_role = replica;
SET maintenance_work_mem = '256MB';
SET work_mem = '64MB';
DROP INDEX app.message_search_words;
DROP INDEX app.contacts_folded;

CREATE TEMPORARY TABLE words AS
  SELECT n, (ARRAY['pedido','entrega','boleto','pagamento','amanhã','bolo','obrigado','preço','endereço','horário'])[n]  AS word
  FROM generate_series(1, 10) n
  UNION ALL
  SELECT n, translate(substr(md5(n::text), 1, 4 + n % 5), '0123456789', 'aeiouaeiou') || 'r' FROM generate_series(11, {words}) n;
CREATE TEMPORARY TABLE phrases AS
  SELECT p.n AS number, string_agg(w.word, ' ') AS text FROM (
    SELECT n, 1 + floor({words} * random() ^ 3)::integer AS word FROM generate_series(1, 40000) n, generate_series(1, 12)) p
  JOIN words w ON w.n = p.word GROUP BY p.n;
CREATE UNIQUE INDEX ON phrases (number);
ANALYZE phrases;

INSERT INTO app.contacts (tenant_id, id, push_name, phone)
  SELECT '{tenant}', ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid,
    (ARRAY['Ana','Bruno','Carla','Davi','Elisa','Fábio','Gabriela','Heitor'])[1 + n % 8] || ' ' || (ARRAY['Silva','Souza','Alves','Lima','Rocha'])[1 + n / 8 % 5] || ' ' || n,
    '+5511' || (900000000 + n)
  FROM generate_series(1, {conversations}) n;
INSERT INTO app.contact_identities (tenant_id, id, contact_id, kind, value, address)
  SELECT c.tenant_id, c.id, c.id, 'phone', c.phone, substr(c.phone, 2) || '@s.whatsapp.net' FROM app.contacts c WHERE c.tenant_id = '{tenant}';
INSERT INTO app.conversations (tenant_id, id, channel_id, contact_id, assignee_id)
  SELECT '{tenant}', c.id, '{channel}', c.id, (ARRAY['{agent}'::uuid, '{manager}'::uuid, NULL])[1 + row_number() OVER (ORDER BY c.id) % 3]
  FROM app.contacts c WHERE c.tenant_id = '{tenant}';

INSERT INTO app.messages (tenant_id, id, conversation_id, channel_id, direction, type, author_kind, author_id, text, provider_id, status, sent_at, version)
  SELECT '{tenant}', ('00000001-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, p.conversation, '{channel}',
    CASE n % 2 WHEN 0 THEN 'in' ELSE 'out' END, 'text', CASE n % 2 WHEN 0 THEN 'contact' ELSE 'user' END,
    CASE n % 2 WHEN 0 THEN p.conversation ELSE '{manager}' END, f.text, 'SEED' || n, CASE n % 2 WHEN 1 THEN 'read' END,
    now() - ({messages} - n) * interval '20 seconds' - interval '1 hour', 1000000 + n
  FROM (SELECT n, ('00000000-0000-7000-8000-' || lpad(to_hex(CASE WHEN n > {messages} - {long} THEN 1 ELSE 2 + n % ({conversations} - 1) END), 12, '0'))::uuid
               AS conversation, 1 + floor(40000 * random())::integer AS phrase FROM generate_series(1, {messages}) n) p
  JOIN phrases f ON f.number = p.phrase;
INSERT INTO app.message_search (tenant_id, message_id, conversation_id, sent_at, version, words)
  SELECT m.tenant_id, m.id, m.conversation_id, m.sent_at, m.version, t.words
  FROM app.messages m JOIN (SELECT text, to_tsvector('app.words', text) AS words FROM phrases) t ON t.text = m.text WHERE m.tenant_id = '{tenant}';
UPDATE app.conversations v SET last_message_id = m.id, last_message_at = m.sent_at, inbound_count = 50, version = m.version
  FROM (SELECT DISTINCT ON (conversation_id) conversation_id, id, sent_at, version FROM app.messages WHERE tenant_id = '{tenant}'
        ORDER BY conversation_id, sent_at DESC, id DESC) m WHERE v.tenant_id = '{tenant}' AND v.id = m.conversation_id;

CREATE INDEX message_search_words ON app.message_search USING gin (tenant_id, words);
CREATE INDEX contacts_folded ON app.contacts USING gin (folded public.gin_trgm_ops);
VACUUM ANALYZE app.messages;
VACUUM ANALYZE app.message_search;
VACUUM ANALYZE app.conversations;
VACUUM ANALYZE app.contacts;
VACUUM ANALYZE app.contact_identities;
"""


@dataclass(frozen=True)
class Company:
    """Its people, how they sign in, and its number."""

    tenant: UUID
    agent: UUID
    manager: UUID
    channel: UUID
    password: str
    agent_token: str
    instance: str
    secret: str

    @property
    def manager_email(self) -> str:
        return "manager@example.com"


def conversation(number: int) -> UUID:
    """Number 1 is the long one."""
    return UUID(f"00000000-0000-7000-8000-{number:012x}")


def make(box: RunningBox, messages: int) -> Company:
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.company"],
        env=box.environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
    )
    told = json.loads(done.stdout)
    ids = {name: UUID(told[name]) for name in ("tenant", "agent", "manager", "channel")}
    company = Company(**ids, **{name: value for name, value in told.items() if name not in ids})
    statements = MAKE.format(
        **ids, messages=messages, conversations=CONVERSATIONS, long=LONG_THREAD, words=WORDS_OF_A_LANGUAGE
    )
    with psycopg.connect(admin_url(box), autocommit=True) as connection:
        for statement in statements.split(";\n"):
            if statement.strip():
                connection.execute(cast(LiteralString, statement))
    return company


def admin_url(box: RunningBox) -> str:
    endpoints = json.loads((box.folder / "run" / "endpoints.json").read_text())
    return str(endpoints["database_superuser_url"])

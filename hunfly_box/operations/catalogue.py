"""Reads the database's own catalogue and says where a wall is missing. Runs in the tests and at every start.

A rule is one query that returns what breaks it; an exception is a line below, with its reason. An exception that is no
longer used is reported too, so that the list stays true.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, text

from hunfly_box.operations import catalogue_queries as ask
from hunfly_box.operations.errors import UnsafeDatabase

# Tables that belong to the box, not to one tenant: only hb_admin may read them whole.
BOX_TABLES = {
    "resellers": "who owns tenants",
    "tenants": "the tenants themselves; hb_app sees its own row by id",
    "users": "a person may belong to several tenants; hb_app has no grant",
    "reseller_members": "people of a reseller",
    "sessions": "a session may belong to no tenant; hb_app has no grant",
}

# Unique indexes that do not lead with tenant_id. Each would answer "taken" across tenants, so each needs a reason.
GLOBAL_UNIQUE = {
    "resellers_pkey": "a random id",
    "resellers_slug_key": "chosen by the box's owner",
    "tenants_pkey": "a random id",
    "tenants_slug_key": "chosen by the box's owner or a reseller",
    "users_pkey": "a random id",
    "users_email_key": "logins are global",
    "reseller_members_pkey": "a box table",
    "sessions_pkey": "the hash of a random token",
    "api_tokens_pkey": "a random id",
    "api_tokens_prefix_key": "random; found before the tenant is known",
    "channels_route_key_key": "128 random bits; found before the tenant is known",
}

# SECURITY DEFINER functions and their owners. Each hands out ids, counts or routes, never content.
FENCED_FUNCTIONS = {
    "channel_routes": "hb_maint",
    "active_tenants": "hb_maint",
    "due_work": "hb_maint",
    "due_deliveries": "hb_maint",
    "all_channels": "hb_maint",
    "due_snoozes": "hb_maint",
    "changed_since": "hb_maint",
    "tenant_counts": "hb_maint",
    "purge": "hb_maint",
    "trim_journal": "hb_maint",
    "index_messages": "hb_search",
    "search_messages": "hb_search",
    "search_contacts": "hb_search",
}

# Tables that agents see narrowed. A new table that hangs on a conversation belongs here.
NARROWED = {
    "conversations": "agent_view",
    "messages": "agent_view",
    "media": "agent_view",
    "rounds": "agent_view",
    "conversation_labels": "agent_view",
    "deliveries": "agent_view",
    "message_revisions": "agent_view",
    "reactions": "agent_view",
    "drafts": "own_rows",
    "conversation_reads": "own_rows",
    "idempotency_keys": "own_rows",
}

TENANT_WALL = "(tenant_id = ( SELECT app.tenant_id() AS tenant_id))"
TENANTS_OWN_WALL = "(id = ( SELECT app.tenant_id() AS tenant_id))"
INGEST_WALL = "app.is_declared(tenant_id)"


@dataclass(frozen=True, slots=True)
class Finding:
    rule: str
    object: str
    detail: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.object}: {self.detail}"


def refuse_unsafe(engine: Engine) -> None:
    """Raises UnsafeDatabase when this login could pass the walls, or when one is missing."""
    with engine.connect() as connection:
        me = connection.execute(text(ask.MYSELF)).mappings().one()
        if me["is_superuser"] or me["bypasses"] or me["owns"]:
            raise UnsafeDatabase(
                f"The login {me['name']} is a superuser, bypasses row-level security or owns tables.",
                "Put the login hb_app into HUNFLY_DATABASE_URL; migrate makes it.",
            )
        if me["row_security"] != "on":
            raise UnsafeDatabase("row_security is off for this login.", "Run: ALTER ROLE hb_app RESET row_security")
        findings = audit(connection)
    if findings:
        raise UnsafeDatabase(
            "The walls between tenants are not whole: " + "; ".join(map(str, findings[:5])),
            "Restore the schema (hunfly-box migrate, or a backup) before serving.",
        )


def audit(connection: Connection) -> list[Finding]:
    # Expressions are printed without the schema for what the search path holds; print all of it.
    connection.execute(text("SET LOCAL search_path = pg_catalog"))
    return [
        *_tables(connection),
        *_policies(connection),
        *_indexes(connection),
        *_foreign_keys(connection),
        *_functions(connection),
        *_grants(connection),
        *_roles(connection),
    ]


def _rows(connection: Connection, query: str) -> list[dict[str, object]]:
    return [dict(row) for row in connection.execute(text(query)).mappings()]


def _tables(connection: Connection) -> Iterable[Finding]:
    rows = _rows(connection, ask.TABLES)
    for row in rows:
        name = str(row["name"])
        if row["owner"] != "hb_owner":
            yield Finding("owner", name, f"belongs to {row['owner']}, not to hb_owner")
        if row["kind"] == "v":
            if "security_invoker=true" not in str(row["options"]):
                yield Finding("view", name, "runs as its owner; needs security_invoker=true")
            continue
        if row["kind"] in ("m", "f"):
            yield Finding("kind", name, "row-level security does not govern it")
            continue
        if not row["walled"] or not row["forced"] or not row["policies"]:
            yield Finding("wall", name, "row-level security is not enabled, forced and given a policy")
        if name not in BOX_TABLES and not row["tenant_not_null"]:
            yield Finding("tenant", name, "has no tenant_id that is NOT NULL")
    names = {str(row["name"]) for row in rows}
    for name in BOX_TABLES.keys() - names:
        yield Finding("exception", name, "is listed as a table of the box and does not exist")


def _policies(connection: Connection) -> Iterable[Finding]:
    seen = set()
    for row in _rows(connection, ask.POLICIES):
        table, name = str(row["table_name"]), str(row["name"])
        where = f"{table}.{name}"
        seen.add((table, name))
        if row["using_"] != row["checking"]:
            yield Finding("policy", where, "what may be read and what may be written differ")
        if row["command"] != "*":
            yield Finding("policy", where, "does not cover every command")
        roles = set(str(row["roles"]).split(","))
        if row["permissive"]:
            yield from _permissive(table, where, roles, str(row["using_"]))
        elif NARROWED.get(table) != name:
            yield Finding("policy", where, "is restrictive and not on the list")
    for wanted in NARROWED.items():
        if wanted not in seen:
            yield Finding("policy", ".".join(wanted), "is missing: agents would see everything")
    for row in _rows(connection, ask.TABLES):
        name = str(row["name"])
        if (
            row["kind"] in ("r", "p")
            and (name not in BOX_TABLES or name == "tenants")
            and (name, "tenant_wall") not in seen
        ):
            yield Finding("policy", name, "has no tenant_wall")


def _permissive(table: str, where: str, roles: set[str], using: str) -> Iterable[Finding]:
    if roles == {"hb_app"}:
        wall = TENANTS_OWN_WALL if table == "tenants" else TENANT_WALL
        if using != wall:
            yield Finding("policy", where, f"is not the tenant's wall: {using}")
    elif roles == {"hb_ingest"}:
        if using != INGEST_WALL:
            yield Finding("policy", where, f"is not the wall of the declared tenants: {using}")
    elif not roles <= {"hb_admin", "hb_search", "hb_maint"}:
        yield Finding("policy", where, f"opens the table to {sorted(roles)}")


def _indexes(connection: Connection) -> Iterable[Finding]:
    used = set()
    for row in _rows(connection, ask.UNIQUE_INDEXES):
        name = str(row["name"])
        if name in GLOBAL_UNIQUE:
            used.add(name)
        elif row["first"] != "tenant_id":
            yield Finding("unique", name, "does not lead with tenant_id: it tells one tenant of another's values")
    for name in GLOBAL_UNIQUE.keys() - used:
        yield Finding("exception", name, "is listed as globally unique and does not exist")


def _foreign_keys(connection: Connection) -> Iterable[Finding]:
    for row in _rows(connection, ask.FOREIGN_KEYS):
        if row["table_name"] in BOX_TABLES or row["target"] in BOX_TABLES:
            continue
        if row["first"] != "tenant_id" or row["target_first"] != "tenant_id":
            yield Finding(
                "foreign key", str(row["name"]), "does not carry tenant_id: a row could point into another tenant"
            )


def _functions(connection: Connection) -> Iterable[Finding]:
    seen = set()
    for row in _rows(connection, ask.DEFINERS):
        name = str(row["name"])
        seen.add(name)
        if name not in FENCED_FUNCTIONS:
            yield Finding("definer", name, "is SECURITY DEFINER and not on the list")
        elif row["owner"] != FENCED_FUNCTIONS[name]:
            yield Finding("definer", name, f"belongs to {row['owner']}")
        if "search_path=pg_catalog, pg_temp" not in str(row["config"]):
            yield Finding("definer", name, "has no fixed search_path")
    for name in FENCED_FUNCTIONS.keys() - seen:
        yield Finding("exception", name, "is listed as fenced and does not exist")
    for row in _rows(connection, ask.PUBLIC_FUNCTIONS):
        yield Finding("grant", str(row["name"]), "may be executed by PUBLIC")


def _grants(connection: Connection) -> Iterable[Finding]:
    for row in _rows(connection, ask.TABLE_GRANTS):
        where = f"{row['table_name']} to {row['grantee']}"
        if row["grantee"] == "public":
            yield Finding("grant", where, "is granted to PUBLIC")
        if row["privilege"] in ("TRUNCATE", "REFERENCES", "TRIGGER"):
            yield Finding("grant", where, f"{row['privilege']} is not governed by row-level security")
        if row["grantee"] == "hb_admin" and row["table_name"] not in {
            *BOX_TABLES,
            "memberships",
            "api_tokens",
            "channel_health",
        }:
            yield Finding("grant", where, "the control plane may not read content")
    for row in _rows(connection, ask.CREATORS):
        yield Finding("grant", str(row["schema"]), f"{row['role']} may create objects in it")


def _roles(connection: Connection) -> Iterable[Finding]:
    for row in _rows(connection, ask.STRONG_ROLES):
        name = str(row["name"])
        if row["strong"]:
            yield Finding("role", name, "is a superuser, bypasses row-level security or may create roles or databases")
        if row["login"] and row["is_member"]:
            yield Finding("role", name, "is a member of another role")
        if row["login"] and name in ("hb_owner", "hb_search", "hb_maint"):
            yield Finding("role", name, "may log in")

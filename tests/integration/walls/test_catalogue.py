"""The catalogue check finds each kind of fault when one is planted."""

import pytest
from sqlalchemy import create_engine, make_url

from hunfly_box.operations import catalogue
from tests.conftest import Servers

SEEDED_FAULTS = {
    "wall": "CREATE TABLE app.bare (tenant_id uuid NOT NULL, id uuid); ALTER TABLE app.bare OWNER TO hb_owner",
    "tenant": "CREATE TABLE app.nobodys (tenant_id uuid, id uuid); ALTER TABLE app.nobodys OWNER TO hb_owner",
    "view": "CREATE VIEW app.peek AS SELECT * FROM app.messages; ALTER VIEW app.peek OWNER TO hb_owner",
    "kind": "CREATE MATERIALIZED VIEW app.frozen AS SELECT 1 AS tenant_id; ALTER MATERIALIZED VIEW app.frozen OWNER TO hb_owner",
    "unique": "CREATE UNIQUE INDEX leaky ON app.messages (provider_id, tenant_id)",
    "foreign key": "ALTER TABLE app.labels ADD CONSTRAINT plain UNIQUE (id);"
    " ALTER TABLE app.contact_labels ADD CONSTRAINT loose FOREIGN KEY (label_id) REFERENCES app.labels (id)",
    "definer": "CREATE FUNCTION app.sneak() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'",
    "grant": "GRANT SELECT ON app.messages TO PUBLIC",
    "policy": "ALTER POLICY tenant_wall ON app.messages WITH CHECK (true)",
    "role": "ALTER ROLE hb_app BYPASSRLS",
    "owner": "ALTER TABLE app.messages OWNER TO CURRENT_USER",
}


@pytest.mark.parametrize("rule", SEEDED_FAULTS)
def test_the_catalogue_check_names_a_seeded_fault_of_rule(rule: str, servers: Servers, database_name: str) -> None:
    engine = create_engine(make_url(servers.admin_url).set(database=database_name, drivername="postgresql+psycopg"))
    with engine.connect() as connection:
        connection.exec_driver_sql(SEEDED_FAULTS[rule])
        found = {finding.rule for finding in catalogue.audit(connection)}
    engine.dispose()
    assert rule in found

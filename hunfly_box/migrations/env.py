"""Alembic's entry: the connection is handed in by hunfly_box.operations.migrate, which also holds the advisory lock."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    version_table="schema_version",
    version_table_schema="app_meta",
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()

"""The first schema: control plane, tenant plane, walls, fenced functions."""

from hunfly_box.migrations.running import run_files

revision = "0001"
down_revision = None


def upgrade() -> None:
    run_files(
        "context.sql",
        "control_tables.sql",
        "tenant_tables.sql",
        "policies.sql",
        "triggers.sql",
        "fenced_functions.sql",
        "search.sql",
        "ingest.sql",
        "grants.sql",
    )
    run_files("owners.sql", as_role="")

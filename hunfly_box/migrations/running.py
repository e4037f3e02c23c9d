"""Runs the SQL files of one migration, as the schema's owner or as the administrator."""

from pathlib import Path

from alembic import op

SQL_FOLDER = Path(__file__).parent / "sql"


def run_files(*names: str, as_role: str = "hb_owner") -> None:
    """Objects belong to hb_owner, who can neither log in nor bypass a policy."""
    connection = op.get_bind()
    connection.exec_driver_sql("SET LOCAL lock_timeout = '5s'")
    connection.exec_driver_sql(f"SET LOCAL ROLE {as_role}" if as_role else "RESET ROLE")
    for name in names:
        # The driver's cursor: no parameters, so that % in a function's body means itself.
        connection.connection.cursor().execute((SQL_FOLDER / name).read_text())
    connection.exec_driver_sql("RESET ROLE")

"""${message}"""

from hunfly_box.migrations.running import run_files

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    run_files()

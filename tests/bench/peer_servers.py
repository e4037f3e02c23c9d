"""The peer's Postgres and Valkey, until standard input closes."""

import json
import sys
from pathlib import Path

from hunfly_box.embedded.supervisor import EmbeddedServers


def main(folder: Path) -> None:
    with EmbeddedServers(folder) as servers:
        endpoints = servers.start()
        print(json.dumps({"database": endpoints.database_superuser_url, "redis": endpoints.redis_url}), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(Path(sys.argv[1]))

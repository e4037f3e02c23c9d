"""A box that is nothing but its servers, as a process of its own so that tests can kill it."""

import os
import pwd
import sys
import threading
from pathlib import Path

from hunfly_box.embedded.errors import StartError
from hunfly_box.embedded.supervisor import EmbeddedServers

if __name__ == "__main__":
    if len(sys.argv) > 2:
        # Only now, with everything imported: the interpreter may lie in a folder that this user cannot enter.
        # The servers' programs may, too, so that they come along.
        sys.path.insert(0, sys.argv[3])
        user = pwd.getpwnam(sys.argv[2])
        os.setgroups([])
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)
    servers = EmbeddedServers(Path(sys.argv[1]))
    try:
        endpoints = servers.start()
    except StartError as error:
        print(f"{error.message} {error.remedy}", flush=True)
        sys.exit(1)
    print(endpoints.database_superuser_url, endpoints.redis_url, flush=True)
    # A line on stdin, or its end, is the wish to stop.
    threading.Thread(target=lambda: (sys.stdin.readline(), servers.stop()), daemon=False).start()

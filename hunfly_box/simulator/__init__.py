"""Evolution's HTTP contract played on loopback, quirks and all, and the customer's phone. For `demo` and tests only.

It owns no table and imports nothing of the product but `kit`. What it can be told to do stands in `commands`.
"""

from hunfly_box.simulator.options import Options, Retry
from hunfly_box.simulator.running import Running, Simulator, start

__all__ = ["Options", "Retry", "Running", "Simulator", "start"]

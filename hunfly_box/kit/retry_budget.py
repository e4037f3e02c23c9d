"""Calls repeated in vain stay a fifth of the first ones: an engine in trouble is not buried under them.

Counted by line: a number and a kind of call, so that a storm of one kind does not hold up another. Past the budget
nothing is repeated for half a minute; then one call tries the ground. If it goes well the others follow, if not the
pause doubles, up to five minutes. First calls always go. Without Redis only the growing delays hold back.
"""

import random
from dataclasses import dataclass
from uuid import UUID

import redis

from hunfly_box.kit.redis import READ_CLOCK, key

SHARE_PERCENT = 20
# Of a handful of calls a fifth is none at all.
ALWAYS_ALLOWED = 10
WINDOW_MS = 300_000
PAUSE_MS = 30_000
LONGEST_PAUSE_MS = 300_000

# KEYS: facts, calls that were repeated in this window and did not go well. Times are Redis's own, in milliseconds.
_NOW = f"""
local clock = {READ_CLOCK}
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local function window_begins_anew()
  local from = tonumber(redis.call('HGET', KEYS[1], 'from') or 0)
  if now - from < {WINDOW_MS} then return end
  redis.call('HSET', KEYS[1], 'from', now, 'first', 0)
  redis.call('DEL', KEYS[2])
end
local function keep()
  for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, {WINDOW_MS + LONGEST_PAUSE_MS}) end
end
"""
FIRST = f"""{_NOW}
window_begins_anew()
redis.call('HINCRBY', KEYS[1], 'first', 1)
keep()
"""
# ARGV: the call. Answers the milliseconds it has to wait. Asking twice for one call counts once.
AGAIN = f"""{_NOW}
window_begins_anew()
local facts = redis.call('HMGET', KEYS[1], 'first', 'pause', 'until')
local most = math.max({ALWAYS_ALLOWED}, math.floor(tonumber(facts[1]) * {SHARE_PERCENT} / 100))
local pause = tonumber(facts[2])
if redis.call('SISMEMBER', KEYS[2], ARGV[1]) == 1 then return 0 end
if pause then
  if now < tonumber(facts[3]) then return tonumber(facts[3]) - now end
  redis.call('HSET', KEYS[1], 'until', now + pause)
elseif redis.call('SCARD', KEYS[2]) >= most then
  redis.call('HSET', KEYS[1], 'pause', {PAUSE_MS}, 'until', now + {PAUSE_MS})
  keep()
  return {PAUSE_MS}
end
redis.call('SADD', KEYS[2], ARGV[1])
keep()
return 0
"""
# ARGV: the call, how it went. One that went well costs nothing, and ends a pause.
TOLD = f"""{_NOW}
local pause = tonumber(redis.call('HGET', KEYS[1], 'pause') or 0)
if ARGV[2] == 'well' then
  redis.call('SREM', KEYS[2], ARGV[1])
  if pause > 0 then
    redis.call('HDEL', KEYS[1], 'pause', 'until')
    redis.call('DEL', KEYS[2])
  end
elseif pause > 0 then
  pause = math.min(pause * 2, {LONGEST_PAUSE_MS})
  redis.call('HSET', KEYS[1], 'pause', pause, 'until', now + pause)
  keep()
end
"""


@dataclass(frozen=True, slots=True)
class Line:
    """Whose calls are counted together."""

    tenant_id: UUID
    channel_id: UUID | str
    kind: str

    @property
    def keys(self) -> list[str]:
        return [key(self.tenant_id, "again", self.channel_id, self.kind, part) for part in ("facts", "calls")]


class RetryBudget:
    def __init__(self, client: "redis.Redis", *, read_clock: str = READ_CLOCK) -> None:
        self._first = client.register_script(FIRST.replace(READ_CLOCK, read_clock))
        self._again = client.register_script(AGAIN.replace(READ_CLOCK, read_clock))
        self._told = client.register_script(TOLD.replace(READ_CLOCK, read_clock))

    def count_first(self, line: Line) -> None:
        try:
            self._first(keys=line.keys)
        except redis.RedisError:
            return

    def seconds_until_again(self, line: Line, call: str) -> float:
        """Zero: it may go. Otherwise spread, so that those who wait do not come back together."""
        try:
            milliseconds = int(self._again(keys=line.keys, args=[call]))
        except redis.RedisError:
            return 0.0
        return milliseconds / 1000 * random.uniform(1.0, 1.5)  # noqa: S311 - spread, not secrecy

    def told(self, line: Line, call: str, *, is_well: bool) -> None:
        """How a repeated call went. The provider's final no is an answer too."""
        try:
            self._told(keys=line.keys, args=[call, "well" if is_well else "badly"])
        except redis.RedisError:
            return

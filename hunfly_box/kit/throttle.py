"""Counters that slow down who asks too often: in Redis, shared by all processes; without it in this one, never open."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import redis

from hunfly_box.kit.redis import key as redis_key

log = logging.getLogger(__name__)

# After a failure Redis is left alone for this long, so that its absence costs one timeout and not one per request.
REDIS_PAUSE_SECONDS = 2.0
# Beyond this many counters the process forgets the oldest: an attacker with many addresses must not fill the memory.
MOST_LOCAL_COUNTERS = 50_000

# Each key is a hash: n (hits in the window), ends (of the window), blocked (until), strikes (blocks in a row).
# Times are milliseconds of the caller's clock. Answers how long each key has to wait; all keys count, or none does.
SCRIPT = """
local now, waits, blocked = tonumber(ARGV[1]), {}, false
for i, key in ipairs(KEYS) do
  local limit, window, longest = tonumber(ARGV[3*i-1]), tonumber(ARGV[3*i]), tonumber(ARGV[3*i+1])
  local f = redis.call('HMGET', key, 'n', 'ends', 'blocked', 'strikes')
  local n, ends, till, strikes = tonumber(f[1] or 0), tonumber(f[2] or 0), tonumber(f[3] or 0), tonumber(f[4] or 0)
  waits[i] = 0
  if till > now then
    waits[i] = till - now
  else
    if ends <= now then n = 0; ends = now + window end
    if n >= limit then
      local pause = ends - now
      if longest > 0 then
        pause = math.min(window * 2 ^ strikes, longest)
        strikes = strikes + 1
      end
      till = now + pause
      waits[i] = pause
      redis.call('HSET', key, 'n', 0, 'ends', 0, 'blocked', till, 'strikes', strikes)
      redis.call('PEXPIRE', key, math.ceil(pause + math.max(window, longest)))
    end
  end
  if waits[i] > 0 then blocked = true end
end
if not blocked then
  for i, key in ipairs(KEYS) do
    local window, longest = tonumber(ARGV[3*i]), tonumber(ARGV[3*i+1])
    local f = redis.call('HMGET', key, 'n', 'ends')
    local n, ends = tonumber(f[1] or 0), tonumber(f[2] or 0)
    if ends <= now then n = 0; ends = now + window end
    redis.call('HSET', key, 'n', n + 1, 'ends', ends)
    redis.call('PEXPIRE', key, math.ceil(math.max(ends - now, longest + window)))
  end
end
for i = 1, #waits do waits[i] = math.ceil(waits[i]) end
return waits
"""


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` in `window_seconds`. With `longest_seconds` each further block doubles up to that."""

    name: str
    most: int
    window_seconds: int
    longest_seconds: int = 0


@dataclass(slots=True)
class _Counter:
    hits: int = 0
    ends_at: float = 0.0
    blocked_until: float = 0.0
    strikes: int = 0
    forget_at: float = 0.0


class Throttle:
    def __init__(self, connection: "redis.Redis | None", clock: Callable[[], float] = time.time) -> None:
        self._redis = connection
        self._clock = clock
        self._script = connection.register_script(SCRIPT) if connection is not None else None
        self._local = LocalCounters(clock)
        self._redis_back_at = 0.0

    def wait_seconds(self, *counted: tuple[Limit, str]) -> int:
        """Counts one attempt for each (limit, whom). 0: go on; else the seconds to wait, and nothing was counted."""
        # Counted here as well, so that the fallback does not begin at nothing when Redis goes away.
        local = self._local.wait(counted)
        if self._script is None or time.monotonic() < self._redis_back_at:
            return _rounded_up(local)
        try:
            waits = self._script(keys=[_key(limit, whom) for limit, whom in counted], args=self._arguments(counted))
        except redis.RedisError as error:
            self._redis_back_at = time.monotonic() + REDIS_PAUSE_SECONDS
            log.warning("throttle counts in this process only: %s", error)
            return _rounded_up(local)
        return _rounded_up(max(waits) / 1000)

    def clear(self, *counted: tuple[Limit, str]) -> None:
        self._local.clear(counted)
        if self._redis is None or time.monotonic() < self._redis_back_at:
            return
        try:
            self._redis.delete(*[_key(limit, whom) for limit, whom in counted])
        except redis.RedisError as error:
            self._redis_back_at = time.monotonic() + REDIS_PAUSE_SECONDS
            log.warning("throttle counts in this process only: %s", error)

    def forget_own(self) -> None:
        """What this process has counted along; Redis keeps its own."""
        self._local = LocalCounters(self._clock)

    def _arguments(self, counted: Sequence[tuple[Limit, str]]) -> list[int]:
        arguments = [int(self._clock() * 1000)]
        for limit, _ in counted:
            arguments += [limit.most, limit.window_seconds * 1000, limit.longest_seconds * 1000]
        return arguments


class LocalCounters:
    """The same rules as the script, for one process."""

    def __init__(self, clock: Callable[[], float], most: int = MOST_LOCAL_COUNTERS) -> None:
        self._clock = clock
        self._most = most
        self._counters: dict[str, _Counter] = {}
        self._lock = threading.Lock()

    def wait(self, counted: Sequence[tuple[Limit, str]]) -> float:
        now = self._clock()
        with self._lock:
            pairs = [(limit, self._counter(_key(limit, whom), now)) for limit, whom in counted]
            longest = max(_wait(counter, limit, now) for limit, counter in pairs)
            if longest == 0:
                for limit, counter in pairs:
                    counter.hits += 1
                    counter.forget_at = max(counter.ends_at, now + limit.window_seconds + limit.longest_seconds)
        return longest

    def clear(self, counted: Sequence[tuple[Limit, str]]) -> None:
        with self._lock:
            for limit, whom in counted:
                self._counters.pop(_key(limit, whom), None)

    def __len__(self) -> int:
        return len(self._counters)

    def _counter(self, key: str, now: float) -> _Counter:
        found = self._counters.get(key)
        if found is None:
            if len(self._counters) >= self._most:
                self._make_room(now)
            found = self._counters[key] = _Counter()
        return found

    def _make_room(self, now: float) -> None:
        for key in [key for key, counter in self._counters.items() if counter.forget_at <= now]:
            del self._counters[key]
        # Still full of live ones: those who never came far go first, blocks stay.
        for key in list(self._counters):
            if len(self._counters) < self._most:
                return
            if self._counters[key].blocked_until <= now:
                del self._counters[key]
        if len(self._counters) >= self._most:
            del self._counters[next(iter(self._counters))]


def _wait(counter: _Counter, limit: Limit, now: float) -> float:
    if counter.blocked_until > now:
        return counter.blocked_until - now
    if counter.ends_at <= now:
        counter.hits = 0
        counter.ends_at = now + limit.window_seconds
    if counter.hits < limit.most:
        return 0.0
    pause = counter.ends_at - now
    if limit.longest_seconds:
        pause = min(limit.window_seconds * 2**counter.strikes, limit.longest_seconds)
        counter.strikes += 1
    counter.blocked_until = now + pause
    counter.hits = 0
    counter.ends_at = 0.0
    counter.forget_at = now + pause + max(limit.window_seconds, limit.longest_seconds)
    return pause


def _key(limit: Limit, whom: str) -> str:
    return redis_key(None, "throttle", limit.name, whom)


def _rounded_up(seconds: float) -> int:
    return int(-(-seconds // 1))

"""The limiter's two Lua scripts. All time is Redis's own: workers on machines with different clocks get one answer.

Slots are given out in order and may lie in the future, so each send knows its moment and nobody polls. Two slots that
are `limit` apart in order lie at least one window apart in time: no 60 seconds ever hold more than `limit`.
"""

from hunfly_box.kit.redis import READ_CLOCK

# KEYS: log of slots (member: who, score: when), facts, last slot of each recipient, slots of campaigns.
# ARGV: who, lane, recipient, limit, window, gap, recipient gap, horizon, validity, machine, machine's uptime,
#       most campaign slots. Milliseconds throughout; the gap comes with its jitter.
# Answers {0, ms the grant is good for}, {1, ms to wait}, or {2, 0}: the log is gone and must be seeded.
ASK = f"""
local log, facts, recipients, campaigns = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local who, lane, recipient = ARGV[1], ARGV[2], ARGV[3]
local limit, window, gap, recipient_gap = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local horizon, valid = tonumber(ARGV[8]), tonumber(ARGV[9])
local machine, uptime, most_campaigns = 'machine:' .. ARGV[10], tonumber(ARGV[11]), tonumber(ARGV[12])

if redis.call('HEXISTS', facts, 'epoch') == 0 then return {{2, 0}} end
local clock = {READ_CLOCK}
local known = redis.call('HMGET', facts, 'last', 'tail', 'skew', machine, 'campaigns_from')
local last, tail, skew = tonumber(known[1] or 0), tonumber(known[2] or 0), tonumber(known[3] or 0)
local now = clock[1] * 1000 + math.floor(clock[2] / 1000) + skew
-- A clock that was set by more than half a minute against the asking machine's uptime has jumped: no time has passed.
if known[4] then
  local seen_at, seen_uptime = string.match(known[4], '^([^/]+)/([^/]+)$')
  local jump = (now - tonumber(seen_at)) - (uptime - tonumber(seen_uptime))
  if math.abs(jump) > 30000 then
    skew = skew - jump
    now = now - jump
  end
end
now = math.max(now, last)
redis.call('HSET', facts, 'last', now, 'skew', skew, machine, string.format('%.0f/%.0f', now, uptime))
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, 7200000) end

local held = redis.call('ZSCORE', log, who)
if held then
  held = tonumber(held)
  if now < held then return {{1, held - now}} end
  if now < held + valid then return {{0, held + valid - now}} end
  -- Too late to use, and never given back: a worker that slept might still believe in it.
  redis.call('ZREM', log, who)
  redis.call('ZADD', log, held, string.format('%s@%.0f', who, held))
end

redis.call('ZREMRANGEBYSCORE', log, '-inf', now - window)
redis.call('ZREMRANGEBYSCORE', recipients, '-inf', now - window)
redis.call('ZREMRANGEBYSCORE', campaigns, '-inf', now - window)
local slot = now
if tail > 0 then slot = math.max(slot, tail + gap) end
local spoken = redis.call('ZSCORE', recipients, recipient)
if spoken then slot = math.max(slot, tonumber(spoken) + recipient_gap) end
local nth = redis.call('ZREVRANGE', log, limit - 1, limit - 1, 'WITHSCORES')
if nth[2] then slot = math.max(slot, tonumber(nth[2]) + window) end

if lane == 'campaign' then
  slot = math.max(slot, tonumber(known[5] or 0))
  local oldest = redis.call('ZREVRANGE', campaigns, most_campaigns - 1, most_campaigns - 1, 'WITHSCORES')
  if oldest[2] then slot = math.max(slot, tonumber(oldest[2]) + window) end
end
-- Only people's replies may hold slots in the future: what a machine sends takes what is free now, and gives way.
if (lane == 'campaign' or lane == 'auto') and slot > now then return {{1, slot - now}} end
if slot - now > horizon then return {{1, horizon}} end

redis.call('ZADD', log, slot, who)
redis.call('ZADD', recipients, slot, recipient)
if lane == 'campaign' then redis.call('ZADD', campaigns, slot, who) end
redis.call('HSET', facts, 'tail', slot)
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, 7200000) end
if slot > now then return {{1, slot - now}} end
return {{0, valid}}
"""

# After a loss of data: the sends that Postgres remembers, so that the next slots count them.
# ARGV: campaigns' pause, then pairs of who and age. Does nothing when somebody else was quicker.
SEED = f"""
local log, facts = KEYS[1], KEYS[2]
if redis.call('HSETNX', facts, 'epoch', '1') == 0 then return 0 end
local clock = {READ_CLOCK}
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local tail = 0
for index = 2, #ARGV, 2 do
  local at = now - tonumber(ARGV[index + 1])
  redis.call('ZADD', log, at, ARGV[index])
  tail = math.max(tail, at)
end
redis.call('HSET', facts, 'last', now, 'tail', tail, 'skew', 0, 'campaigns_from', now + tonumber(ARGV[1]))
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, 7200000) end
return 1
"""

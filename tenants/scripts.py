"""What runs inside Redis, in Lua.

Rules
- Every script answers `{KEYS[1], ...}`. The caller compares that echo with the key it asked for,
  so that an answer to somebody else's question is never taken for its own (R04).
- Bounded work: O(log n) in the sessions of a tenant, plus what has expired since the last call.
  No KEYS, no SCAN.
- All keys of a call carry one hash tag. CREATE_SESSION also deletes the session that it ends,
  whose name it learns on the way; that key has the same tag.
- Times come from the gateway (milliseconds since the epoch), not from Redis: its clock may jump.
  Only the expiry of keys runs on it.
- What needs new memory begins with `#!lua`: a full Redis then refuses it before its first write
  (R08). Ending, touching and reading go on.
- What does not exist is not written to: no script but CREATE_SESSION can bring a session to life.

Members of the two sorted sets are session keys. `user-sessions` scores them by the time of their
last use, `sessions` by the time at which they expire. A session with an open call or stream is
scored BUSY + now, beyond any time, and renewed while it lasts.
"""

import hashlib
from dataclasses import dataclass, field

BUSY = 10**15


@dataclass(frozen=True, slots=True)
class Script:
    """Lua source and the SHA-1 by which Redis remembers it (a name, not a protection)."""

    source: str
    sha: str = field(init=False)

    def __post_init__(self) -> None:
        digest = hashlib.sha1(self.source.encode(), usedforsecurity=False).hexdigest()
        object.__setattr__(self, "sha", digest)


# KEYS session, user-sessions, sessions. ARGV record, member, key prefix, now, pending, idle,
# limit per user (0: none), limit per tenant, how long a busy mark holds.
# Answers {session, "made", member that was ended or ""} or {session, "full"}.
CREATE_SESSION = Script(
    """#!lua
local session, user, tenant = KEYS[1], KEYS[2], KEYS[3]
local record, member, prefix = ARGV[1], ARGV[2], ARGV[3]
local now, pending, idle = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local per_user, per_tenant = tonumber(ARGV[7]), tonumber(ARGV[8])
local busy_since = 1e15 + now - tonumber(ARGV[9])

local function forget_the_dead(members)
  for _, m in ipairs(members) do
    if not redis.call('ZSCORE', tenant, m) then redis.call('ZREM', user, m) end
  end
end
local function user_is_full()
  return per_user > 0 and redis.call('ZCARD', user) >= per_user
end
local function is_full()
  return user_is_full() or redis.call('ZCARD', tenant) >= per_tenant
end

redis.call('ZREMRANGEBYSCORE', tenant, '-inf', now)
forget_the_dead(redis.call('ZRANDMEMBER', user, 8))
if user_is_full() then forget_the_dead(redis.call('ZRANGE', user, 0, per_user)) end

local ended = ''
if is_full() then
  local was_live
  repeat
    local head = redis.call('ZRANGE', user, 0, 0, 'WITHSCORES')
    if not head[1] or tonumber(head[2]) >= busy_since then return {session, 'full'} end
    ended = head[1]
    was_live = redis.call('ZREM', tenant, ended) == 1
    redis.call('ZREM', user, ended)
    redis.call('DEL', prefix .. ended)
  until was_live
  if is_full() then return {session, 'full'} end
end

redis.call('HSET', session, 'record', record, 'seen', ARGV[4])
redis.call('PEXPIRE', session, pending)
redis.call('ZADD', user, now, member)
redis.call('ZADD', tenant, now + pending, member)
redis.call('PEXPIRE', user, idle)
redis.call('PEXPIRE', tenant, idle)
return {session, 'made', ended}
"""
)

# KEYS session. Answers {session, record, seen}, with nothing after the key when there is none.
LOAD_SESSION = Script(
    """
local found = redis.call('HMGET', KEYS[1], 'record', 'seen')
return {KEYS[1], found[1], found[2]}
"""
)

# KEYS session, user-sessions, sessions. ARGV member, now, score, time to live, idle, and a new
# record where it changes. Answers {session, 1}, or {session, 0} when the session is gone.
TOUCH_SESSION = Script(
    """
local session, user, tenant = KEYS[1], KEYS[2], KEYS[3]
local member, now, ttl = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[4])
if redis.call('PEXPIRE', session, ttl) == 0 then
  redis.call('ZREM', user, member)
  redis.call('ZREM', tenant, member)
  return {session, 0}
end
redis.call('HSET', session, 'seen', ARGV[2])
if ARGV[6] then redis.call('HSET', session, 'record', ARGV[6]) end
redis.call('ZADD', user, ARGV[3], member)
redis.call('ZADD', tenant, now + ttl, member)
redis.call('PEXPIRE', user, ARGV[5])
redis.call('PEXPIRE', tenant, ARGV[5])
return {session, 1}
"""
)

# KEYS session, user-sessions, sessions. ARGV member. Answers {session, 1 if there was one}.
END_SESSION = Script(
    """
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[1])
return {KEYS[1], redis.call('DEL', KEYS[1])}
"""
)

# KEYS session. ARGV field, value. Answers {session, 1}, or {session, 0} when it is gone.
REMEMBER_FIELD = Script(
    """#!lua
if redis.call('EXISTS', KEYS[1]) == 0 then return {KEYS[1], 0} end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return {KEYS[1], 1}
"""
)

# KEYS session. ARGV field. Answers {session, value}, with nothing after the key when absent.
RECALL_FIELD = Script("return {KEYS[1], redis.call('HGET', KEYS[1], ARGV[1])}")

# KEYS session. ARGV field. Answers {session, 1 if it was there}.
FORGET_FIELD = Script("return {KEYS[1], redis.call('HDEL', KEYS[1], ARGV[1])}")

# KEYS mark. ARGV incarnation, seq, channel. The mark never falls within one incarnation.
ANNOUNCE_CHANGE = Script(
    """
local held = redis.call('HMGET', KEYS[1], 'incarnation', 'seq')
if held[1] ~= ARGV[1] or tonumber(held[2]) < tonumber(ARGV[2]) then
  redis.call('HSET', KEYS[1], 'incarnation', ARGV[1], 'seq', ARGV[2])
end
redis.call('PUBLISH', ARGV[3], ARGV[1] .. ' ' .. ARGV[2])
return {KEYS[1], 1}
"""
)

# KEYS mark. Answers {mark, incarnation, seq}, with nothing after the key when there is none.
READ_MARK = Script(
    """
local held = redis.call('HMGET', KEYS[1], 'incarnation', 'seq')
return {KEYS[1], held[1], held[2]}
"""
)

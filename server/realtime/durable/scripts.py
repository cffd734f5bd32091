"""What Redis does in one step to a session: Lua, each script with its keys and arguments.

A session's keys are on one node of a cluster, as scripts need: see `server.realtime.durable.redis`.
"""

WRITE = """
local head, items, order, events = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local owner, epoch, revision = unpack(redis.call('HMGET', head, 'owner', 'epoch', 'revision'))
if owner and (owner ~= ARGV[2] or tonumber(epoch) > tonumber(ARGV[3])) then return 'taken over' end
if ARGV[1] == 'whole' then
    if epoch == ARGV[3] and tonumber(revision) > tonumber(ARGV[4]) then return 'out of step' end
    redis.call('DEL', head, items, order, events)
    redis.call('HSET', head, 'owner', ARGV[2], 'epoch', ARGV[3], 'waits', 0)
elseif epoch ~= ARGV[3] or revision ~= ARGV[4] then
    return 'out of step'
end

local function count(name, more) return redis.call('HINCRBY', head, name, more) end
if ARGV[9] ~= '' then redis.call('HSET', head, 'config', ARGV[9]) end
if ARGV[10] ~= '' then redis.call('HSET', head, 'state', ARGV[10]) end

local next, named = 14, nil
if ARGV[11] == 'ordered' then
    named = {}
    redis.call('DEL', order)
    for i = next, next + ARGV[12] - 1 do
        named[ARGV[i]] = true
        redis.call('RPUSH', order, ARGV[i])
    end
    next = next + ARGV[12]
    for _, name in ipairs(redis.call('HKEYS', items)) do
        if not named[name] then
            count('items', 0 - redis.call('HSTRLEN', items, name))
            redis.call('HDEL', items, name)
        end
    end
end

for i = next, next + 2 * ARGV[13] - 2, 2 do
    local known = redis.call('HEXISTS', items, ARGV[i]) == 1
    if (named and named[ARGV[i]]) or (not named and known) then
        count('items', #ARGV[i + 1] - redis.call('HSTRLEN', items, ARGV[i]))
        redis.call('HSET', items, ARGV[i], ARGV[i + 1])
    end
end
next = next + 2 * ARGV[13]
local size = count('items', 0) + redis.call('HSTRLEN', head, 'config') + redis.call('HSTRLEN', head, 'state')
if size > tonumber(ARGV[6]) then
    redis.call('DEL', head, items, order, events)
    return 'too large'
end

for i = next, #ARGV do
    redis.call('RPUSH', events, ARGV[i])
    count('events', #ARGV[i] - 1)
end
while redis.call('LLEN', events) > tonumber(ARGV[7]) or count('events', 0) > tonumber(ARGV[8]) do
    count('events', 1 - #redis.call('LPOP', events))
end
redis.call('HSET', head, 'revision', ARGV[4] + 1)
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, ARGV[5]) end
return 'done'
"""
"""Keep a change, or with `whole` a session in place of what was kept. Keys: head, items, order, events. Arguments:
`whole` or `change`, owner, epoch, revision; milliseconds to live, bytes of a session, number and bytes of its events;
config, state (empty: as it was); `ordered` or `as it was`, number of ids, number of items; ids ..., an id and an item
..., events ... as `id newline JSON`."""

RENEW = """
local owner, epoch = unpack(redis.call('HMGET', KEYS[1], 'owner', 'epoch'))
if owner and (owner ~= ARGV[1] or tonumber(epoch) > tonumber(ARGV[2])) then return 'taken over' end
if epoch ~= ARGV[2] then return 'out of step' end
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, ARGV[3]) end
return 'done'
"""
"""Keys: of a session. Arguments: owner, epoch, milliseconds to live."""

RELEASE = """
local owner, epoch = unpack(redis.call('HMGET', KEYS[1], 'owner', 'epoch'))
if owner ~= ARGV[1] or epoch ~= ARGV[2] then return -1 end
redis.call('HSET', KEYS[1], 'waits', 1, 'epoch', epoch + 1)
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, ARGV[3]) end
local size = redis.call('HGET', KEYS[1], 'items') + (redis.call('HGET', KEYS[1], 'events') or 0)
return size + redis.call('HSTRLEN', KEYS[1], 'config') + redis.call('HSTRLEN', KEYS[1], 'state')
"""
"""The session waits from now on, and its holder holds it no more. Keys and arguments as for `RENEW`. Returns its bytes,
its events among them, or -1: it is another's."""

CLAIM = """
local owner, revision = unpack(redis.call('HMGET', KEYS[1], 'owner', 'revision'))
if owner ~= ARGV[1] then return {-1, -1} end
redis.call('HSET', KEYS[1], 'waits', 0)
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, ARGV[2]) end
return {redis.call('HINCRBY', KEYS[1], 'epoch', 1), tonumber(revision)}
"""
"""Begin the next epoch. Keys: of a session. Arguments: owner, milliseconds to live. Returns epoch and revision, or
twice -1: there is none of this owner."""

FORGET = """
local owner, epoch = unpack(redis.call('HMGET', KEYS[1], 'owner', 'epoch'))
if owner == ARGV[1] and epoch == ARGV[2] then redis.call('DEL', unpack(KEYS)) end
"""
"""Keys: of a session. Arguments: owner, epoch."""

DROP = """
if redis.call('HGET', KEYS[1], 'waits') == '1' then redis.call('DEL', unpack(KEYS)) end
"""
"""Delete a session, unless it was claimed meanwhile. Keys: of a session."""

MAKE_ROOM = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
local expired = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[3] * 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[3] * 1000)
for _, id in ipairs(expired) do redis.call('HDEL', KEYS[2], id) end
local size, surplus = 0, {}
for _, bytes in ipairs(redis.call('HVALS', KEYS[2])) do size = size + bytes end
while redis.call('ZCARD', KEYS[1]) > tonumber(ARGV[4]) or size > tonumber(ARGV[5]) do
    local id = redis.call('ZPOPMIN', KEYS[1])[1]
    size = size - redis.call('HGET', KEYS[2], id)
    redis.call('HDEL', KEYS[2], id)
    surplus[#surplus + 1] = id
end
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, ARGV[3]) end
return surplus
"""
"""Note that a session waits; returns the ids of those that there is no room for any more. Keys: ids by the time since
which they wait, bytes by id. Arguments: id, its bytes, milliseconds for which one waits, most sessions, most bytes."""

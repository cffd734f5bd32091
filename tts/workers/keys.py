"""Redis as gateways and workers share it: names of keys, times, and the steps that must not be torn apart.

    ola:tts:work:<queue>    stream with a consumer group: jobs that are not spoken to their end
    ola:tts:sound:<unit>    stream: the sound of one unit; the unit is wanted as long as it exists
    ola:tts:stop:<queue>    channel: units that nobody wants any more
    ola:tts:beats           stream: who is there
    ola:tts:offer:<queue>   what its workers can speak
    ola:tts:dead            stream: units that were given up

A delivery is known by its entry in the group's list of pending entries: who has it, and the how many-th has it. Whoever
is not named there any more is too late, whatever he wants to write.
"""

from __future__ import annotations

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff

GROUP = "workers"
BEATS = "ola:tts:beats"
DEAD = "ola:tts:dead"

BEAT_SECONDS = 1.0
GONE_SECONDS = 3.0
"""Without a beat, after which a worker is taken to be gone and its units go to others."""
DELIVERIES = 2
"""After so many workers that did not come to an end with it, a unit is given up."""
SOUND_SECONDS = 60
"""For which a unit outlives the last that was written of it: what is left by a gateway that died goes then."""
SOUND_CHUNKS = 4000
"""Most chunks of a unit that wait in Redis."""
KEPT_SECONDS = 24 * 3600
"""For which queues without a worker, offers and dead letters are kept."""
DEAD_LETTERS = 100
BEATS_KEPT = 1000

ASK = """
local asked = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)[1]
if asked then return asked[2][4] end
local entry = redis.call('XADD', KEYS[1], '*', 'job', ARGV[1])
redis.call('XADD', KEYS[2], '*', 'kind', 'asked', 'entry', entry)
redis.call('EXPIRE', KEYS[2], ARGV[2])
return entry
"""
"""Ask for a unit; returns its job's entry. Sent again because the answer was lost, it finds the unit's sound begun and
adds no second job. Keys: work, sound. Arguments: job, seconds."""

WRITE = """
local held = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[2], ARGV[2], 1)[1]
if not held or held[2] ~= ARGV[3] or held[4] ~= tonumber(ARGV[4]) then return 0 end
local last = ARGV[5] ~= 'begun' and ARGV[5] ~= 'pcm'
local wanted = redis.call('XADD', KEYS[2], 'NOMKSTREAM', 'MAXLEN', ARGV[8], '*',
    'kind', ARGV[5], 'attempt', ARGV[4], 'seq', ARGV[6], 'data', ARGV[7])
if wanted then redis.call('EXPIRE', KEYS[2], ARGV[9]) end
if last or not wanted then
    redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
    redis.call('XDEL', KEYS[1], ARGV[2])
end
return wanted and 1 or 0
"""
"""Add to a unit's sound, if the delivery is valid and the unit wanted; with the last of it, or if it is not wanted,
acknowledge the job. Keys: work, sound. Arguments: group, entry, worker, attempt, kind, seq, data, chunks, seconds."""

KEEP = """
local lost = {}
for i = 3, #ARGV, 2 do
    local held = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1)[1]
    if held and held[2] == ARGV[2] and held[4] == tonumber(ARGV[i + 1]) then
        redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[i], 'JUSTID')
    else
        lost[#lost + 1] = (i - 3) / 2
    end
end
return lost
"""
"""Heartbeat for the deliveries in hand; returns which of them, from 0, are no longer valid. A worker that was stopped
for a while must not take back what others have by now. Key: work. Arguments: group, worker, then entry, attempt ..."""


def work(queue: str) -> str:
    return f"ola:tts:work:{queue}"


def sound(unit: str) -> str:
    return f"ola:tts:sound:{unit}"


def stop(queue: str) -> str:
    return f"ola:tts:stop:{queue}"


def offer(queue: str) -> str:
    return f"ola:tts:offer:{queue}"


def connect(url: str, retries: int) -> Redis:
    """A client that outlives a restart of Redis: it tries `retries` times, half a second apart at most; -1: for ever.

    Raises:
        ValueError: this is no URL of a Redis.
    """
    # A command is sent again if its answer did not come; each of ours may be. Replies as of protocol 2, in every
    # release of the library.
    return Redis.from_url(
        url, protocol=2, socket_timeout=10, retry=Retry(ExponentialBackoff(cap=0.5, base=0.02), retries)
    )

import pytest

from server.store import MemoryStore, new_audio_id

pytestmark = pytest.mark.anyio


class Clock:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


async def test_a_transcript_is_kept_until_it_expires() -> None:
    clock = Clock()
    store = MemoryStore(60, 10, clock)
    assert await store.keep("audio_a", "Hello.") == 1060
    clock.seconds = 1059.9
    assert await store.transcript("audio_a") == "Hello."
    clock.seconds = 1060
    assert await store.transcript("audio_a") is None
    assert store.size == 0


async def test_an_unknown_id_has_no_transcript() -> None:
    assert await MemoryStore(60, 10).transcript("audio_b") is None


async def test_the_oldest_answer_goes_when_the_store_is_full() -> None:
    store = MemoryStore(60, 2)
    for name in ("audio_a", "audio_b", "audio_c"):
        await store.keep(name, name)
    assert [await store.transcript(name) for name in ("audio_a", "audio_b", "audio_c")] == [None, "audio_b", "audio_c"]
    assert store.size == 2


async def test_keeping_forgets_what_expired_even_if_nobody_asks() -> None:
    clock = Clock()
    store = MemoryStore(60, 10, clock)
    await store.keep("audio_a", "old")
    clock.seconds += 61
    await store.keep("audio_b", "new")
    assert store.size == 1


def test_ids_are_distinct_and_look_like_audio_ids() -> None:
    ids = {new_audio_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(audio_id.startswith("audio_") for audio_id in ids)

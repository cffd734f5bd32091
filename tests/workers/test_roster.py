"""Who is there, by beats and by the time that passed."""

from __future__ import annotations

import pytest

from tts.workers.job import Job, Offer
from tts.workers.keys import GONE_SECONDS
from tts.workers.roster import Roster

ESPEAK = Offer("espeak", (("default", ("en", "de")), ("espeak-f1", ("en",))), imitates=False)
COSY = Offer("cosyvoice", (("default", ("zh",)),), imitates=True)


def roster(*offers: Offer) -> Roster:
    made = Roster()
    for offer in offers:
        made.learn(offer)
        made.hear(f"worker of {offer.label}", offer.queue, 2)
    return made


def test_offers_and_jobs_survive_packing() -> None:
    assert Offer.unpack(ESPEAK.pack()) == ESPEAK
    assert Offer.unpack(ESPEAK.pack()).queue == ESPEAK.queue != COSY.queue
    for recorded in (None, 1732199999.123456):
        job = Job("u", "default", "Grüße 你好", None, 1.25, 7, recorded)
        assert Job.unpack(job.pack()) == job
    with pytest.raises(TypeError):
        Job.unpack(b'{"unit": "u"}')


def test_workers_of_one_offer_share_a_queue() -> None:
    there = roster(ESPEAK)
    there.hear("another", ESPEAK.queue, 3)
    assert there.slots(ESPEAK.queue) == 5
    there.left("another")
    there.left("nobody")
    assert there.slots(ESPEAK.queue) == 2


def test_a_worker_without_a_beat_is_gone() -> None:
    there = roster(ESPEAK, COSY)
    there.passed(GONE_SECONDS - 0.5)
    there.hear("worker of espeak", ESPEAK.queue, 2)
    there.passed(1.0)
    assert there.offers() == [ESPEAK]
    assert not there.knows(COSY.queue)
    assert there.queue_of("default", recorded=False) == ESPEAK.queue


def test_the_voice_of_two_offers_is_spoken_where_most_slots_are() -> None:
    there = roster(ESPEAK, COSY)
    there.hear("another", COSY.queue, 3)
    assert there.queue_of("default", recorded=False) == COSY.queue
    assert there.queue_of("espeak-f1", recorded=False) == ESPEAK.queue
    assert there.queue_of("anna", recorded=False) is None
    assert there.queue_of("anna", recorded=True) == COSY.queue

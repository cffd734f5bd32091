"""What the speech part of the bench makes of what it hears."""

from __future__ import annotations

import pytest

from loadtests.speech import STORY, Heard, c100, first_unit_known, rows, tokens, voice
from tts.plan import pause_after
from tts.voice import WIRE_RATE

UNITS = ["Here is one unit.", "Here is another."]


def heard_whole(first: float = 0.3) -> Heard:
    script, heard = voice(), Heard(asked=100.0, units=UNITS)
    pause = bytes(2 * round(pause_after(UNITS[0]) * WIRE_RATE))
    for pcm in (script.pcm(UNITS[0]), pause, script.pcm(UNITS[1])):
        heard.play(pcm, 100.0 + first)
    return heard


def test_gaps_are_what_is_missing_at_the_listener() -> None:
    heard = Heard(asked=100.0)
    for now in (100.4, 100.5, 102.9):  # a second of sound each time; at 102.4 all was played
        heard.play(bytes(2 * WIRE_RATE), now)
    assert heard.wait == pytest.approx(0.4)
    assert heard.gaps == pytest.approx([0.0, 0.0, 0.5])
    assert heard.longest_gap == pytest.approx(0.5)
    assert heard.dry_at == pytest.approx(103.9)


def test_lost_repeated_and_swapped_samples_are_noticed() -> None:
    script = voice()
    assert heard_whole().is_whole(script)
    pcm = heard_whole().pcm
    for wrong in (pcm[:-2], pcm[:2000] + pcm[1000:], pcm[2000:] + pcm[:2000]):
        spoiled = heard_whole()
        spoiled.pcm = wrong
        assert not spoiled.is_whole(script)


def test_tokens_are_the_text() -> None:
    assert "".join(tokens(STORY)) == STORY
    assert tokens("Yes, it is.") == ["Yes", ",", " it", " is", "."]


def test_the_first_unit_is_known_two_tokens_after_its_stop() -> None:
    assert first_unit_known() == pytest.approx(10 / 80)


def test_the_rows_say_what_missed_its_target() -> None:
    def verdicts(streamed: Heard, whole: Heard, many: Heard) -> dict[str, str]:
        return {name: verdict for name, _, _, verdict in rows([streamed], [whole], [many]) if verdict}

    good = verdicts(heard_whole(0.25), heard_whole(2.0), heard_whole(1.0))
    assert set(good.values()) == {"pass"}
    assert len(good) == 6
    late, gap = heard_whole(0.4), heard_whole(1.0)
    gap.gaps[1] = 0.11
    missed = [name for name, verdict in verdicts(late, heard_whole(2.0), gap).items() if verdict == "FAIL"]
    assert [name.split()[0] for name in missed] == ["first", "earlier", "32"]
    gap.pcm += b"xx"
    assert verdicts(gap, heard_whole(2.0), gap)["answers with a sample lost, repeated or out of order"] == "FAIL"


def test_c100() -> None:
    assert c100([0.0, 0.09, 0.1, 3.0]) == 0.5

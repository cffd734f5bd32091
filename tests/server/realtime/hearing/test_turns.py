"""Turns out of probabilities: each rule by itself, and what holds whatever comes."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.api import MAX_SOUND_SECONDS, SAMPLE_RATE
from server.realtime.hearing.windows import WINDOW
from server.realtime.turn_config import Eagerness, SemanticVad, ServerVad, TurnConfig
from server.realtime.turns import (
    IdleTimeout,
    Paused,
    Resumed,
    Started,
    Stopped,
    TurnDetector,
    TurnEvent,
)

MS = SAMPLE_RATE // 1000
LOUD, QUIET = -20.0, -60.0


def windows(milliseconds: float) -> int:
    return round(milliseconds * MS / WINDOW)


def speak(detector: TurnDetector, milliseconds: float, *, level: float = LOUD, echo: bool = False) -> list[TurnEvent]:
    return [event for _ in range(windows(milliseconds)) for event in detector.feed(0.9, level, echo=echo)]


def be_silent(detector: TurnDetector, milliseconds: float) -> list[TurnEvent]:
    return [event for _ in range(windows(milliseconds)) for event in detector.feed(0.02, QUIET)]


def kinds(events: list[TurnEvent]) -> list[type]:
    return [type(event) for event in events]


def test_a_turn_with_the_positions_of_its_sound_and_its_speech() -> None:
    detector = TurnDetector(ServerVad())
    assert be_silent(detector, 960) == []
    (started,) = speak(detector, 640)
    assert started == Started(at=(960 - 300) * MS, speech=960 * MS)
    paused, stopped = be_silent(detector, 640)
    assert paused == Paused(at=1600 * MS, pause=1)
    assert stopped == Stopped(at=(1600 + 500) * MS, speech=1600 * MS)
    assert not detector.speaking


def test_events_come_as_soon_as_they_are_known() -> None:
    detector = TurnDetector(ServerVad())
    assert detector.feed(0.9, LOUD) == []
    assert kinds(detector.feed(0.9, LOUD)) == [Started]
    assert be_silent(detector, 4 * 32) == []
    assert kinds(be_silent(detector, 32)) == [Paused]
    assert be_silent(detector, 10 * 32) == []
    assert kinds(be_silent(detector, 32)) == [Stopped]  # 16 windows, 512 ms


def test_one_window_is_a_click() -> None:
    detector = TurnDetector(ServerVad())
    for _ in range(20):
        assert speak(detector, 32) + be_silent(detector, 96) == []


@pytest.mark.parametrize("threshold", [0.0, 0.1, 0.3, 0.5, 0.8, 1.0])
def test_speech_begins_at_the_threshold_and_ends_below_it(threshold: float) -> None:
    detector = TurnDetector(ServerVad(threshold=threshold))
    if threshold:
        assert not [event for _ in range(9) for event in detector.feed(threshold - 0.01, LOUD)]
    events = [event for _ in range(2) for event in detector.feed(threshold, LOUD)]
    assert kinds(events) == [Started]
    hovering = max(threshold - 0.14, 0.01)
    assert not [event for _ in range(40) for event in detector.feed(hovering, LOUD)]
    below = [event for _ in range(40) for event in detector.feed(max(threshold - 0.16, 0.0), LOUD)]
    assert kinds(below)[:2] == ([Paused, Stopped] if threshold else [])


@pytest.mark.parametrize("padding", [0, 32, 300, 1000])
def test_the_padding_is_before_the_speech_but_not_before_the_session(padding: int) -> None:
    for silence in (0, 64, 320, 3200):
        detector = TurnDetector(ServerVad(prefix_padding_ms=padding))
        be_silent(detector, silence)
        (started,) = speak(detector, 320)
        assert started == Started(max(0, silence - padding) * MS, silence * MS)


def test_the_padding_does_not_reach_into_the_turn_before() -> None:
    detector = TurnDetector(ServerVad(prefix_padding_ms=2000, silence_duration_ms=200))
    speak(detector, 320)
    stopped = be_silent(detector, 320)[-1]
    (started,) = speak(detector, 320)
    assert isinstance(stopped, Stopped)
    assert isinstance(started, Started)
    assert started.at == stopped.at == 520 * MS
    assert started.speech == 640 * MS


@pytest.mark.parametrize("silence", [0, 20, 100, 160, 200, 500, 1500])
def test_the_silence_that_ends_a_turn(silence: int) -> None:
    detector = TurnDetector(ServerVad(silence_duration_ms=silence))
    speak(detector, 640)
    events: list[TurnEvent] = []
    while not any(isinstance(event, Stopped) for event in events):
        events += detector.feed(0.0, QUIET)
    assert events[-1] == Stopped((640 + silence) * MS, 640 * MS)
    assert 0 <= detector.position - (640 + silence) * MS <= WINDOW
    assert kinds(events) == ([Paused, Stopped] if silence > 160 else [Stopped])


def test_a_soft_consonant_belongs_to_the_speech_behind_it() -> None:
    for faint in range(8):
        detector = TurnDetector(ServerVad())
        be_silent(detector, 640)
        assert not [event for _ in range(faint) for event in detector.feed(0.1, LOUD)]
        detector.feed(0.0, QUIET)
        (started,) = speak(detector, 320)
        assert isinstance(started, Started)
        assert started.speech == 640 * MS + (max(0, faint - 2) if faint else 1) * WINDOW


def test_a_pause_that_is_none() -> None:
    detector = TurnDetector(ServerVad())
    speak(detector, 640)
    assert kinds(be_silent(detector, 320)) == [Paused]
    assert speak(detector, 320) == [Resumed(at=960 * MS, pause=1)]
    assert be_silent(detector, 320) == [Paused(at=1280 * MS, pause=2)]


def test_a_gap_shorter_than_a_pause_is_not_told() -> None:
    detector = TurnDetector(ServerVad())
    speak(detector, 640)
    for _ in range(10):
        assert be_silent(detector, 128) + speak(detector, 64) == []


@pytest.mark.parametrize(("eagerness", "longest"), [("low", 8000), ("medium", 4000), ("auto", 4000), ("high", 2000)])
def test_without_a_judgement_one_waits_for_as_long_as_eagerness_lets(eagerness: Eagerness, longest: int) -> None:
    detector = TurnDetector(SemanticVad(eagerness))
    speak(detector, 640)
    assert kinds(be_silent(detector, longest - 64)) == [Paused]
    assert be_silent(detector, 96) == [Stopped((640 + longest) * MS, 640 * MS)]


def waited(probability: float, eagerness: Eagerness = "auto") -> float:
    """Milliseconds of silence before a turn with this judgement stops."""
    detector = TurnDetector(SemanticVad(eagerness))
    speak(detector, 640)
    (paused,) = be_silent(detector, 192)
    assert isinstance(paused, Paused)
    detector.judged(paused.pause, probability)
    events: list[TurnEvent] = []
    while not events:
        events = detector.feed(0.0, QUIET)
    (stopped,) = events
    assert isinstance(stopped, Stopped)
    return (stopped.at - stopped.speech) / MS


@pytest.mark.parametrize("eagerness", ["low", "medium", "high"])
def test_the_surer_the_sooner(eagerness: Eagerness) -> None:
    waits = [waited(step / 10, eagerness) for step in range(11)]
    assert waits == sorted(waits, reverse=True)
    assert waits[-1] == 320
    assert waits[0] == SemanticVad(eagerness).longest_wait_ms
    assert waited(7.0) == 320
    assert waited(-7.0) == 4000


def test_a_judgement_that_comes_late_still_ends_the_turn() -> None:
    detector = TurnDetector(SemanticVad())
    speak(detector, 640)
    be_silent(detector, 2048)
    detector.judged(1, 1.0)
    assert detector.feed(0.0, QUIET) == [Stopped(960 * MS, 640 * MS)]


def test_the_last_judgement_of_a_pause_counts() -> None:
    detector = TurnDetector(SemanticVad())
    speak(detector, 640)
    be_silent(detector, 192)
    detector.judged(1, 1.0)
    detector.judged(1, 0.0)
    assert be_silent(detector, 3000) == []


def test_a_judgement_of_a_pause_that_is_over_is_ignored() -> None:
    detector = TurnDetector(SemanticVad())
    speak(detector, 640)
    be_silent(detector, 192)
    speak(detector, 320)
    detector.judged(1, 1.0)
    be_silent(detector, 192)
    detector.judged(1, 1.0)
    assert be_silent(detector, 3000) == []
    detector.judged(7, 1.0)
    assert kinds(be_silent(detector, 1000)) == [Stopped]
    detector.judged(2, 1.0)
    assert be_silent(detector, 1000) == []


def test_speech_cancels_a_judgement() -> None:
    detector = TurnDetector(SemanticVad())
    speak(detector, 640)
    be_silent(detector, 192)
    detector.judged(1, 1.0)
    assert kinds(speak(detector, 64)) == [Resumed]
    assert kinds(be_silent(detector, 1000)) == [Paused]


def test_server_vad_listens_to_no_judge() -> None:
    detector = TurnDetector(ServerVad(silence_duration_ms=1000))
    speak(detector, 640)
    be_silent(detector, 192)
    detector.judged(1, 1.0)
    assert be_silent(detector, 700) == []


def test_over_a_reply_speech_must_last() -> None:
    detector = TurnDetector(ServerVad())
    be_silent(detector, 960)
    detector.playback_began()
    assert speak(detector, 96) == []
    assert be_silent(detector, 960) == []
    (started,) = speak(detector, 128)
    assert started == Started((960 + 96 + 960 - 300) * MS, (960 + 96 + 960) * MS)


def test_over_a_reply_what_surely_is_speech_need_last_less() -> None:
    for probability, level, enough in ((0.99, LOUD, True), (0.97, LOUD, False), (0.99, QUIET + 10, False)):
        detector = TurnDetector(ServerVad())
        be_silent(detector, 960)
        detector.playback_began()
        assert detector.feed(probability, level) + detector.feed(probability, level) == []
        assert bool(detector.feed(probability, level)) == enough
        if not enough:
            assert kinds(detector.feed(probability, level)) == [Started]


def test_sure_windows_have_to_be_in_a_row() -> None:
    detector = TurnDetector(ServerVad())
    be_silent(detector, 960)
    detector.playback_began()
    for probability in (0.99, 0.99, 0.1, 0.99):
        assert detector.feed(probability, LOUD) == []
    detector.cleared(detector.position)
    assert detector.feed(0.99, LOUD) + detector.feed(0.99, LOUD) == []
    assert kinds(detector.feed(0.99, LOUD)) == [Started]


def test_two_clicks_over_a_reply_never_count() -> None:
    for gap in range(1, 30):
        detector = TurnDetector(ServerVad())
        detector.playback_began()
        assert (
            speak(detector, 64) + be_silent(detector, gap * 32) + speak(detector, 32) + be_silent(detector, 960) == []
        )


def test_a_word_over_a_reply_counts_though_the_echo_covers_parts_of_it() -> None:
    detector = TurnDetector(ServerVad())
    detector.playback_began()
    be_silent(detector, 960)
    events: list[TurnEvent] = []
    for _ in range(6):
        events += speak(detector, 32) + speak(detector, 32, echo=True)
    assert kinds(events) == [Started]


def test_an_echo_never_begins_a_turn_and_never_holds_one() -> None:
    detector = TurnDetector(ServerVad())
    assert speak(detector, 3200, echo=True) == []
    speak(detector, 320)
    assert kinds(speak(detector, 640, echo=True)) == [Paused, Stopped]


def test_who_is_far_away_does_not_stop_a_reply() -> None:
    for playing in (True, False):
        detector = TurnDetector(ServerVad())
        for _ in range(60):
            assert detector.feed(0.1, -45.0) == []
        if playing:
            detector.playback_began()
        assert kinds(speak(detector, 640, level=-43.0)) == ([] if playing else [Started])
        assert kinds(speak(detector, 640, level=-35.0)) == ([Started] if playing else [])


def test_a_reply_that_has_just_ended_may_still_echo() -> None:
    detector = TurnDetector(ServerVad())
    detector.playback_began()
    be_silent(detector, 960)
    detector.playback_ended(detector.position)
    assert speak(detector, 96) == []
    be_silent(detector, 960)
    assert kinds(speak(detector, 96)) == [Started]


def test_nobody_speaks_after_a_reply() -> None:
    detector = TurnDetector(ServerVad(idle_timeout_ms=5000))
    assert be_silent(detector, 20_000) == []  # there was no reply
    detector.playback_began()
    assert be_silent(detector, 20_000) == []
    detector.playback_ended(detector.position + 2048 * MS)
    assert be_silent(detector, 2048 + 4992) == []
    assert kinds(be_silent(detector, 32)) == [IdleTimeout]
    assert be_silent(detector, 20_000) == []  # until another reply is over


def test_the_idle_sound_is_from_the_end_of_the_reply_to_now_and_is_kept_until_then() -> None:
    detector = TurnDetector(ServerVad(idle_timeout_ms=5000))
    detector.playback_began()
    detector.playback_ended(3200 * MS)
    events: list[TurnEvent] = []
    while not events:
        assert detector.earliest <= 3200 * MS
        events = detector.feed(0.0, QUIET)
    assert events == [IdleTimeout(3200 * MS, detector.position)]
    assert 0 <= detector.position - 8200 * MS < WINDOW
    assert detector.earliest == detector.position


def test_who_speaks_is_not_idle() -> None:
    detector = TurnDetector(ServerVad(idle_timeout_ms=5000))
    detector.playback_ended(0)
    be_silent(detector, 4900)
    assert kinds(speak(detector, 640)) == [Started]
    assert kinds(be_silent(detector, 20_000)) == [Paused, Stopped]


@pytest.mark.parametrize("config", [ServerVad(), SemanticVad()])
def test_without_an_idle_timeout_there_is_none(config: TurnConfig) -> None:
    detector = TurnDetector(config)
    detector.playback_ended(0)
    assert be_silent(detector, 60_000) == []


def test_a_commit_or_clear_in_the_middle_of_speech_ends_the_turn_without_a_word() -> None:
    for act in (TurnDetector.committed, TurnDetector.cleared):
        detector = TurnDetector(ServerVad())
        speak(detector, 640)
        act(detector, detector.position + 100)
        assert not detector.speaking
        assert be_silent(detector, 1000) == []
        (started,) = speak(detector, 320)
        assert isinstance(started, Started)


def test_who_speaks_on_after_a_commit_begins_another_turn_behind_it() -> None:
    detector = TurnDetector(ServerVad())
    speak(detector, 640)
    detector.committed(640 * MS + 100)
    assert speak(detector, 640) == [Started(640 * MS + 100, 640 * MS + 100)]


def test_a_commit_is_no_silence_and_a_clear_is() -> None:
    for act, idle in ((TurnDetector.committed, False), (TurnDetector.cleared, True)):
        detector = TurnDetector(ServerVad(idle_timeout_ms=1000))
        detector.playback_ended(0)
        be_silent(detector, 320)
        act(detector, detector.position)
        assert bool(be_silent(detector, 3200)) == idle


def test_a_turn_as_long_as_the_model_hears_is_ended_and_the_next_goes_on() -> None:
    detector = TurnDetector(ServerVad(prefix_padding_ms=0))
    events = speak(detector, MAX_SOUND_SECONDS * 1000 + 320)
    assert kinds(events) == [Started, Stopped, Started]
    first, stopped, second = events
    assert isinstance(first, Started)
    assert isinstance(stopped, Stopped)
    assert isinstance(second, Started)
    assert stopped.forced
    assert stopped.at - first.at <= MAX_SOUND_SECONDS * SAMPLE_RATE
    assert second.at == stopped.at


def test_the_config_may_change_in_the_middle_of_a_turn() -> None:
    detector = TurnDetector(ServerVad(silence_duration_ms=5000))
    speak(detector, 640)
    be_silent(detector, 640)
    detector.config = ServerVad(silence_duration_ms=300)
    assert detector.feed(0.0, QUIET) == [Stopped(940 * MS, 640 * MS)]


configs = st.one_of(
    st.builds(
        ServerVad,
        threshold=st.floats(0.05, 0.95),
        prefix_padding_ms=st.integers(0, 1000),
        silence_duration_ms=st.integers(0, 1500),
        idle_timeout_ms=st.one_of(st.none(), st.integers(500, 3000)),
    ),
    st.builds(SemanticVad, eagerness=st.sampled_from(["low", "medium", "high", "auto"])),
)
stretches = st.tuples(st.floats(0, 1), st.floats(-90, 0), st.booleans(), st.integers(1, 40))
steps = st.lists(
    st.one_of(
        stretches,
        stretches,
        st.tuples(st.sampled_from(["began", "ended", "committed", "cleared"]), st.integers(0, 3000)),
        st.tuples(st.just("judged"), st.integers(0, 100)),
        st.tuples(st.just("config"), configs),
    ),
    max_size=60,
)


@settings(max_examples=300, deadline=None)
@given(configs, st.integers(0, 5000), steps)
def test_whatever_comes_turns_are_whole_in_order_and_apart(config: TurnConfig, at: int, doings: list[tuple]) -> None:  # type: ignore[type-arg]
    detector = TurnDetector(config, at)
    last_pause, floor = 0, at
    turn: Started | None = None
    paused: int | None = None
    for doing in doings:
        if len(doing) == 2:
            name, value = doing
            if name == "judged":
                detector.judged(last_pause, value / 100)
            elif name == "config":
                detector.config = value
            elif name == "began":
                detector.playback_began()
            elif name == "ended":
                detector.playback_ended(detector.position + value)
            else:
                getattr(detector, name)(detector.position + value % WINDOW)
                turn, paused, floor = None, None, max(floor, detector.position + value % WINDOW)
            continue
        probability, level, echo, count = doing
        for _ in range(count):
            earliest = detector.earliest
            for event in detector.feed(probability, level, echo=echo):
                match event:
                    case Started():
                        assert turn is None
                        assert max(floor, earliest) <= event.at <= event.speech <= detector.position + WINDOW
                        turn, paused = event, None
                    case Paused():
                        assert turn is not None
                        assert paused is None
                        assert event.pause > last_pause
                        last_pause = paused = event.pause
                    case Resumed():
                        assert event.pause == paused
                        paused = None
                    case Stopped():
                        assert turn is not None
                        assert turn.at <= event.at <= detector.position
                        assert turn.speech <= event.speech <= event.at
                        assert earliest <= turn.at
                        floor, turn, paused = event.at, None, None
                    case IdleTimeout():
                        assert turn is None
                        assert max(floor, earliest) <= event.start <= event.end == detector.position
                        floor = event.end
            assert detector.speaking == (turn is not None)


def test_every_length_of_speech_and_silence() -> None:
    for speech_windows in range(2, 40):
        for silence_windows in range(1, 40):
            detector = TurnDetector(ServerVad())
            events: list[TurnEvent] = []
            for _ in range(3):
                events += speak(detector, speech_windows * 32) + be_silent(detector, silence_windows * 32)
            ended = silence_windows * 32 >= 500
            paused = silence_windows * 32 >= 160
            turn: list[type] = [Started, *([Paused] if paused else []), *([Stopped] if ended else [])]
            goes_on: list[type] = [Resumed, Paused] if paused else []
            assert kinds(events) == (turn * 3 if ended else turn + goes_on * 2)
            starts = [event.speech for event in events if isinstance(event, Started)]
            expected = (speech_windows + silence_windows) * WINDOW
            assert all(later - earlier == expected for earlier, later in pairwise(starts))


def test_quiet_sound_that_fills_no_window_yet_counts_as_silence() -> None:
    detector = TurnDetector(ServerVad(silence_duration_ms=500))
    be_silent(detector, 320)
    speak(detector, 640)
    end = detector.position
    be_silent(detector, 480)
    assert detector.quiet_until(end + 499 * MS, -70.0) == []
    assert detector.quiet_until(end + 500 * MS, -10.0) == []  # perhaps he goes on
    assert detector.quiet_until(end + 510 * MS, -70.0) == [Stopped(end + 500 * MS, end)]
    assert not detector.speaking
    assert detector.quiet_until(end + 520 * MS, -70.0) == []
    (started,) = speak(detector, 64)
    assert isinstance(started, Started)
    assert started.at >= end + 500 * MS


def test_a_pause_is_told_before_it_ends_a_turn() -> None:
    detector = TurnDetector(ServerVad(silence_duration_ms=100))
    speak(detector, 640)
    end = detector.position
    be_silent(detector, 64)
    assert detector.quiet_until(end + 110 * MS, -70.0) == []

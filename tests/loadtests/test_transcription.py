"""A load of recordings is judged by all of them."""

from __future__ import annotations

import pytest

from loadtests.transcription import HEADER, Heard, Recording, figures


def test_errors_and_times_are_those_of_all_recordings() -> None:
    recordings = [Recording("One two three four five six seven.", b"", 100.0), Recording("I hear a bell.", b"", 60.0)]
    heard = [Heard("One two three four five six seven.", 0.5), Heard("I see a bell.", 0.7)]
    row = dict(zip(HEADER, figures(recordings, 16.0, heard), strict=True))
    assert (row["recordings at a time"], row["seconds of speech"]) == ("2", "160")
    assert (row["RTF"], row["times as fast"]) == ("0.100", "10.0")
    assert row["first words, ms"] == "700.0"
    assert row["WER"] == "9.1%"  # one word of eleven


def test_each_recording_needs_its_transcript() -> None:
    with pytest.raises(ValueError, match="zip"):
        figures([Recording("One.", b"", 1.0)], 1.0, [Heard("One.", 0.1)] * 2)

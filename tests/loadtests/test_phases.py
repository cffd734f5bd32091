"""Phases of a load as they are written."""

from __future__ import annotations

import pytest

from loadtests.users.phases import Phase, PhasesError, at, phases


def test_each_phase_has_its_time() -> None:
    planned = phases("30x2, 1.5x10")
    assert planned == [Phase(30, 2), Phase(1.5, 10)]
    assert at(planned, 0) == at(planned, 29.9) == planned[0]
    assert at(planned, 30) == at(planned, 31.4) == planned[1]
    assert at(planned, 31.5) is None


@pytest.mark.parametrize("text", ["", "30", "30x", "x2", "30x2,", "0x2", "30x0", "30x2;10x3", "-1x2"])
def test_what_is_no_phase_is_refused(text: str) -> None:
    with pytest.raises(PhasesError, match="is no phase"):
        phases(text)

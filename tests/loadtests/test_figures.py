import pytest

from loadtests.figures import Comparison, Phase, Speedup, percentile


def phase(seconds: float, *waits: float) -> Phase:
    return Phase(seconds, waits, tokens=10 * len(waits), server_cpu=0.5, load_cpu=0.1)


def compared(kind: str, seconds: float, wait: float) -> Comparison:
    """Ours takes so many times longer than stock."""
    return Comparison(kind, 1, [phase(2.0 * seconds, 0.1 * wait)] * 3, [phase(2.0, 0.1)] * 3)


def test_percentiles() -> None:
    assert percentile([3.0, 1.0, 2.0, 4.0], 50) == 2.0
    assert percentile([3.0, 1.0, 2.0, 4.0], 95) == 4.0
    assert percentile(range(1, 101), 95) == 95
    assert percentile([7.0], 50) == 7.0


def test_rates_of_a_phase() -> None:
    measured = phase(2.0, 0.3, 0.1, 0.2, 0.4)
    assert measured.requests_per_second() == 2.0
    assert measured.tokens_per_second() == 20.0
    assert measured.cpu_per_request() == 0.125
    assert measured.p50() == 0.2


def test_a_ratio_is_of_rounds_not_of_medians() -> None:
    # The machine slows down: each round alone says that both are equally fast.
    rounds = [phase(seconds, 0.1) for seconds in (1.0, 2.0, 8.0)]
    assert Comparison("text", 1, rounds, rounds).ratio(Phase.requests_per_second) == 1.0
    assert Speedup("image", 8, [8.0, 4.0, 1.0], [4.0, 2.0, 1.0], True).ratios == [2.0, 2.0, 1.0]


@pytest.mark.parametrize(
    ("seconds", "wait", "verdict"),
    [(1.04, 1.09, "pass"), (1.07, 1.0, "FAIL (rate)"), (1.0, 1.2, "FAIL (p50)"), (1.1, 1.2, "FAIL (rate, p50)")],
)
def test_verdict(seconds: float, wait: float, verdict: str) -> None:
    assert compared("text", seconds, wait).verdict() == verdict
    assert compared("image", seconds, wait).verdict() == "-"

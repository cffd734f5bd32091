"""The report, of recorded results."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from loadtests.talking import Sent
from loadtests.users import answers, record, report, watching
from loadtests.users.answers import Answer, AnswerFile
from loadtests.users.phases import Phase
from loadtests.users.record import Record
from loadtests.users.watching import Held
from loadtests.users.watchwords import Verdict

BEGAN = 1000.0
GIVEN = (
    Answer("text", False, BEGAN + 1, 2, Verdict.RIGHT, 0.5, first_words=0.1),
    Answer("text", True, BEGAN + 2, 2, Verdict.RIGHT, 0.6, 0.1, 0.3, sound=2.0, stops=(0.05,)),
    Answer("image", True, BEGAN + 3, 2, Verdict.WRONG, 0.8, 0.2, 0.4, sound=2.0, stops=(0.3, 0.2), said="No idea."),
    Answer("realtime", True, BEGAN + 11, 4, Verdict.RIGHT, 2.0, 0.6, 0.7, sound=1.5, hushed=0.2),
    Answer("realtime", True, BEGAN + 14, 4, Verdict.FAILED, 0.0, error="no answer"),
)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    file = AnswerFile(tmp_path)
    for answer in GIVEN:
        file.add(answer)
    file.close()
    assert file.count == len(GIVEN)
    targets = {"right": 0.9, "failed": 0.0, "c100": 0.5}
    Record(BEGAN, [Phase(10, 2), Phase(5, 4)], Sent(200, 10, 0.1), targets).write(tmp_path)
    held = [Held(BEGAN + second, "server", 1, 500.0, 50, 14, 20) for second in range(15)]
    (tmp_path / watching.FILE).write_text("".join(json.dumps(asdict(one)) + "\n" for one in held))
    return tmp_path


def test_what_is_written_is_read_again(run: Path) -> None:
    assert tuple(answers.read(run)) == GIVEN
    assert record.read(run).phases == [Phase(10, 2), Phase(5, 4)]
    assert len(watching.read(run)) == 15


def test_a_phase_is_a_row_and_so_is_a_kind(run: Path) -> None:
    first, second = (
        dict(zip(report.BY_PHASE, row, strict=False)) for row in report.phase_rows(GIVEN, record.read(run))
    )
    assert (first["users"], first["answers"], first["answers/s"], first["failed"]) == ("2", "3", "0.30", "0")
    assert (first["right, %"], first["C100, %"], first["answers that stopped"]) == ("66.7", "50.0", "1")
    assert (first["stopped, s"], first["first words p50, s"]) == ("0.50", "0.10")
    assert (second["users"], second["seconds"], second["failed"], second["first sound p50, s"]) == (
        "4",
        "4",
        "1",
        "0.70",
    )
    kinds = [row[:3] for row in report.kind_rows(GIVEN)]
    assert kinds == [["text", "no", "1"], ["text", "yes", "1"], ["image", "yes", "1"], ["realtime", "yes", "2"]]


def test_the_report_is_a_page_with_a_picture(run: Path) -> None:
    tables = report.write(run, "2 cores of a machine")
    page = (run / report.FILE).read_text()
    assert (run / report.PICTURE).read_bytes().startswith(b"\x89PNG")
    assert f"![]({report.PICTURE})" in page
    for text in (
        "2 cores of a machine",
        "MISS right",
        "MISS failed",
        "ok   c100",
        "5.0 % of 200",
        "silent after 0.20 s",
    ):
        assert text in tables
        assert text in page
    assert "| server " in page
    assert page.index("no answer") < page.index("No idea.")  # what is no mistake of the model comes first


def test_a_folder_without_a_run_has_no_report(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        report.write(tmp_path, "here")

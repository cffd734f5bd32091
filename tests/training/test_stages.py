"""The stages train what the paper trains, in its order; what they see is even, so that a team of two can share it."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytest
import torch

from training.align import Course
from training.orders import unconnected
from training.tasks import World
from training.train import DEMO, PARTS
from training.vocabulary import load_tokenizer
from training.world.speech import Bank

LANGUAGE = {"model.backbone", "probes"}
SEE, HEAR = "model.vision.projector", "model.hearing.projector"
TRAINED = {
    "stage-1-connector": {SEE},
    "stage-1": {SEE, "model.vision.tower", *LANGUAGE},
    "stage-2": {SEE, *LANGUAGE},
    "stage-3-connector": {HEAR},
    "stage-3": {SEE, HEAR, *LANGUAGE},
}


@pytest.fixture(scope="module")
def course() -> Course:
    module, _ = unconnected(DEMO)
    return Course(module.model, load_tokenizer(DEMO), cast(Bank, None))  # nothing that is heard is drawn here


def test_each_stage_trains_its_modules_and_freezes_the_rest(course: Course) -> None:
    names = {id(parameter): name for name, parameter in course.module.named_parameters()}
    found = {
        job.name: {names[id(parameter)] for part in job.trained for parameter in part.parameters()}
        for job in course.stages()
    }
    assert list(found) == list(TRAINED)
    for stage, modules in TRAINED.items():
        assert found[stage] == {name for name in names.values() if name.startswith(tuple(modules))}, stage
    assert not any("whisper" in name or "beats" in name for trained in found.values() for name in trained)


def test_a_team_of_two_sees_as_many_examples_as_one_process() -> None:
    module, _ = unconnected(DEMO)
    for shares in (1, 2):
        course = Course(module.model, load_tokenizer(DEMO), cast(Bank, None), shares=shares)
        jobs = [course.sketches(), *course.stages()]
        seen = {job.name: dict(job.batch.func.__self__.counts) for job in jobs}  # type: ignore[attr-defined]
        if shares == 1:
            whole = seen
    assert {name: {task: 2 * count for task, count in counts.items()} for name, counts in seen.items()} == whole


def test_the_first_connector_learns_from_all_that_it_is_shown(course: Course) -> None:
    first = course.stages()[0]
    torch.manual_seed(0)
    losses = first.loss(first.batch(np.random.default_rng(0)))
    for parameter in course.module.parameters():
        parameter.requires_grad_(False)
    for parameter in first.trained[0].parameters():
        parameter.requires_grad_(True)
    losses = first.loss(first.batch(np.random.default_rng(0)))
    assert {name for name, loss in losses.items() if loss.requires_grad} == set(losses)


def test_every_task_of_the_course_is_one_of_the_world(course: Course) -> None:
    for job in (course.language(), course.sketches(), *course.stages()):
        for task in job.batch.func.__self__.counts:  # type: ignore[attr-defined]
            assert callable(getattr(World, task.removeprefix("sketched "))), job.name


def test_what_stands_alone_is_trained_by_a_team() -> None:
    assert PARTS[-2:] == (("sketches",), ("stages",))

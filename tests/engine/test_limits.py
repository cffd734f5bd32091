"""Which attachments a model takes: what it has senses for, and what `--limit-mm-per-prompt` leaves of that."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from vllm.exceptions import VLLMValidationError

from engine.api import Attachment, Image, Sound, Video
from engine.client import senses
from tests import golden_set
from tests.engine.rendering import Rendering
from tests.engine.small_checkpoint import Recipe, write

# vLLM reads its own deprecated field.
pytestmark = pytest.mark.filterwarnings("ignore:max_tokens is deprecated")

image = Image(np.zeros((8, 8, 3), dtype=np.uint8), "an image")
video = Video(np.zeros((64, 64, 64, 3), dtype=np.uint8), "a video")
sound = Sound(np.zeros(8, dtype=np.float32), "a recording")


def offered(rendering: Rendering) -> frozenset[str]:
    """What our engine says that it takes."""
    client: Any = SimpleNamespace(renderer=rendering.renderer)
    return senses(client)


def limited(**limits: int) -> Rendering:
    return Rendering(golden_set.CHECKPOINT, limit_mm_per_prompt=limits)


def content(*parts: Attachment) -> list[dict[str, Any]]:
    return [{"role": "user", "content": [*parts]}]


def rows(inputs: Mapping[str, Any], modality: str) -> list[int]:
    return [place.length for place in inputs["mm_placeholders"][modality]]


def test_without_limits_it_takes_any_number() -> None:
    rendering = Rendering(golden_set.CHECKPOINT)
    assert offered(rendering) == {"image", "video", "audio"}
    inputs = rendering.expand(content(image, sound, image, video, sound, image))
    assert rows(inputs, "image") == [3 + 156 + 2] * 3
    assert rows(inputs, "audio") == [153] * 2
    assert rows(inputs, "video") == [2 + 64 * (8 * 9 + 1)]


def test_a_limit_counts() -> None:
    rendering = limited(image=1)
    assert offered(rendering) == {"image", "video", "audio"}
    rendering.expand(content(image, sound, sound))
    with pytest.raises(VLLMValidationError, match="At most 1 image"):
        rendering.expand(content(image, image))


def test_a_limit_of_zero_switches_a_sense_off() -> None:
    rendering = limited(audio=0)
    assert offered(rendering) == {"image", "video"}
    with pytest.raises(VLLMValidationError, match="At most 0 audio"):
        rendering.expand(content(video, sound))


def test_with_every_sense_off_text_is_left() -> None:
    rendering = limited(image=0, video=0, audio=0)
    assert offered(rendering) == set()
    assert rendering.expand([{"role": "user", "content": "Hi"}])["prompt_token_ids"]
    with pytest.raises(VLLMValidationError, match="At most 0 image"):
        rendering.expand(content(image))


def test_a_model_that_cannot_hear_says_what_to_do(tmp_path: Path) -> None:
    write(tmp_path, Recipe(hears=False))
    rendering = Rendering(tmp_path)
    assert offered(rendering) == {"image", "video"}
    rendering.expand(content(video))
    with pytest.raises(VLLMValidationError, match=r'does not hear.*set "audio": false'):
        rendering.expand(content(video, sound))

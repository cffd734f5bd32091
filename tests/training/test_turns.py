"""Spoken turns of a session reach the demo model in the very forms that it was trained on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from transformers.utils.chat_template_utils import _compile_jinja_template

from engine.api import Image, Video
from engine.attachments import with_parts
from server.realtime.items import Heard, Message, Part, Seen, Watched, Words
from server.realtime.messages import messages
from training import rows
from training.rows import SYSTEM, TEMPLATE, Example, conversation
from training.world.words import ANSWER_SPEECH, Turn

_NAMES = {"image_url": "image", "video_url": "video", "audio_url": "audio", "text": "text"}
"""vLLM's parts as the chat template calls them."""

PIXELS = np.zeros((4, 4, 3), np.uint8)
FRAMES = np.zeros((64, 4, 4, 3), np.uint8)
SAMPLES = np.zeros(100, np.int16)
SOUND, PICTURE = Heard(SAMPLES), Seen("data:", Image(PIXELS, "picture"))
VIDEO = Watched(Video(FRAMES, "frames"), 3)

HEARD, SEEN, WATCHED = rows.Heard(SAMPLES.astype(np.float32)), rows.Seen(PIXELS), rows.Watched(FRAMES, 2.0)


def served(*content: tuple[Part, ...]) -> str:
    """The prompt of user messages with this content, and an answer of one word."""
    items = [Message(str(place), "user", parts) for place, parts in enumerate(content)]
    answer = Message("answer", "assistant", (Words("Yes."),))
    told, _ = with_parts(messages(SYSTEM, [*items, answer]))
    for message in told:
        if isinstance(message["content"], list):
            message["content"] = [_named(part) for part in message["content"]]
    prompt: str = _compile_jinja_template(TEMPLATE).render(messages=told)
    return prompt


def _named(part: dict[str, Any]) -> dict[str, Any]:
    return part | {"type": _NAMES[part["type"]]}


def trained(question: str, *attachments: rows.Attachment, text_first: bool = False) -> str:
    return conversation(Example((Turn(question, "Yes."),), attachments, text_first=text_first))


@pytest.mark.parametrize(
    ("content", "form"),
    [
        (((SOUND,),), trained(ANSWER_SPEECH, HEARD)),
        (((PICTURE, SOUND),), trained("", SEEN, HEARD)),
        (((SOUND, PICTURE),), trained("", SEEN, HEARD)),
        (((PICTURE,), (SOUND,)), trained("", SEEN, HEARD)),
        (((PICTURE, Words("What?")),), trained("What?", SEEN)),
        (((Words("What?"), PICTURE),), trained("What?", SEEN, text_first=True)),
        (((SOUND, Words("What?")),), trained("What?", HEARD)),
        (((VIDEO, SOUND, Words("What?")),), trained("What?", WATCHED, HEARD)),
        (((VIDEO,), (SOUND,)), trained(ANSWER_SPEECH, WATCHED, HEARD)),
        (((Words("What?"),),), trained("What?")),
    ],
)
def test_a_turn_has_the_form_that_was_trained(content: tuple[tuple[Part, ...], ...], form: str) -> None:
    assert served(*content) == form

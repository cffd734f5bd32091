"""The questions that a load asks. Attachments are made from a number, and no two numbers make the same, so that no
cache of a server answers for it."""

from __future__ import annotations

import base64
import io
import wave
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image

SIZE = (320, 224)
"""Width and height of the pictures."""

SAMPLE_RATE = 16_000
SECONDS = 4


def pixels(number: int) -> npt.NDArray[np.uint8]:
    """A picture: noise on colour fields, uint8 RGB `[height, width, 3]`."""
    noise = np.random.default_rng(number)
    width, height = SIZE
    fields = noise.integers(0, 256, (height // 32, width // 32, 3)).repeat(32, 0).repeat(32, 1)
    return (fields // 2 + noise.integers(0, 128, fields.shape)).astype(np.uint8)


def samples(number: int) -> npt.NDArray[np.int16]:
    """A recording: a rising tone in noise, mono at `SAMPLE_RATE`, `[samples]`."""
    noise = np.random.default_rng(number)
    seconds = np.arange(SECONDS * SAMPLE_RATE) / SAMPLE_RATE
    tone = np.sin(2 * np.pi * seconds * (noise.uniform(200, 800) + 50 * seconds))
    return (8000 * tone + noise.normal(0, 500, len(seconds))).astype(np.int16)


def text_question(number: int) -> str:
    return f"Question {number}: what would you see, hear and smell on a walk through a market in the morning?"


def image_question(number: int) -> list[dict[str, Any]]:
    png = io.BytesIO()
    PIL.Image.fromarray(pixels(number)).save(png, "PNG")
    uri = "data:image/png;base64," + base64.b64encode(png.getvalue()).decode()
    return [{"type": "image_url", "image_url": {"url": uri}}, {"type": "text", "text": "What do you see?"}]


def sound_question(number: int) -> list[dict[str, Any]]:
    wav = io.BytesIO()
    with wave.open(wav, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(samples(number).tobytes())
    sound = {"data": base64.b64encode(wav.getvalue()).decode(), "format": "wav"}
    return [{"type": "input_audio", "input_audio": sound}, {"type": "text", "text": "What do you hear?"}]


KINDS: dict[str, Callable[[int], str | list[dict[str, Any]]]] = {
    "text": text_question,
    "image": image_question,
    "sound": sound_question,
}


def chat(kind: str, number: int, tokens: int) -> dict[str, Any]:
    """The body of a request whose answer has exactly `tokens` tokens, the most likely ones."""
    return {
        "messages": [{"role": "user", "content": KINDS[kind](number)}],
        "max_tokens": tokens,
        "ignore_eos": True,
        "temperature": 0,
        "repetition_penalty": 1.0,
    }

"""How many tokens items of a conversation take: an estimate, for what has to be forgotten in time. No tokenizer."""

from __future__ import annotations

from math import ceil

from engine.api import CHUNK_SECONDS, SAMPLE_RATE, VIDEO_FRAMES
from server.realtime.items import (
    FunctionCall,
    FunctionCallOutput,
    Heard,
    Item,
    Message,
    Part,
    Seen,
    Spoken,
    Watched,
    Words,
)

_LETTERS_PER_TOKEN = 3
"""Of English it is four; too many tokens counted are better than too few."""
_FRAME_OF_MESSAGE = 6
"""Tokens around a message in the chat template."""
_ROWS_PER_CHUNK = 302
"""A chunk of sound, however short: 1500 frames in groups of five, a newline and half of the frame around the sound."""
_PIXELS_PER_ROW = 32 * 32
"""Of a picture: cells of 16 pixels, pooled by two each way."""
_MOST_ROWS = 4096
_ROWS_PER_FRAME = 64
_ANSWER = 0.25
"""Of the model's room, what is left to an answer without a bound of its own."""


def tokens_of(item: Item) -> int:
    """What an item takes in the prompt."""
    match item:
        case Message():
            return _FRAME_OF_MESSAGE + sum(map(_rows, item.content))
        case FunctionCall():
            return _FRAME_OF_MESSAGE + _letters(item.name) + _letters(item.arguments)
        case FunctionCallOutput():
            return _FRAME_OF_MESSAGE + _letters(item.output)


def room_for(items_and_answer: int, instructions: str, answer: int | None) -> int:
    """Tokens for items, of a model that takes `items_and_answer` in all."""
    reserved = round(items_and_answer * _ANSWER) if answer is None else answer
    return max(0, items_and_answer - reserved - _FRAME_OF_MESSAGE - _letters(instructions))


def _rows(part: Part) -> int:
    match part:
        case Words():
            return _letters(part.text)
        case Spoken():
            return _letters(part.transcript)
        case Heard():
            return _ROWS_PER_CHUNK * ceil(len(part.samples) / (CHUNK_SECONDS * SAMPLE_RATE))
        case Watched():
            return _ROWS_PER_FRAME * VIDEO_FRAMES
        case Seen():
            if part.image is None:
                return _MOST_ROWS
            return min(_MOST_ROWS, ceil(part.image.pixels.size / (3 * _PIXELS_PER_ROW)))


def _letters(text: str) -> int:
    return ceil(len(text) / _LETTERS_PER_TOKEN)

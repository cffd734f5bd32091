"""What vLLM's renderer makes of chat requests: the reference's prompts, and user text that stays text."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer
from transformers import AutoTokenizer
from vllm.exceptions import VLLMValidationError

from engine.api import Image, Sound, Video
from engine.preprocess import image_rows
from engine.processor import PLACEHOLDERS
from tests import golden_set
from tests.engine.rendering import Messages, Rendered, Rendering

# vLLM reads its own deprecated field.
pytestmark = pytest.mark.filterwarnings("ignore:max_tokens is deprecated")


class Control(str):
    """A piece of a prompt that is one control token; every other piece is text."""


START, END = Control("<|im_start|>"), Control("<|im_end|>")
IMAGE, VIDEO, SOUND = (Control(PLACEHOLDERS[kind]) for kind in ("image", "video", "audio"))
SYSTEM = ["system\nYou are a helpful assistant."]
SPOKEN = "User's question in speech: "

ADDED = json.loads((golden_set.CHECKPOINT / "added_tokens.json").read_text(encoding="utf-8"))
NONCHARACTERS = "\ufdd0\ufdd1"

image = Image(np.zeros((8, 8, 3), dtype=np.uint8), "an image")
other_image = Image(np.ones((8, 8, 3), dtype=np.uint8), "another image")
large = Image(np.zeros((1536, 1536, 3), dtype=np.uint8), "a large image")
video = Video(np.zeros((64, 64, 64, 3), dtype=np.uint8), "a video")
own_sound = Sound(np.zeros(8, dtype=np.float32), "its sound")
recording = Sound(np.ones(8, dtype=np.float32), "a recording")


@pytest.fixture(scope="module")
def render() -> Rendering:
    return Rendering(golden_set.CHECKPOINT)


@pytest.fixture(scope="module")
def words() -> Tokenizer:
    """The checkpoint's tokenizer before any token was added to it: it cannot make a control token of anything."""
    state = json.loads(AutoTokenizer.from_pretrained(golden_set.CHECKPOINT).backend_tokenizer.to_str())
    return Tokenizer.from_str(json.dumps(state | {"added_tokens": []}))


def prompt(*turns: list[str], answer: bool = True) -> list[str]:
    """The pieces of a conversation, up to where the model answers if it shall."""
    pieces = [piece for turn in turns for piece in (START, *turn, END, "\n")]
    return [*pieces, START, "assistant\n"] if answer else pieces


def user(*pieces: str) -> list[str]:
    return ["user\n", *pieces]


def ids_of(pieces: list[str], words: Tokenizer) -> Iterator[int]:
    for control, group in groupby(pieces, lambda piece: isinstance(piece, Control)):
        if control:
            yield from (ADDED[piece] for piece in group)
        else:
            yield from words.encode("".join(group), add_special_tokens=False).ids


def check(rendered: Rendered, pieces: list[str], words: Tokenizer) -> None:
    assert rendered.ids == list(ids_of(pieces, words))


def asked(*content: Any) -> Messages:
    return [{"role": "user", "content": list(content)}]


def text(words: str) -> dict[str, str]:
    return {"type": "text", "text": words}


def content_of(case: dict[str, Any]) -> list[Any]:
    """A golden case as a user's content list."""
    parts: list[Any] = [image] if case["image"] else []
    if case["video"]:
        parts += [video] if case["kind"].endswith("noaudio") or case["audio"] else [video, own_sound]
    parts += [recording] if case["audio"] else []
    # Of an image with a spoken question the reference drops the text.
    spoken = case["kind"] == "image+audio"
    return parts if spoken or case["text"] is None else [*parts, text(case["text"])]


def reference_ids(case: dict[str, Any]) -> list[int]:
    """The case's prompt, each run of feature rows as the one token that we put there."""
    rows = {"image": ADDED[VIDEO] if case["video"] else ADDED[IMAGE], "speech": ADDED[SOUND]}
    pieces = (segment.get("ids") or [rows[segment["type"]]] for segment in case["segments"])
    return [token for piece in pieces for token in piece]


def reference_text(case: dict[str, Any]) -> str:
    text: str = case["prompt"]
    if case["video"]:
        return text.replace("<speech><image>", VIDEO + SOUND).replace("<image>", VIDEO)
    return text.replace("<image>", IMAGE).replace("<speech>", SOUND)


@pytest.mark.parametrize("case", golden_set.cases(), ids=lambda case: case["name"])
def test_a_golden_case_has_the_reference_s_prompt(render: Rendering, case: dict[str, Any]) -> None:
    rendered = render(asked(*content_of(case)))
    assert rendered.text.replace("\ufdd0", "") == reference_text(case)
    if not case["config_overrides"]:  # those are cut
        assert rendered.ids == reference_ids(case)


@pytest.mark.parametrize("case", golden_set.cases("text"), ids=lambda case: case["name"])
def test_content_may_be_a_string(render: Rendering, case: dict[str, Any]) -> None:
    assert render([{"role": "user", "content": case["text"]}]).ids == case["input_ids"]


@pytest.mark.parametrize("sample", golden_set.index()["tokenizer_samples"], ids=lambda sample: repr(sample["text"]))
def test_the_tokenizer_is_the_reference_s(render: Rendering, sample: dict[str, Any]) -> None:
    assert render.tokenizer.encode(sample["text"], add_special_tokens=False) == sample["ids"]


@pytest.mark.parametrize(
    "name", [*ADDED, "<image>", "<speech>", "\ufdd0", "<\ufdd0|im_end|>", "<\ufdd0\ufdd1|im_end|>"]
)
@pytest.mark.parametrize("role", ["system", "user", "assistant", "tool"])
def test_text_is_never_a_control_token(render: Rendering, words: Tokenizer, role: str, name: str) -> None:
    said = f"a{name} b {name}"
    turns = {
        "system": [[f"system\n{said}"], user("x")],
        "user": [SYSTEM, user(said)],
        "assistant": [SYSTEM, [f"assistant\n{said}"], user("x")],
        "tool": [SYSTEM, user(f"<tool_response>\n{said}\n</tool_response>"), user("x")],
    }
    messages = [{"role": role, "content": said, "tool_call_id": "1"}]
    check(
        render([*messages, {"role": "user", "content": "x"}][: 1 if role == "user" else 2]), prompt(*turns[role]), words
    )


def test_no_text_at_all_is_changed_on_its_way(render: Rendering, words: Tokenizer) -> None:
    fragments = ["<", "|", "im_end", "|>", "<|im_end|>", "<tool_call>", *NONCHARACTERS, "é", "e\u0301", " ", "\n", "你"]
    dice = random.Random(0)
    for _ in range(500):
        said = "".join(dice.choices(fragments, k=dice.randint(1, 9)))
        check(render([{"role": "user", "content": said}]), prompt(SYSTEM, user(said)), words)


def test_a_control_token_in_two_parts_is_text(render: Rendering, words: Tokenizer) -> None:
    check(render(asked(text("<"), text("|im_end|>"))), prompt(SYSTEM, user("<|im_end|>")), words)


def test_turns_follow_each_other(render: Rendering, words: Tokenizer) -> None:
    messages = [
        {"role": "system", "content": "Be brief."},
        *asked(image, text("What is <this>?")),
        {"role": "assistant", "content": "A <square>."},
        *asked(recording),
        {"role": "assistant", "content": [text("Hm"), text(".")]},
        {"role": "user", "content": "And now?"},
    ]
    turns = [
        ["system\nBe brief."],
        user(IMAGE, "\n", "What is <this>?"),
        ["assistant\nA <square>."],
        user(SOUND, "\n"),
        ["assistant\nHm."],
        user("And now?"),
    ]
    check(render(messages), prompt(*turns), words)


PLACES: dict[str, tuple[list[Any], list[str]]] = {
    "several of a kind": ([image, other_image, text("Which?")], [IMAGE, "\n", IMAGE, "\n", "Which?"]),
    "between the words": (
        [text("This "), image, text("or this "), other_image, recording],
        ["This ", IMAGE, "\n", "or this ", IMAGE, "\n", SOUND, "\n"],
    ),
    "a video with its sound": ([video, own_sound], [VIDEO, SOUND, "\n"]),
    "a video with its sound and a question": ([video, own_sound, recording], [VIDEO, SOUND, "\n", SOUND, "\n"]),
    "a question and a video with its sound": ([recording, video, own_sound], [SOUND, "\n", VIDEO, SOUND, "\n"]),
    "two videos": ([video, own_sound, video, text("?")], [VIDEO, SOUND, "\n", VIDEO, "\n", "?"]),
    "a silent video": ([video, text("?")], [VIDEO, "\n", "?"]),
    "a silent video, then a recording": ([video, recording, text("?")], [VIDEO, SOUND, "\n", "?"]),
    "a recording, then a silent video": ([recording, video, text("?")], [VIDEO, SOUND, "\n", "?"]),
    "a silent video, words, a recording": ([video, text("?"), recording], [VIDEO, "\n", "?", SOUND, "\n"]),
    "an image with a spoken question": ([image, recording], [IMAGE, "\n", SPOKEN, SOUND, "\n"]),
    "a spoken question with an image": ([recording, image], [IMAGE, "\n", SPOKEN, SOUND, "\n"]),
    "an image, a recording and empty text": ([image, recording, text("")], [IMAGE, "\n", SPOKEN, SOUND, "\n"]),
    "an image, a recording and words": ([image, recording, text("?")], [IMAGE, "\n", SOUND, "\n", "?"]),
    "words, a recording and an image": ([text("?"), recording, image], ["?", SOUND, "\n", IMAGE, "\n"]),
    "two images and a recording": ([image, other_image, recording], [IMAGE, "\n", IMAGE, "\n", SOUND, "\n"]),
    "the same twice": ([image, image], [IMAGE, "\n", IMAGE, "\n"]),
    "nothing": ([], []),
    "empty text": ([text(""), image, text("")], [IMAGE, "\n"]),
    "placeholder words": ([image, text("<image>\n<speech>")], [IMAGE, "\n", "<image>\n<speech>"]),
}


@pytest.mark.parametrize("place", PLACES)
def test_attachments_stand_where_they_were_written(render: Rendering, words: Tokenizer, place: str) -> None:
    content, pieces = PLACES[place]
    check(render(asked(*content)), prompt(SYSTEM, user(*pieces)), words)


@pytest.mark.parametrize("content", ["", [], [text("")], "Speak French.", [text("Speak "), text("French.")]])
def test_a_system_prompt_replaces_the_default_one(render: Rendering, words: Tokenizer, content: Any) -> None:
    said = content if isinstance(content, str) else "".join(part["text"] for part in content)
    for role in ("system", "developer"):
        messages = [{"role": role, "content": content}, {"role": "user", "content": "Hi"}]
        check(render(messages), prompt([f"system\n{said}"], user("Hi")), words)


def test_a_later_system_message_stays_where_it_is(render: Rendering, words: Tokenizer) -> None:
    messages = [{"role": "user", "content": "Hi"}, {"role": "system", "content": "Be brief."}]
    check(render(messages), prompt(SYSTEM, user("Hi"), ["system\nBe brief."]), words)


def test_an_unknown_role_is_refused(render: Rendering) -> None:
    with pytest.raises(VLLMValidationError, match="Unknown role: oracle"):
        render([{"role": "oracle", "content": "Hi"}])


TOOL = {
    "type": "function",
    "function": {
        "name": "look_up",
        "description": "Wörter <|im_end|>",
        "parameters": {"type": "object", "properties": {"<|im_start|>": {"type": "string"}}},
    },
}
TOOLS = (
    "\n\n# Tools\n\nYou may call one or more functions to assist with the user query.\n\n"
    "You are provided with function signatures within <tools></tools> XML tags:\n<tools>\n"
    + json.dumps(TOOL, ensure_ascii=False)
    + "\n</tools>\n\nFor each function call, return a json object with function name and arguments within ",
    Control("<tool_call>"),
    Control("</tool_call>"),
    " XML tags:\n",
    Control("<tool_call>"),
    '\n{"name": <function-name>, "arguments": <args-json-object>}\n',
    Control("</tool_call>"),
)
ARGUMENTS = {"word": "</tool_call>é"}


def called(name: str) -> dict[str, Any]:
    function = {"name": name, "arguments": json.dumps(ARGUMENTS)}
    return {"id": name, "type": "function", "function": function}


def call(name: str) -> list[str]:
    """One call in Qwen2.5's form."""
    content = f'\n{{"name": "{name}", "arguments": {json.dumps(ARGUMENTS, ensure_ascii=False)}}}\n'
    return [Control("<tool_call>"), content, Control("</tool_call>")]


def test_tools_are_told_as_to_qwen(render: Rendering, words: Tokenizer) -> None:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
    check(render(messages, tools=[TOOL]), prompt(["system\nBe brief.", *TOOLS], user("Hi")), words)
    check(render(messages[1:], tools=[TOOL]), prompt([*SYSTEM, *TOOLS], user("Hi")), words)


@pytest.mark.parametrize("said", [None, "", [text("")], "Let me see.", [text("Let me see.")]])
def test_calls_and_results_are_told_as_to_qwen(render: Rendering, words: Tokenizer, said: Any) -> None:
    messages = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": said, "tool_calls": [called("first"), called("second")]},
        {"role": "tool", "tool_call_id": "first", "content": "one"},
        {"role": "tool", "tool_call_id": "second", "content": [text("<two>")]},
        {"role": "user", "content": "Thanks"},
    ]
    before = ["Let me see.\n"] if said and said != [text("")] else []
    turns = [
        user("Hi"),
        ["assistant\n", *before, *call("first"), "\n", *call("second")],
        ["user\n<tool_response>\none\n</tool_response>\n<tool_response>\n<two>\n</tool_response>"],
        user("Thanks"),
    ]
    check(render(messages, tools=[TOOL]), prompt([*SYSTEM, *TOOLS], *turns), words)


@pytest.mark.parametrize("said", ["The answer", "a < b and ", "<|im_end|> <answer>", " "])
def test_the_model_continues_what_it_said(render: Rendering, words: Tokenizer, said: str) -> None:
    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": said}]
    rendered = render(messages, continue_final_message=True, add_generation_prompt=False)
    turns = prompt(SYSTEM, user("Hi"), [f"assistant\n{said}"], answer=False)
    check(rendered, turns[: turns.index(END, -2)], words)


def test_without_a_generation_prompt_nothing_follows(render: Rendering, words: Tokenizer) -> None:
    rendered = render([{"role": "user", "content": "Hi"}], add_generation_prompt=False)
    check(rendered, prompt(SYSTEM, user("Hi"), answer=False), words)


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Rendering:
    """A checkpoint beside which lie chat templates of its own."""
    folder = tmp_path_factory.mktemp("checkpoint")
    for file in golden_set.CHECKPOINT.iterdir():
        (folder / file.name).symlink_to(file)
    settings = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    (folder / "tokenizer_config.json").unlink()
    (folder / "tokenizer_config.json").write_text(json.dumps(settings | {"chat_template": "config"}), encoding="utf-8")
    (folder / "chat_template.jinja").write_text("jinja", encoding="utf-8")
    (folder / "chat_template.json").write_text(json.dumps({"chat_template": "json"}), encoding="utf-8")
    return Rendering(folder)


@pytest.mark.parametrize("tools", [None, [TOOL]])
def test_a_template_beside_the_checkpoint_does_not_win(
    render: Rendering, beside: Rendering, tools: list[dict[str, Any]] | None
) -> None:
    messages = asked(image, text("What is this?"))
    assert beside(messages, tools=tools) == render(messages, tools=tools)


def test_the_template_that_a_user_gives_wins(render: Rendering) -> None:
    rendered = render([{"role": "user", "content": "Hi"}], template="{{ messages[0].content }} there")
    assert rendered.text == "Hi there"


def test_a_prompt_that_is_too_long_is_refused_with_its_counts(render: Rendering) -> None:
    limit = render.config.hf_config.tokenizer_model_max_length
    pictures = [replace(large, digest=f"picture {number}") for number in range(8)]
    with pytest.raises(VLLMValidationError) as refusal:
        render.expand(asked(*pictures, text("Which?")))
    assert f"at most {limit} prompt tokens" in str(refusal.value)
    rows = 8 * image_rows((1536, 1536))
    assert f"{rows} for 8 image attachments" in str(refusal.value)

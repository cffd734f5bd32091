"""The models through OpenAI's Python SDK."""

from __future__ import annotations

import openai
import pytest
from openai import OpenAI

from tests.conformance.asked import MODEL

pytestmark = pytest.mark.engine


def test_the_models_say_what_they_take_and_give(sdk: OpenAI) -> None:
    (model,) = sdk.models.list().data
    assert sdk.models.retrieve(MODEL) == model
    said = model.model_dump()
    assert said["id"] == MODEL
    assert said["input_modalities"] == ["text", "image", "video", "audio"]
    assert said["output_modalities"] == ["text", "audio"]
    assert {"/v1/chat/completions", "/v1/responses"} <= set(said["endpoints"])
    assert "models/" not in model.to_json()


def test_no_other_is_known(sdk: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="nobody"):
        sdk.models.retrieve("nobody")

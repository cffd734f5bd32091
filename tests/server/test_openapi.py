"""/openapi.json is true: schemathesis asks every route what its description allows, and no answer is undocumented."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from threading import Thread
from typing import Any

import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import SearchStrategy
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from server.app import create_app
from server.settings import Settings
from server.store import MemoryStore
from tests.scripted_engine import ScriptedEngine
from tests.server.served import quick_voice
from tts.speaker import Speaker

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXAMPLES = 20
"""Requests for each operation and mode, drawn with a fixed seed."""


@pytest.fixture(scope="module")
def api() -> Iterator[Any]:
    """The description of a server in a thread of its own: schemathesis is not asynchronous."""
    speaker = Speaker([quick_voice()], {"alloy": "default"})
    app = create_app(Settings(), ScriptedEngine(), speaker, MemoryStore(60, 10))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1))
        thread = Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        yield schemathesis.openapi.from_url(f"http://127.0.0.1:{listener.getsockname()[1]}/openapi.json")
        server.should_exit = True
        thread.join()


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["as described", "otherwise"])
def test_every_answer_is_documented(api: Any, mode: GenerationMode) -> None:
    operations = [result.ok() for result in api.get_all_operations()]
    assert {operation.path for operation in operations} >= {"/v1/chat/completions", "/v1/responses", "/v1/models"}
    for operation in operations:
        if mode is GenerationMode.POSITIVE or operation.body:  # any text is a name
            _ask(operation.as_strategy(generation_mode=mode))


def _ask(cases: SearchStrategy[Any]) -> None:
    @settings(max_examples=EXAMPLES, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=cases)
    def ask(case: Any) -> None:
        case.call_and_validate(checks=CHECKS, timeout=30)

    ask()

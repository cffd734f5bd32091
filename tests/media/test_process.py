import logging
import os
import tempfile
from pathlib import Path
from typing import IO

import anyio
import pytest
from anyio import to_thread

from server.media import MediaError, MediaLimits, decode_messages
from server.media.process import ChildError, output_of
from tests.media.samples import INPUTS, decoded, refusal, video_part

pytestmark = pytest.mark.anyio

CLIP = (INPUTS / "silent_400x300_30f.mp4").read_bytes()


def everything(output: IO[bytes]) -> bytes:
    return output.read()


def files_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


async def test_output_is_read() -> None:
    assert await output_of(["echo", "hello"], everything, 10) == b"hello\n"


async def test_much_on_both_outputs_does_not_block() -> None:
    script = "head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2; echo end"
    assert (await output_of(["sh", "-c", script], everything, 10))[-4:] == b"end\n"


async def test_failure_is_raised_and_its_reason_logged(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ChildError):
        await output_of(["sh", "-c", "echo because >&2; exit 3"], everything, 10)
    assert "status 3: because" in caplog.text


async def test_what_a_successful_child_says_is_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        await output_of(["sh", "-c", "echo well >&2"], everything, 10)
    assert not caplog.text


async def test_time_limit_kills() -> None:
    found: list[int] = []

    def read(output: IO[bytes]) -> bytes:
        found.append(int(output.readline()))
        return output.read()

    with pytest.raises(MediaError, match=r"longer than 1 s"):
        await output_of(["sh", "-c", "echo $$; exec sleep 60"], read, 1)
    assert not lives(found[0])


async def test_cancelling_kills() -> None:
    found: list[int] = []

    async with anyio.create_task_group() as group:

        def read(output: IO[bytes]) -> bytes:
            found.append(int(output.readline()))
            anyio.from_thread.run_sync(group.cancel_scope.cancel)
            return output.read()

        await output_of(["sh", "-c", "echo $$; exec sleep 60"], read, 60)
    assert not lives(found[0])


async def test_an_error_while_reading_kills() -> None:
    found: list[int] = []

    def read(output: IO[bytes]) -> bytes:
        found.append(int(output.readline()))
        raise MediaError("enough.")

    with pytest.raises(MediaError, match="enough"):
        await output_of(["sh", "-c", "echo $$; exec sleep 60"], read, 60)
    assert not lives(found[0])


@pytest.mark.parametrize("name", ["ffprobe", "ffmpeg"])
async def test_cancelling_a_request_leaves_no_ffmpeg_and_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """With an ffmpeg that tells its number and then hangs."""
    files, started = tmp_path / "files", tmp_path / "started"
    files.mkdir()
    os.mkfifo(started)
    hanging = tmp_path / name
    hanging.write_text(f"#!/bin/sh\necho $$ > {started}\nexec sleep 60\n", encoding="ascii")
    hanging.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(tempfile, "tempdir", str(files))
    async with anyio.create_task_group() as group:
        messages = [{"role": "user", "content": [video_part(CLIP)]}]
        group.start_soon(decode_messages, messages, MediaLimits())
        process = int(await to_thread.run_sync(started.read_text))
        assert lives(process)
        assert files_in(files)
        group.cancel_scope.cancel()
    assert not lives(process)
    assert not files_in(files)


async def test_no_file_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    await decoded(video_part(CLIP))
    await refusal(video_part(CLIP[:1000]))
    assert not files_in(tmp_path)


async def test_a_decoders_words_reach_the_log_but_not_the_user(caplog: pytest.LogCaptureFixture) -> None:
    error = await refusal(video_part(CLIP[:1000]))
    assert "moov" in caplog.text
    assert "moov" not in str(error)

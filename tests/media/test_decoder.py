"""Decoder processes: shut in, limited, killed in time, replaced, and trusted with nothing."""

from __future__ import annotations

import os
import signal
import struct
import tempfile
import zlib
from pathlib import Path
from typing import Any

import anyio
import pytest

from server.media import sandbox
from server.media.decoder import Decoder, _mapped
from server.media.decoders import Decoders
from server.media.errors import MediaError
from server.media.job import Job
from server.media.limits import MediaLimits
from tests.media.samples import DECODERS, INPUTS, decoded, image_part, refusal, video_part

pytestmark = pytest.mark.anyio

PICTURE = INPUTS / "rgba_123x77.png"
CLIP = (INPUTS / "silent_400x300_30f.mp4").read_bytes()
JOB = Job("image", max_pixels=10**8, max_seconds=60, cpu_seconds=60)


def lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def status(decoder: Decoder, field: str) -> str:
    lines = Path(f"/proc/{decoder.pid}/status").read_text().splitlines()
    return next(line.split(":")[1].strip() for line in lines if line.startswith(field))


async def one_picture(decoder: Decoder) -> tuple[int, ...]:
    with PICTURE.open("rb") as file:
        [pixels] = await decoder.decode(file.fileno(), JOB, 30, lambda _: None)
    return pixels.shape


def png(width: int, height: int, rows: bytes) -> bytes:
    """A picture with alpha that may claim to be larger than it is."""
    chunks = ((b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)), (b"IDAT", rows), (b"IEND", b""))
    checked = (name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(struct.pack(">I", len(chunk) - 8) + chunk for chunk in checked)


@pytest.fixture
async def decoder() -> Any:
    decoder = Decoder()
    yield decoder
    await decoder.close()


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of temporary files."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


async def test_a_decoder_is_shut_in(decoder: Decoder) -> None:
    """One process for all of this: starting one costs more than looking at it."""
    assert await one_picture(decoder) == (77, 123, 3)
    inside = Path(f"/proc/{decoder.pid}")
    limits = {line[:26].strip(): line[26:].split()[0] for line in (inside / "limits").read_text().splitlines()[1:]}
    assert int(limits["Max address space"]) == sandbox.MEMORY
    assert int(limits["Max file size"]) == sandbox.LARGEST_FILE
    assert int(limits["Max open files"]) == sandbox.OPEN_FILES
    assert int(limits["Max core file size"]) == 0
    assert int(limits["Max cpu time"]) < 70
    names = [word.split(b"=")[0] for word in (inside / "environ").read_bytes().split(b"\0") if word]
    assert names == [b"LC_ALL", b"OMP_NUM_THREADS", b"OPENBLAS_NUM_THREADS", b"MALLOC_ARENA_MAX"]
    assert os.getpgid(decoder.pid) == decoder.pid
    assert not list((inside / "root").iterdir())
    assert [line.split(":")[0].strip() for line in (inside / "net/dev").read_text().splitlines()[2:]] == ["lo"]
    assert os.stat(inside / "ns/net").st_ino != os.stat("/proc/self/ns/net").st_ino


async def test_a_decoder_is_used_again_until_it_fails(decoder: Decoder) -> None:
    await one_picture(decoder)
    with (INPUTS / "short_1.3s_16k.wav").open("rb") as file, pytest.raises(MediaError):
        await decoder.decode(file.fileno(), JOB, 30, lambda _: None)
    assert decoder.usable
    await one_picture(decoder)
    assert decoder.usable


async def test_a_decoder_that_dies_is_a_damaged_file_and_replaced(caplog: pytest.LogCaptureFixture) -> None:
    decoders = Decoders(1)
    decoders.warm_up()
    [first] = decoders.idle
    with PICTURE.open("rb") as file:

        def shoot(_: int) -> None:
            os.kill(first.pid, signal.SIGSEGV)

        with pytest.raises(MediaError, match="damaged") as caught:
            await decoders.decode(file.fileno(), JOB, 30, shoot)
        assert caught.value.status == 400
        assert "ended with status -11" in caplog.text
        assert not lives(first.pid)
        assert len(await decoders.decode(file.fileno(), JOB, 30, lambda _: None)) == 1
    await decoders.close()


@pytest.mark.parametrize("signal", [signal.SIGXCPU, signal.SIGKILL])
async def test_a_decoder_out_of_means_is_too_large_a_file(decoder: Decoder, signal: signal.Signals) -> None:
    with PICTURE.open("rb") as file, pytest.raises(MediaError, match="too much time or memory") as caught:
        await decoder.decode(file.fileno(), JOB, 30, lambda _: os.kill(decoder.pid, signal))
    assert caught.value.status == 413


async def test_processor_time_is_limited(decoder: Decoder) -> None:
    """A picture that is just within the limits takes more than a second of it."""
    side = 9_400
    with tempfile.TemporaryFile() as file:
        file.write(png(side, side, zlib.compress(bytes((4 * side + 1) * side), 1)))
        file.flush()
        quick = Job("image", max_pixels=10**8, max_seconds=60, cpu_seconds=-10)
        with pytest.raises(MediaError, match="too much time or memory"):
            await decoder.decode(file.fileno(), quick, 30, lambda _: None)


async def test_memory_is_limited() -> None:
    """Frames larger than the address space, which a header may claim at no cost."""
    limits = MediaLimits(max_frame_pixels=10**10, max_image_pixels=10**10)
    error = await refusal(image_part(png(60_000, 60_000, b"")), limits=limits)
    assert error.status == 413


async def test_time_is_limited() -> None:
    error = await refusal(video_part(CLIP), limits=MediaLimits(decode_seconds=0.01))
    assert (error.status, error.why) == (413, "decoding took longer than 0.01 s.")


async def test_cancelling_kills_the_decoder_and_leaves_no_file(temporary: Path) -> None:
    """While it hangs: stopped, it answers nothing."""
    decoders = Decoders(1)
    decoders.warm_up()
    [decoder] = decoders.idle
    os.kill(decoder.pid, signal.SIGSTOP)
    with PICTURE.open("rb") as file:
        async with anyio.create_task_group() as group:
            group.start_soon(decoders.decode, file.fileno(), JOB, 30, lambda _: None)
            await anyio.wait_all_tasks_blocked()
            group.cancel_scope.cancel()
    assert not lives(decoder.pid)
    assert decoders.idle[0].pid != decoder.pid
    assert not os.listdir(temporary)
    await decoders.close()


async def test_a_decoder_that_was_killed_meanwhile_is_not_used() -> None:
    decoders = Decoders(1)
    decoders.warm_up()
    [first] = decoders.idle
    os.kill(first.pid, signal.SIGKILL)
    first._process.wait()
    with PICTURE.open("rb") as file:
        assert len(await decoders.decode(file.fileno(), JOB, 30, lambda _: None)) == 1
    await decoders.close()


async def test_what_is_granted_is_asked_for_before_it_is_decoded() -> None:
    asked: list[int] = []

    def grant(size: int) -> None:
        asked.append(size)
        raise MediaError("no more.", status=429)

    with PICTURE.open("rb") as file:
        with pytest.raises(MediaError, match="no more"):
            await DECODERS.decode(file.fileno(), JOB, 30, grant)
        assert asked == [123 * 77 * 3]
        assert len(await DECODERS.decode(file.fileno(), JOB, 30, lambda _: None)) == 1


@pytest.mark.parametrize(("size", "shape"), [(10, (11,)), (10, (9,)), (10, (-1,)), (10, (0,)), (10, (2, 5, 2))])
def test_results_are_as_large_as_they_say(size: int, shape: tuple[int, ...]) -> None:
    file = os.memfd_create("result", os.MFD_ALLOW_SEALING)
    os.ftruncate(file, size)
    with pytest.raises(RuntimeError):
        _mapped(file, "uint8", *shape)
    os.close(file)


def test_results_cannot_be_cut_short_afterwards() -> None:
    file = os.memfd_create("result", os.MFD_ALLOW_SEALING)
    os.ftruncate(file, 10)
    array = _mapped(file, "uint8", 2, 5)
    with pytest.raises(PermissionError):
        os.ftruncate(file, 5)
    array[:] = 7
    assert os.pread(file, 10, 0) == bytes(10)
    os.close(file)


def test_small_results_hold_no_file_open() -> None:
    """Large ones do, but memory ends before files do."""
    before = os.listdir("/proc/self/fd")
    kept = []
    for size in (2**20 - 1, 2**20):
        file = os.memfd_create("result", os.MFD_ALLOW_SEALING)
        os.pwrite(file, bytes([size % 251]) * size, 0)
        kept.append(_mapped(file, "uint8", size))
        os.close(file)
    assert len(os.listdir("/proc/self/fd")) == len(before) + 1
    assert [(array == array.size % 251).all() for array in kept] == [True, True]


async def test_no_file_is_left_behind(temporary: Path) -> None:
    await decoded(video_part(CLIP))
    await refusal(video_part(CLIP[:1000]))
    assert not os.listdir(temporary)


async def test_a_decoders_words_reach_the_log_but_not_the_user(caplog: pytest.LogCaptureFixture) -> None:
    error = await refusal(video_part(CLIP[:1000]))
    assert "Invalid data" in caplog.text
    assert "Invalid" not in str(error)

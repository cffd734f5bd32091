"""Files that FFmpeg's libraries open, through PyAV: what they may be opened as, and the streams in them.

The file is handed over as an open descriptor, behind read and seek of our own. So FFmpeg needs no protocol at all, not
even `file` or `pipe`, and is given none; yet an mp4 whose index lies at its end can be read.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import av
from av.stream import Discard

# Formats that hold their media themselves. Playlists (hls, concat, dash, ...) name other files, so they stay out.
_DEMUXERS = (
    "mov,matroska,avi,flv,mpegts,mpeg,mpegvideo,ogg,asf,mxf,gif,ivf,h264,hevc,m4v,"
    "wav,w64,aiff,au,caf,mp3,aac,flac,amr,ac3,eac3"
)
# What people really have. FFmpeg knows hundreds more, mostly of old games, which nobody has looked at for long.
_PICTURE_CODECS = (
    "h264,hevc,vp8,vp9,av1,libdav1d,mpeg4,mpeg2video,mpeg1video,mjpeg,gif,png,h263,flv,msmpeg4v1,msmpeg4v2,msmpeg4,"
    "wmv1,wmv2,wmv3,vc1,theora,prores,dnxhd,ffv1,ffvhuff,huffyuv,utvideo,rawvideo,dvvideo,qtrle,cinepak"
)
_SOUND_CODECS = (
    "aac,aac_latm,mp3float,mp3,mp2float,mp2,mp1float,opus,libopus,vorbis,flac,alac,ac3,eac3,dca,truehd,amrnb,amrwb,"
    "wmav1,wmav2,wmapro,speex,libspeex,gsm,adpcm_ms,adpcm_ima_wav,adpcm_ima_qt,pcm_s8,pcm_u8,pcm_s16le,pcm_s16be,"
    "pcm_s24le,pcm_s24be,pcm_s32le,pcm_s32be,pcm_f32le,pcm_f32be,pcm_f64le,pcm_f64be,pcm_alaw,pcm_mulaw"
)
_OPTIONS = {
    "format_whitelist": _DEMUXERS,
    "codec_whitelist": f"{_PICTURE_CODECS},{_SOUND_CODECS}",
    "protocol_whitelist": "none",
}
_CODECS = frozenset(_OPTIONS["codec_whitelist"].split(","))
_THREADS = min(4, os.cpu_count() or 1)
"""Each holds some frames of its own, so there is an end to how many are worth it."""


class UnreadableError(Exception):
    """FFmpeg cannot make sense of the file, or of the one stream that is wanted."""


@contextmanager
def opened(file: int) -> Iterator[Any]:
    """The file as an `av.container.InputContainer`.

    Raises:
        UnreadableError: from opening it, and from whatever the block does with it.
    """
    try:
        with av.open(_Reader(file), options=_OPTIONS, metadata_errors="replace", io_open=_open_nothing) as container:
            yield container
    except av.error.MemoryError as error:
        raise MemoryError from error
    except av.error.FFmpegError as error:
        raise UnreadableError(str(error)) from error


def only(container: Any, stream: Any) -> Any:
    """`stream`, for reading nothing else, and with threads for its decoder.

    Raises:
        UnreadableError: it is coded in a way that is not decoded here.
    """
    if stream.codec_context is None or stream.codec_context.codec.name not in _CODECS:
        raise UnreadableError("unknown codec")
    for other in container.streams:
        if other.index != stream.index:
            other.discard = Discard.all
    stream.codec_context.thread_type, stream.codec_context.thread_count = "AUTO", _THREADS
    return stream


def decoded(container: Any, stream: Any) -> Iterator[Any]:
    """The frames of a stream. What is damaged is left out, as far as the decoder finds its way back."""
    for packet in container.demux(stream):
        yield from frames_of(packet)


def frames_of(packet: Any) -> Iterator[Any]:
    """What decoding a packet brings to light, mostly frames of packets before it."""
    try:
        yield from packet.decode()
    except av.error.MemoryError as error:
        raise MemoryError from error
    except av.error.FFmpegError:
        return


class _Reader:
    """A file as PyAV reads it. Its place is its own: several may read one descriptor."""

    def __init__(self, file: int) -> None:
        self._file, self._place = file, 0

    def read(self, size: int) -> bytes:
        data = os.pread(self._file, size, self._place)
        self._place += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: os.fstat(self._file).st_size}[whence]
        self._place = max(0, start + offset)
        return self._place

    def tell(self) -> int:
        return self._place


def _open_nothing(*_: Any) -> NoReturn:
    raise PermissionError("a file that names other files")

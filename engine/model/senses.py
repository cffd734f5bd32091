"""The two senses of Ola: pictures and sound to rows of the language model's input. Knows no prompt and no vLLM."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.config import BeatsDims, OlaConfig, WhisperDims
from engine.model.beats import Beats, KaldiFbank
from engine.model.oryx_vit import OryxViT
from engine.model.projectors import SpeechProjector, VisionProjector
from engine.model.whisper import LogMel, WhisperEncoder
from engine.preprocess import CHUNK_SAMPLES

CHUNKS_AT_ONCE = 8
"""30 s chunks encoded together: bounds the attention bias of BEATs, 0.4 GB for 8 chunks of the released size."""


def normalise(pixels: Tensor) -> Tensor:
    """uint8 [n, height, width, 3] -> float32 [n, 3, height, width] in [-1, 1]."""
    return ((pixels.permute(0, 3, 1, 2).float() / 255) - 0.5) / 0.5


class Vision(nn.Module):
    """OryxViT and its projector."""

    def __init__(self, config: OlaConfig) -> None:
        super().__init__()
        vit = config.vision
        self.tower = OryxViT(vit.width, vit.layers, vit.heads, vit.mlp_dim, vit.patch_size, vit.pos_grid)
        self.projector = VisionProjector(config.mm_hidden_size, config.hidden_size)

    def images(self, views: Sequence[tuple[Tensor, Tensor]]) -> list[Tensor]:
        """uint8 (low, high) views `[height, width, 3]` of each picture -> `[tokens, width]` of each."""
        features = self.tower([normalise(view[None]) for pair in views for view in pair])
        return [self.projector.image(low, high) for low, high in zip(features[::2], features[1::2], strict=True)]

    def videos(self, clips: Sequence[Tensor]) -> list[Tensor]:
        """uint8 frames `[frames, height, width, 3]` of each video -> `[tokens, width]` of each."""
        return [self.projector.video(features) for features in self.tower([normalise(clip) for clip in clips])]


class Hearing(nn.Module):
    """Whisper and BEATs side by side, and the speech projector."""

    def __init__(self, config: OlaConfig) -> None:
        super().__init__()
        hearing = config.hearing
        assert hearing is not None
        self.log_mel = LogMel(hearing.whisper.n_mels)
        self.whisper = build_whisper(hearing.whisper)
        self.fbank = KaldiFbank() if hearing.beats else None
        self.beats = build_beats(hearing.beats) if hearing.beats else None
        self.projector = SpeechProjector(
            config.speech_encoder_hidden_size, config.hidden_size, config.speech_encoder_ds_rate
        )

    def forward(self, waves: Sequence[Tensor]) -> list[Tensor]:
        """float32 waves `[samples]` at 16 kHz of each recording -> `[tokens, width]` of each."""
        chunks = [chunked(wave) for wave in waves]
        rows = self.rows(torch.cat(chunks))
        return [self.projector.recording(part) for part in rows.split([len(c) for c in chunks])]

    def rows(self, chunks: Tensor) -> Tensor:
        """float32 [chunks, CHUNK_SAMPLES] -> what each becomes alone, [chunks, rows, width]."""
        return torch.cat([self.projector(self.encode(part)) for part in chunks.split(CHUNKS_AT_ONCE)])

    def encode(self, chunks: Tensor) -> Tensor:
        """float32 [chunks, CHUNK_SAMPLES] -> both encoders' features joined, [chunks, frames, channels]."""
        speech = self.whisper(self.log_mel(chunks).to(self.whisper.positional_embedding.dtype))
        if self.beats is None or self.fbank is None:
            return speech
        # BEATs stays in float32 whatever the rest runs in, as in the reference.
        sounds = self.beats(self.fbank(chunks)).to(speech.dtype)
        return torch.cat([speech, F.pad(sounds, (0, 0, 0, speech.shape[1] - sounds.shape[1]))], dim=-1)


def chunked(wave: Tensor) -> Tensor:
    """[samples] -> [chunks, CHUNK_SAMPLES], zeros at the end; an empty wave is one chunk of silence."""
    missing = -len(wave) % CHUNK_SAMPLES if len(wave) else CHUNK_SAMPLES
    return F.pad(wave, (0, missing)).view(-1, CHUNK_SAMPLES)


def build_whisper(dims: WhisperDims) -> WhisperEncoder:
    return WhisperEncoder(dims.n_mels, dims.n_audio_ctx, dims.n_audio_state, dims.n_audio_head, dims.n_audio_layer)


def build_beats(dims: BeatsDims) -> Beats:
    beats = Beats(
        dims.embed_dim,
        dims.encoder_embed_dim,
        dims.encoder_attention_heads,
        dims.encoder_ffn_embed_dim,
        dims.encoder_layers,
        patch=dims.input_patch_size,
        conv_pos=dims.conv_pos,
        conv_groups=dims.conv_pos_groups,
        buckets=dims.num_buckets,
        distance=dims.max_distance,
    )
    return beats.float()

"""Builds CosyVoice model folders that are like the published ones in everything but size and sense: random weights.

Made with CosyVoice's own modules, so that its own code loads them strictly. They speak noise, of a length that depends
on chance: the mark that ends speech is likely at every token. By hand: python -m tests.tts.cosyvoice.tiny 2 FOLDER
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import soundfile
import torch
from onnx import TensorProto, helper, numpy_helper
from transformers import Qwen2Config, Qwen2ForCausalLM

from tts.voices.cosyvoice.folder import GENERATIONS
from tts.voices.cosyvoice.repairs import float32_weights
from tts.voices.cosyvoice.upstream import code, undisturbed

SPEAKERS = ("中文女", "english-man")
WIDTH = 32
"""Of the language models."""
_ENDS = 4.5
"""Added to the score of the mark that ends speech."""
_PRINTABLE = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
_FULL_VOCABULARY = 151_643
"""Qwen2's, after which its special tokens come; the code of the third generation knows the number of one of these."""
_SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")

_SAMPLING = """
    sampling: !name:cosyvoice.utils.common.ras_sampling {top_p: 0.8, top_k: 25, win_size: 10, tau_r: 0.1}
"""
_FLOW = """
    output_size: 80
    spk_embed_dim: 192
    output_type: mel
    only_mask_loss: True
"""
_MATCHING = """
        in_channels: 240
        n_spks: 1
        spk_emb_dim: 80
        cfm_params: !new:omegaconf.DictConfig
            content: {sigma_min: 1e-06, solver: euler, t_scheduler: cosine, training_cfg_rate: 0.2,
                      inference_cfg_rate: 0.7, reg_loss_type: l1}
"""
_ENCODER = """
        output_size: 512
        attention_heads: 2
        linear_units: 64
        num_blocks: 1
        dropout_rate: 0.1
        positional_dropout_rate: 0.1
        attention_dropout_rate: 0.1
        normalize_before: True
        input_layer: linear
        pos_enc_layer_type: rel_pos_espnet
        selfattention_layer_type: rel_selfattn
        input_size: 512
        use_cnn_module: False
        macaron_style: False
"""
_VOCODER = """
    in_channels: 80
    base_channels: 32
    nb_harmonics: 8
    sampling_rate: !ref <sample_rate>
    nsf_alpha: 0.1
    nsf_sigma: 0.003
    nsf_voiced_threshold: 10
    istft_params: {n_fft: 16, hop_len: 4}
    resblock_kernel_sizes: [3]
    resblock_dilation_sizes: [[1, 3, 5]]
    lrelu_slope: 0.1
    audio_limit: 0.99
"""
_TRAINING = """
hifigan: !new:cosyvoice.hifigan.hifigan.HiFiGan
    generator: !ref <hift>
    discriminator: !new:cosyvoice.hifigan.discriminator.MultipleDiscriminator
        mpd: !new:matcha.hifigan.models.MultiPeriodDiscriminator
        mrd: !new:cosyvoice.hifigan.discriminator.MultiResSpecDiscriminator
    mel_spec_transform: []
parquet_opener: !name:cosyvoice.dataset.processor.parquet_opener
data_pipeline: [!ref <parquet_opener>]
allowed_special: all
"""
_SEEDS = """
seed1: !apply:random.seed [1986]
seed2: !apply:numpy.random.seed [1986]
seed3: !apply:torch.manual_seed [1986]
"""
_QWEN_TOKENIZER = """
get_tokenizer: !name:cosyvoice.tokenizer.tokenizer.get_qwen_tokenizer
    token_path: !ref <qwen_pretrain_path>
    skip_special_tokens: True
"""
_UPSAMPLING_24000 = """
    upsample_rates: [8, 5, 3]
    upsample_kernel_sizes: [16, 11, 7]
    source_resblock_kernel_sizes: [7, 7, 11]
    source_resblock_dilation_sizes: [[1, 3, 5], [1, 3, 5], [1, 3, 5]]
"""


def _features(rate: int, fft: int, hop: int, highest: str) -> str:
    return f"""
feat_extractor: !name:matcha.utils.audio.mel_spectrogram
    {{n_fft: {fft}, num_mels: 80, sampling_rate: {rate}, hop_size: {hop}, win_size: {fft}, fmin: 0, fmax: {highest},
     center: False}}
"""


def _qwen(language_model: str) -> str:
    return f"""
sample_rate: 24000
qwen_pretrain_path: ''
llm: !new:cosyvoice.llm.llm.{language_model}
    llm_input_size: {WIDTH}
    llm_output_size: {WIDTH}
    speech_token_size: 6561
    length_normalized_loss: True
    lsm_weight: 0
    mix_ratio: [5, 15]
    llm: !new:cosyvoice.llm.llm.Qwen2Encoder {{pretrain_path: !ref <qwen_pretrain_path>}}
{_SAMPLING}
"""


_YAML = {
    1: f"""
{_SEEDS}
sample_rate: 22050
llm: !new:cosyvoice.llm.llm.TransformerLM
    text_encoder_input_size: {WIDTH}
    llm_input_size: {WIDTH}
    llm_output_size: {WIDTH}
    text_token_size: 51866
    speech_token_size: 4096
    length_normalized_loss: True
    lsm_weight: 0
    spk_embed_dim: 192
    text_encoder: !new:cosyvoice.transformer.encoder.ConformerEncoder
        {{input_size: {WIDTH}, output_size: {WIDTH}, attention_heads: 2, linear_units: 64, num_blocks: 1,
         dropout_rate: 0.1, positional_dropout_rate: 0.1, attention_dropout_rate: 0.0, normalize_before: True,
         input_layer: linear, pos_enc_layer_type: rel_pos_espnet, selfattention_layer_type: rel_selfattn,
         use_cnn_module: False, macaron_style: False, use_dynamic_chunk: False, use_dynamic_left_chunk: False,
         static_chunk_size: 1}}
    llm: !new:cosyvoice.transformer.encoder.TransformerEncoder
        {{input_size: {WIDTH}, output_size: {WIDTH}, attention_heads: 2, linear_units: 64, num_blocks: 1,
         dropout_rate: 0.1, positional_dropout_rate: 0.1, attention_dropout_rate: 0.0, input_layer: linear_legacy,
         pos_enc_layer_type: rel_pos_espnet, selfattention_layer_type: rel_selfattn, static_chunk_size: 1}}
{_SAMPLING}
flow: !new:cosyvoice.flow.flow.MaskedDiffWithXvec
{_FLOW}
    input_size: 512
    vocab_size: 4096
    input_frame_rate: 50
    encoder: !new:cosyvoice.transformer.encoder.ConformerEncoder
{_ENCODER}
    length_regulator: !new:cosyvoice.flow.length_regulator.InterpolateRegulator
        {{channels: 80, sampling_ratios: [1, 1, 1, 1]}}
    decoder: !new:cosyvoice.flow.flow_matching.ConditionalCFM
{_MATCHING}
        estimator: !new:cosyvoice.flow.decoder.ConditionalDecoder
            {{in_channels: 320, out_channels: 80, channels: [32, 32], dropout: 0.0, attention_head_dim: 16, n_blocks: 1,
             num_mid_blocks: 1, num_heads: 2, act_fn: gelu}}
hift: !new:cosyvoice.hifigan.generator.HiFTGenerator
{_VOCODER}
    upsample_rates: [8, 8]
    upsample_kernel_sizes: [16, 16]
    source_resblock_kernel_sizes: [7, 11]
    source_resblock_dilation_sizes: [[1, 3, 5], [1, 3, 5]]
    f0_predictor: !new:cosyvoice.hifigan.f0_predictor.ConvRNNF0Predictor
        {{num_class: 1, in_channels: 80, cond_channels: 32}}
get_tokenizer: !name:whisper.tokenizer.get_tokenizer
    {{multilingual: True, num_languages: 100, language: en, task: transcribe}}
{_features(22050, 1024, 256, "8000")}
{_TRAINING}
""",
    2: f"""
{_SEEDS}
{_qwen("Qwen2LM")}
flow: !new:cosyvoice.flow.flow.CausalMaskedDiffWithXvec
{_FLOW}
    input_size: 512
    vocab_size: 6561
    input_frame_rate: 25
    token_mel_ratio: 2
    pre_lookahead_len: 3
    encoder: !new:cosyvoice.transformer.upsample_encoder.UpsampleConformerEncoder
{_ENCODER}
        static_chunk_size: 25
    decoder: !new:cosyvoice.flow.flow_matching.CausalConditionalCFM
{_MATCHING}
        estimator: !new:cosyvoice.flow.decoder.CausalConditionalDecoder
            {{in_channels: 320, out_channels: 80, channels: [32], dropout: 0.0, attention_head_dim: 16, n_blocks: 1,
             num_mid_blocks: 1, num_heads: 2, act_fn: gelu, static_chunk_size: 50, num_decoding_left_chunks: -1}}
hift: !new:cosyvoice.hifigan.generator.HiFTGenerator
{_VOCODER}
{_UPSAMPLING_24000}
    f0_predictor: !new:cosyvoice.hifigan.f0_predictor.ConvRNNF0Predictor
        {{num_class: 1, in_channels: 80, cond_channels: 32}}
{_QWEN_TOKENIZER}
{_features(24000, 1920, 480, "8000")}
{_TRAINING}
""",
    3: f"""
{_SEEDS}
{_qwen("CosyVoice3LM")}
flow: !new:cosyvoice.flow.flow.CausalMaskedDiffWithDiT
{_FLOW}
    input_size: 80
    vocab_size: 6561
    input_frame_rate: 25
    token_mel_ratio: 2
    pre_lookahead_len: 3
    pre_lookahead_layer: !new:cosyvoice.transformer.upsample_encoder.PreLookaheadLayer
        {{in_channels: 80, channels: 32, pre_lookahead_len: 3}}
    decoder: !new:cosyvoice.flow.flow_matching.CausalConditionalCFM
{_MATCHING}
        estimator: !new:cosyvoice.flow.DiT.dit.DiT
            {{dim: 64, depth: 1, heads: 1, dim_head: 64, ff_mult: 2, mel_dim: 80, mu_dim: 80, spk_dim: 80,
             out_channels: 80, static_chunk_size: 50, num_decoding_left_chunks: -1}}
hift: !new:cosyvoice.hifigan.generator.CausalHiFTGenerator
{_VOCODER}
{_UPSAMPLING_24000}
    conv_pre_look_right: 4
    f0_predictor: !new:cosyvoice.hifigan.f0_predictor.CausalConvRNNF0Predictor
        {{num_class: 1, in_channels: 80, cond_channels: 32}}
{_QWEN_TOKENIZER}
    version: cosyvoice3
{_features(24000, 1920, 480, "null")}
{_TRAINING}
""",
}


def installed_code() -> Path:
    """Where `make install` puts CosyVoice's code, of its first two generations."""
    code = Path(sys.prefix) / "share" / "cosyvoice"
    assert code.is_dir(), f"{code} is missing: run make install"
    return code


def build(number: int, folder: Path, home: Path) -> None:
    """Write a model folder of this generation, with the code in `home`."""
    generation = GENERATIONS[number - 1]
    folder.mkdir(parents=True)
    (folder / generation.yaml).write_text(_YAML[number])
    if number > 1:
        _write_qwen(folder / "CosyVoice-BlankEN", number)
    with undisturbed(), code(home), float32_weights():
        from hyperpyyaml import load_hyperpyyaml

        overrides = {"qwen_pretrain_path": str(folder / "CosyVoice-BlankEN")} if number > 1 else {}
        parts = load_hyperpyyaml(_YAML[number], overrides=overrides)
    llm = parts["llm"]
    with torch.no_grad():
        if number == 3:  # no bias there, so that hundreds of marks end speech by chance
            llm.llm_decoder.weight[6561:] *= 1.5
        else:
            llm.llm_decoder.bias[llm.speech_token_size] += _ENDS
    for name in ("llm", "flow", "hift"):
        torch.save(parts[name].state_dict(), folder / f"{name}.pt")
    _write_speaker_model(folder / "campplus.onnx")
    _write_speech_tokenizer(folder / generation.tokenizer, 50 if number == 1 else 25)
    speakers = {name: {"embedding": torch.randn(1, 192)} for name in SPEAKERS}
    torch.save(speakers, folder / "spk2info.pt")


def recording(seconds: float = 2.0, rate: int = 24_000, pitch: float = 150.0) -> bytes:
    """A WAV file of something like a vowel."""
    at = np.arange(round(seconds * rate)) / rate
    tone = sum(np.sin(2 * np.pi * pitch * overtone * at) / overtone for overtone in range(1, 8))
    file = io.BytesIO()
    soundfile.write(file, 0.2 * tone * (1 + 0.3 * np.sin(8 * np.pi * at)), rate, subtype="PCM_16", format="WAV")
    return file.getvalue()


def _write_qwen(folder: Path, number: int) -> None:
    # A token is a byte, written as GPT-2 writes bytes.
    rest = [byte for byte in range(256) if byte not in _PRINTABLE]
    letters = [chr(byte) for byte in _PRINTABLE] + [chr(256 + index) for index in range(len(rest))]
    if number == 3:  # no gap, or new special tokens take the place of others; these are never made, for lack of merges
        letters += [f"filler{index}" for index in range(len(letters), _FULL_VOCABULARY)]
    vocabulary = {letter: index for index, letter in enumerate(letters)}
    special = {len(letters) + index: {"content": token, "special": True} for index, token in enumerate(_SPECIAL)}
    config = Qwen2Config(
        vocab_size=len(letters) + 400,  # and room for those that its code adds
        hidden_size=WIDTH,
        intermediate_size=2 * WIDTH,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=32_768,
        tie_word_embeddings=True,
    )
    Qwen2ForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    settings = {"tokenizer_class": "Qwen2Tokenizer", "added_tokens_decoder": special}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))


def _write_speaker_model(path: Path) -> None:
    """float32 [1, frames, 80] -> [1, 192]."""
    weight = np.random.default_rng(0).standard_normal((80, 192), dtype=np.float32)
    nodes = [
        helper.make_node("ReduceMean", ["features", "axes"], ["mean"], keepdims=0),
        helper.make_node("MatMul", ["mean", "weight"], ["embedding"]),
    ]
    constants = [numpy_helper.from_array(np.array([1]), "axes"), numpy_helper.from_array(weight, "weight")]
    inputs = {"features": (TensorProto.FLOAT, [1, None, 80])}
    _write_onnx(path, nodes, constants, inputs, "embedding", TensorProto.FLOAT)


def _write_speech_tokenizer(path: Path, rate: int) -> None:
    """float32 [1, 128, frames], int32 [1] -> int32 [1, tokens], `rate` of them a second."""
    step = 100 // rate
    nodes = [
        helper.make_node("ReduceMean", ["features", "axes"], ["mean"], keepdims=1),
        helper.make_node("AveragePool", ["mean"], ["pooled"], kernel_shape=[step], strides=[step]),
        helper.make_node("Mul", ["pooled", "thousand"], ["large"]),
        helper.make_node("Abs", ["large"], ["positive"]),
        helper.make_node("Cast", ["positive"], ["whole"], to=TensorProto.INT32),
        helper.make_node("Mod", ["whole", "tokens"], ["token"]),
        helper.make_node("Squeeze", ["token", "axes"], ["flat"]),
        helper.make_node("Identity", ["length"], ["unused"]),
    ]
    constants = [
        numpy_helper.from_array(np.array([1]), "axes"),
        numpy_helper.from_array(np.array(1000, np.float32), "thousand"),
        numpy_helper.from_array(np.array(4096, np.int32), "tokens"),
    ]
    inputs: dict[str, tuple[int, list[int | None]]] = {
        "features": (TensorProto.FLOAT, [1, 128, None]),
        "length": (TensorProto.INT32, [1]),
    }
    _write_onnx(path, nodes, constants, inputs, "flat", TensorProto.INT32)


def _write_onnx(
    path: Path,
    nodes: list[onnx.NodeProto],
    constants: list[onnx.TensorProto],
    inputs: Mapping[str, tuple[int, Sequence[int | None]]],
    output: str,
    kind: int,
) -> None:
    graph = helper.make_graph(
        nodes,
        path.stem,
        [helper.make_tensor_value_info(name, *shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(output, kind, None)],
        constants,
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), str(path))


if __name__ == "__main__":
    build(int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]) if sys.argv[3:] else installed_code())

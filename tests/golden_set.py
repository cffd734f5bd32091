"""Read the golden set in tests/golden: what the reference model computed for its inputs (docs/parity.md)."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file

FOLDER = Path(__file__).parent / "golden"
INPUTS = FOLDER / "inputs"
CHECKPOINT = FOLDER / "checkpoint"

Array = npt.NDArray[Any]


@cache
def index() -> dict[str, Any]:
    content: dict[str, Any] = json.loads((FOLDER / "cases.json").read_text(encoding="utf-8"))
    return content


@cache
def stored() -> dict[str, Array]:
    return dict(load_file(FOLDER / "tensors.safetensors"))


def cases(*kinds: str) -> list[dict[str, Any]]:
    """The end-to-end cases of these kinds; without kinds, all."""
    return [case for case in index()["cases"] if not kinds or case["kind"] in kinds]


def error(name: str, array: Array) -> float:
    """Largest absolute difference between `array` and what is stored of tensor `name`."""
    spec, values = index()["tensors"][name], np.asarray(array, dtype=np.float32)
    if "shape" in spec and values.size != int(np.prod(spec["shape"])):
        raise ValueError(f"{name}: {values.shape} instead of {spec['shape']}")
    return float(np.abs(kept(name, spec, values) - expected(name, spec)).max())


def kept(name: str, spec: dict[str, Any], values: Array) -> Array:
    match spec["how"]:
        case "full":
            return values.reshape(stored()[name].shape)
        case "rows":
            return values.reshape(-1, values.shape[-1])[stored()[f"{name}.rows"]]
        case "pixels":
            down, right = spec["stride"]
            return values.reshape(values.shape[-3:])[:, ::down, ::right]
        case _:
            return values.reshape(-1)[:: spec["step"]]


def expected(name: str, spec: dict[str, Any]) -> Array:
    return stored()[f"{name}.strided" if spec["how"] == "pixels" else name]


def same_pixels(name: str, pixels: Array) -> bool:
    """Whether uint8 pixels `[height, width, 3]` are exactly the reference's."""
    digest: str = index()["tensors"][name]["sha256_u8_hwc"]
    return hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest() == digest

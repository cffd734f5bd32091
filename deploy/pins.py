"""`python -m deploy.pins > deploy/constraints.txt`: the versions in this environment of what every image installs.

Engines are pinned in pyproject.toml and bring their torch; what wants it only for code that never runs gets none here.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = Path(__file__).parents[1] / "pyproject.toml"
EXTRAS = ("traces",)
ENGINES_OWN = {"torch", "torchaudio"}


def roots(extras: Sequence[str] = EXTRAS) -> list[str]:
    """What the project asks for, with these extras."""
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    return [*project["dependencies"], *(line for extra in extras for line in project["optional-dependencies"][extra])]


def closure(roots: Sequence[str]) -> dict[str, str]:
    """Names and versions of these, of what they need, and so on. What is not installed is left out."""
    found: dict[str, str] = {}
    waiting = [Requirement(root) for root in roots]
    seen = set(ENGINES_OWN)
    while waiting:
        requirement = waiting.pop()
        if str(requirement) in seen or requirement.name in seen:
            continue
        seen.add(str(requirement))
        try:
            here = distribution(requirement.name)
        except PackageNotFoundError:
            continue  # for another platform
        found[canonicalize_name(requirement.name)] = here.version
        waiting += [needed for line in here.requires or () if wanted(needed := Requirement(line), requirement.extras)]
    return found


def wanted(needed: Requirement, extras: set[str]) -> bool:
    """Whether `needed` is asked for here, with these extras of the one who asks."""
    marker = needed.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in extras | {""})


def main() -> None:
    found = closure(roots())
    sys.stdout.write("# Written by `python -m deploy.pins` in an environment that passes the tests.\n")
    sys.stdout.writelines(f"{name}=={version}\n" for name, version in sorted(found.items()))


if __name__ == "__main__":
    main()

"""As much of kustomize as deploy/kubernetes uses: resources, components, replicas, images, JSON patches.

Whatever else a kustomization says fails, so that nothing in it goes unlooked at."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from tests.deploy.files import documents

Manifest = dict[str, Any]
KNOWN = {
    *("apiVersion", "kind", "namespace", "resources", "components", "images", "replicas", "patches", "labels"),
    "configMapGenerator",
}


def rendered(folder: Path) -> list[Manifest]:
    """The manifests that `kubectl kustomize` would print, without the hashes in the names of generated ones."""
    kustomization = documents(folder / "kustomization.yaml")[0]
    assert set(kustomization) <= KNOWN, set(kustomization) - KNOWN
    manifests = list(_resources(folder, kustomization))
    for generator in kustomization.get("configMapGenerator", ()):
        data = dict(literal.split("=", 1) for literal in generator["literals"])
        metadata = {"name": generator["name"], "namespace": kustomization["namespace"]}
        manifests.append({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})
    for change in kustomization.get("patches", ()):
        [manifest] = _called(manifests, change["target"]["kind"], change["target"]["name"])
        for step in yaml.safe_load(change["patch"]):
            patch(manifest, step)
    for scaled in kustomization.get("replicas", ()):
        [manifest] = _called(manifests, "Deployment", scaled["name"])
        manifest["spec"]["replicas"] = scaled["count"]
    for image in kustomization.get("images", ()):
        _rename(manifests, image)
    return manifests


def _resources(folder: Path, kustomization: Manifest) -> Iterable[Manifest]:
    for name in kustomization.get("resources", []) + kustomization.get("components", []):
        path = folder / name
        yield from rendered(path) if path.is_dir() else documents(path)


def _called(manifests: list[Manifest], kind: str, name: str) -> list[Manifest]:
    return [one for one in manifests if one["kind"] == kind and one["metadata"]["name"] == name]


def _rename(manifests: list[Manifest], image: dict[str, str]) -> None:
    used = [
        container
        for manifest in manifests
        for container in manifest.get("spec", {}).get("template", {}).get("spec", {}).get("containers", ())
        if container["image"] == image["name"]
    ]
    assert used, image
    for container in used:
        container["image"] = f"{image['newName']}:{image['newTag']}"


def patch(manifest: Manifest, step: dict[str, Any]) -> None:
    """One step of a JSON patch (RFC 6902): `add`, of what is not there, or `replace`, of what is."""
    *way, last = step["path"].strip("/").split("/")
    place: Any = manifest
    for name in way:
        place = place[int(name)] if isinstance(place, list) else place[name]
    key = int(last) if isinstance(place, list) else last
    there = 0 <= key < len(place) if isinstance(key, int) else key in place
    assert there == {"add": False, "replace": True}[step["op"]], step["path"]
    place[key] = step["value"]

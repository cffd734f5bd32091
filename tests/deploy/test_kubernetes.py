"""Do the manifests agree with the code, and are the overlays valid once they are applied?"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.deploy.files import ROOT, check_command, check_settings, documents, metrics, unknown_settings
from tests.deploy.kustomize import Manifest, patch, rendered

FOLDER = ROOT / "deploy" / "kubernetes"
MONITORING = FOLDER / "monitoring"
SECRETS = {"redis": "password", "metrics-key": "key"}
"""Those that docs/operations.md has somebody make."""


@pytest.fixture(params=["cpu", "gpu"])
def manifests(request: pytest.FixtureRequest) -> list[Manifest]:
    return rendered(FOLDER / "overlays" / request.param)


def of_kind(manifests: list[Manifest], kind: str) -> dict[str, Manifest]:
    return {one["metadata"]["name"]: one for one in manifests if one["kind"] == kind}


def container(manifests: list[Manifest], name: str) -> dict[str, Any]:
    [found] = of_kind(manifests, "Deployment")[name]["spec"]["template"]["spec"]["containers"]
    return dict(found)


def test_an_overlay_is_valid_once_applied(manifests: list[Manifest]) -> None:
    for manifest in manifests:
        if manifest["kind"] != "ServiceMonitor":  # Prometheus Operator's, which publishes no schema there
            kubernetes_validate.validate(manifest, kubernetes_validate.latest_version(), strict=True)


@pytest.mark.parametrize("folder", ["base", "monitoring", "overlays/cpu", "overlays/gpu"])
def test_every_file_is_listed(folder: str) -> None:
    listed = documents(FOLDER / folder / "kustomization.yaml")[0]["resources"]
    files = {path.name for path in (FOLDER / folder).glob("*.yaml")}
    assert files - {"kustomization.yaml", "prometheus-adapter.yaml"} == {name for name in listed if ".." not in name}


def test_the_commands_are_olas(manifests: list[Manifest]) -> None:
    for name in ("server", "tts-worker"):
        check_command(container(manifests, name)["args"])


def test_the_settings_are_the_servers_own(manifests: list[Manifest], monkeypatch: pytest.MonkeyPatch) -> None:
    environment = dict(of_kind(manifests, "ConfigMap")["server-settings"]["data"])
    environment |= {one["name"]: one["value"] for one in container(manifests, "server")["env"] if "value" in one}
    assert not unknown_settings(environment)
    settings = check_settings(environment, monkeypatch)
    assert settings.voice == "workers"
    assert settings.keys == "redis"


def test_a_server_has_time_to_stop(manifests: list[Manifest], monkeypatch: pytest.MonkeyPatch) -> None:
    data = of_kind(manifests, "ConfigMap")["server-settings"]["data"]
    settings = check_settings(data | {"OLA_REDIS_URL": "redis://redis"}, monkeypatch)
    pod = of_kind(manifests, "Deployment")["server"]["spec"]["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] > settings.shutdown_seconds
    probe = container(manifests, "server")["readinessProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] < settings.notice_seconds


def test_services_variables_are_no_settings(manifests: list[Manifest]) -> None:
    """A service called `ola` would give every pod a variable OLA_PORT that is no number."""
    for kind in ("Deployment", "StatefulSet"):
        for manifest in of_kind(manifests, kind).values():
            assert manifest["spec"]["template"]["spec"]["enableServiceLinks"] is False


def test_probes_and_services_name_ports_that_are_there(manifests: list[Manifest]) -> None:
    pods = {**of_kind(manifests, "Deployment"), **of_kind(manifests, "StatefulSet")}
    for name, manifest in pods.items():
        [found] = manifest["spec"]["template"]["spec"]["containers"]
        ports = {port["name"]: port["containerPort"] for port in found["ports"]}
        probes = [found[probe] for probe in found if probe.endswith("Probe")]
        asked = {way["port"] for probe in probes for way in probe.values() if isinstance(way, dict) and "port" in way}
        assert asked <= set(ports)
        [service] = of_kind(manifests, "Service")[name]["spec"]["ports"]
        assert service["targetPort"] in ports
    assert container(manifests, "server")["ports"] == [{"name": "http", "containerPort": 8000}]
    assert container(manifests, "server")["readinessProbe"]["httpGet"]["path"] == "/ready"


def test_selectors_find_their_pods(manifests: list[Manifest]) -> None:
    apps = {
        one["spec"]["selector"]["matchLabels"]["app"]
        for one in manifests
        if one["kind"] in ("Deployment", "StatefulSet")
    }
    assert apps == {"server", "tts-worker", "redis"}
    for manifest in manifests:
        if manifest["kind"] in ("PodDisruptionBudget", "ServiceMonitor"):
            assert manifest["spec"]["selector"]["matchLabels"]["app"] in apps
        if manifest["kind"] == "Service":
            assert manifest["spec"]["selector"]["app"] in apps
        if manifest["kind"] == "NetworkPolicy" and manifest["metadata"]["name"] != "closed":
            assert manifest["spec"]["podSelector"]["matchLabels"]["app"] in apps


def test_nobody_is_root(manifests: list[Manifest]) -> None:
    for manifest in manifests:
        if manifest["kind"] in ("Deployment", "StatefulSet"):
            pod = manifest["spec"]["template"]["spec"]
            assert pod["securityContext"]["runAsNonRoot"] is True
            for found in pod["containers"]:
                assert found["securityContext"]["allowPrivilegeEscalation"] is False
                assert found["securityContext"]["capabilities"] == {"drop": ["ALL"]}
                assert "memory" in found["resources"]["limits"]


def test_secrets_are_those_that_the_page_makes(manifests: list[Manifest]) -> None:
    text = yaml.safe_dump_all(manifests, default_flow_style=True, width=10_000)
    for key, name in re.findall(r"(?:secretKeyRef|credentials): \{key: (\w+), name: ([\w-]+)\}", text):
        assert SECRETS[name] == key
    page = (ROOT / "docs" / "operations.md").read_text()
    for name, key in SECRETS.items():
        assert f"create secret generic {name} --from-literal={key}=" in page


def test_service_monitors_ask_for_a_port_of_their_service() -> None:
    """Prometheus Operator publishes no schema that is checked here: these are the fields that it needs."""
    services = of_kind(rendered(FOLDER / "base"), "Service")
    for name, monitor in of_kind(documents(MONITORING / "servicemonitors.yaml"), "ServiceMonitor").items():
        assert monitor["apiVersion"] == "monitoring.coreos.com/v1"
        assert monitor["spec"]["selector"]["matchLabels"].items() <= services[name]["metadata"]["labels"].items()
        [endpoint] = monitor["spec"]["endpoints"]
        assert endpoint["path"] == "/metrics"
        assert endpoint["port"] in {port["name"] for port in services[name]["spec"]["ports"]}
        jobs = documents(ROOT / "deploy" / "prometheus" / "prometheus.yml")[0]["scrape_configs"]
        assert services[name]["metadata"]["labels"][monitor["spec"]["jobLabel"]] in {job["job_name"] for job in jobs}


def test_workers_are_scaled_by_figures_that_are_made() -> None:
    """From the code's metrics by the adapter's rules to what the autoscaler asks for."""
    [autoscaler] = documents(MONITORING / "autoscaling.yaml")
    assert autoscaler["spec"]["scaleTargetRef"]["name"] in of_kind(rendered(FOLDER / "base"), "Deployment")
    rules = documents(MONITORING / "prometheus-adapter.yaml")[0]["rules"]["external"]
    asked = {metric["external"]["metric"]["name"] for metric in autoscaler["spec"]["metrics"]}
    assert asked == {rule["name"]["as"] for rule in rules}
    for rule in rules:
        for name in re.findall(r"ola_\w+", rule["seriesQuery"] + rule["metricsQuery"]):
            assert re.sub("_(bucket|count|sum|total)$", "", name) in metrics()


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_the_adapters_queries_are_prometheus(tmp_path: Path) -> None:
    rules = documents(MONITORING / "prometheus-adapter.yaml")[0]["rules"]["external"]
    recorded = [
        {"record": rule["name"]["as"], "expr": rule["metricsQuery"].replace("<<.LabelMatchers>>", 'namespace="ola"')}
        for rule in rules
    ]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "adapter", "rules": recorded}]}))
    subprocess.run(["promtool", "check", "rules", str(file)], check=True, capture_output=True)


def test_a_patch_adds_or_replaces_and_nothing_else() -> None:
    manifest: Manifest = {"spec": {"list": [{"a": 1}]}}
    patch(manifest, {"op": "replace", "path": "/spec/list/0/a", "value": 2})
    patch(manifest, {"op": "add", "path": "/spec/list/0/b", "value": 3})
    assert manifest == {"spec": {"list": [{"a": 2, "b": 3}]}}
    with pytest.raises(AssertionError):
        patch(manifest, {"op": "replace", "path": "/spec/nothing", "value": 1})

"""Do the compose files agree with the code, with each other and with what they mount? No Docker is needed for that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.deploy.files import ROOT, check_command, check_settings, documents, filled, unknown_settings

FILES = (ROOT / "docker-compose.yml", ROOT / "deploy" / "compose.cpu.yml")
OVERLAY = ROOT / "deploy" / "compose.cosyvoice.yml"
OURS = ("server", "tts-worker-1", "tts-worker-2")
ALL = {*OURS, "redis", "prometheus", "grafana"}


@pytest.fixture(params=FILES, ids=lambda path: path.name)
def path(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


@pytest.fixture
def compose(path: Path) -> dict[str, Any]:
    return documents(path)[0]


def test_both_run_the_same_services(compose: dict[str, Any]) -> None:
    assert set(compose["services"]) == ALL


def test_the_settings_are_the_servers_own(compose: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    environment = compose["services"]["server"]["environment"]
    assert not unknown_settings(environment)
    settings = check_settings(environment, monkeypatch)
    assert settings.voice == "workers"
    assert settings.redis_url == "redis://redis:6379/0"
    assert settings.keys in ("redis", "none")


def test_who_needs_no_key_is_on_this_machine(compose: dict[str, Any]) -> None:
    server = compose["services"]["server"]
    if server["environment"]["OLA_KEYS"] == "none":
        assert all(port.startswith("127.0.0.1:") for port in server["ports"])


def test_nothing_is_open_to_others_unless_asked(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        assert all(filled(port).startswith("127.0.0.1:") for port in service.get("ports", ()))


def test_the_commands_are_olas(compose: dict[str, Any]) -> None:
    for name in OURS:
        check_command(compose["services"][name]["command"])


def test_the_overlay_changes_services_that_are_there() -> None:
    overlay = documents(OVERLAY)[0]["services"]
    assert set(overlay) == set(OURS)
    for service in overlay.values():
        check_command(service["command"])


def test_the_images_are_targets_of_the_dockerfile(path: Path, compose: dict[str, Any]) -> None:
    targets = {line.split()[-1] for line in (ROOT / "Dockerfile").read_text().splitlines() if line.startswith("FROM ")}
    for name in OURS:
        build = compose["services"][name]["build"]
        assert build["target"] in targets
        assert (path.parent / build["context"]).resolve() == ROOT


def test_every_service_says_how_it_is_and_ends(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert "healthcheck" in service, name
        assert service["restart"] == "unless-stopped", name
        assert "memory" in service["deploy"]["resources"]["limits"], name
        if "image" in service and "build" not in service:
            assert service["image"].rpartition(":")[2][-1].isdigit() or "-alpine" in service["image"], name


def test_probes_ask_ports_that_are_listened_on(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert services["server"]["healthcheck"]["test"][-1] == "http://127.0.0.1:8000/ready"
    assert services["server"]["environment"]["OLA_PORT"] == "8000"
    for name in OURS[1:]:
        assert services[name]["healthcheck"]["test"][-1] == "http://127.0.0.1:9100/health"


def test_who_is_waited_for_exists(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        assert set(service.get("depends_on", {})) <= ALL


def test_what_is_mounted_is_there(path: Path, compose: dict[str, Any]) -> None:
    """Files of the repository exist, volumes are declared, secrets lie where git does not look."""
    for service in compose["services"].values():
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            exists = (path.parent / source).exists() if source.startswith(".") else source in compose["volumes"]
            assert exists, source
    for secret in compose.get("secrets", {}).values():
        assert secret["file"].startswith("./deploy/secrets/")
    assert "deploy/secrets/" in (ROOT / ".gitignore").read_text().splitlines()


def test_prometheus_scrapes_these_services(compose: dict[str, Any]) -> None:
    prometheus = documents(ROOT / "deploy" / "prometheus" / "prometheus.yml")[0]
    asked = {
        target for job in prometheus["scrape_configs"] for group in job["static_configs"] for target in group["targets"]
    }
    assert asked == {"server:8000", "tts-worker-1:9100", "tts-worker-2:9100"}
    credentials = prometheus["scrape_configs"][0]["authorization"]["credentials_file"]
    service = compose["services"]["prometheus"]
    given = {f"/run/secrets/{name}" for name in service.get("secrets", ())}
    assert credentials in given | {config["target"] for config in service.get("configs", ())}


def test_everybody_has_time_to_finish(compose: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    server = compose["services"]["server"]
    settings = check_settings(server["environment"], monkeypatch)
    assert int(server["stop_grace_period"].removesuffix("s")) > settings.shutdown_seconds + 10
    for name in OURS[1:]:
        assert int(compose["services"][name]["stop_grace_period"].removesuffix("s")) > 30

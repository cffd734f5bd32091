"""Dashboard, alert rules and the page about them: all of it names what servers and workers really expose."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import yaml

from server.loop_tasks import LoopTasks
from server.metrics import Metrics
from tests.observing.exposed import names
from tts.workers.figures import Figures

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
RULES = DEPLOY / "prometheus" / "alerts.yml"
DASHBOARD = DEPLOY / "grafana" / "dashboards" / "ola.json"
PAGE = (ROOT / "docs" / "observability.md").read_text()
NAME = re.compile(r"\b(?:ola_|vllm:)\w+")

needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")


def ours() -> set[str]:
    """Names that a query about a server or a worker may have."""
    return names(Metrics().render().decode()) | names(Figures(1).render().decode())


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def queries() -> list[str]:
    panels = [panel for panel in json.loads(DASHBOARD.read_text())["panels"] if panel["type"] != "row"]
    return [target["expr"] for panel in panels for target in panel["targets"]] + [rule["expr"] for rule in rules()]


def asked() -> set[str]:
    return {name for query in queries() for name in NAME.findall(query)}


def test_every_figure_that_is_asked_for_exists() -> None:
    assert {name for name in asked() if name.startswith("ola_")} <= ours()


def test_engine_figures_that_are_asked_for_exist(demo: str) -> None:
    with urlopen(f"{demo}/metrics") as response:
        exposed = names(response.read().decode())
    engine = {name for name in asked() if name.startswith("vllm:")}
    assert engine
    assert engine <= exposed
    assert {name for name in asked() if name.startswith("ola_") and not name.startswith("ola_worker_")} <= exposed


def test_the_page_has_every_figure_and_no_other() -> None:
    told = re.findall(r"^\| `(ola_\w+)`", PAGE, re.MULTILINE)
    registries = Metrics().registry, Figures(1).registry
    families = [family for registry in registries for family in registry.collect()] + [*LoopTasks().describe()]
    assert sorted(told) == sorted(family.name + "_total" * (family.type == "counter") for family in families)


def test_the_page_has_the_labels_of_every_figure() -> None:
    metrics, figures = Metrics(), Figures(1)
    collectors = [*vars(metrics).values(), *vars(figures).values()]
    labels = {c._name: tuple(c._labelnames) for c in collectors if hasattr(c, "_labelnames")}
    told = re.findall(r"^\| `(ola_\w+?)(?:_total)?` \|([^|]*)\|", PAGE, re.MULTILINE)
    assert len(told) >= len(labels)
    for name, shown in told:
        assert tuple(re.findall(r"`(\w+)`", shown)) == labels.get(name, ())


def test_the_page_says_what_to_do_at_every_alert() -> None:
    assert re.findall(r"^\| `(Ola\w+)`", PAGE, re.MULTILINE) == [rule["alert"] for rule in rules()]


def test_every_alert_has_a_test() -> None:
    tests = yaml.safe_load((Path(__file__).parent / "alerts_test.yml").read_text())["tests"]
    fires = {case["alertname"] for test in tests for case in test["alert_rule_test"] if case.get("exp_alerts")}
    assert fires == {rule["alert"] for rule in rules()}


@needs_promtool
@pytest.mark.parametrize(
    "command",
    [
        ["check", "config", "--syntax-only", str(DEPLOY / "prometheus" / "prometheus.yml")],
        ["check", "rules", str(RULES)],
        ["test", "rules", str(Path(__file__).parent / "alerts_test.yml")],
    ],
    ids=["config", "rules", "alerts"],
)
def test_prometheus_takes_it(command: list[str]) -> None:
    done = subprocess.run(["promtool", *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_provisioning_is_where_the_dashboard_says() -> None:
    provisioning = DEPLOY / "grafana" / "provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text())["datasources"]
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "ola.yml").read_text())["providers"]
    panels = [panel for panel in json.loads(DASHBOARD.read_text())["panels"] if panel["type"] != "row"]
    assert {panel["datasource"]["uid"] for panel in panels} == {source["uid"]}
    assert provider["options"]["path"] == "/etc/grafana/dashboards"
    assert len({panel["id"] for panel in panels}) == len(panels)

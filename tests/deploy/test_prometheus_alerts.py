"""The alert rules speak of metrics that there are; promtool runs their own tests where it is installed."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families as parse
from tests.unit.report.forms.documents import DOCUMENTS, render

HERE = Path(__file__).parents[2] / "deploy" / "prometheus"
RULES = [rule for group in yaml.safe_load((HERE / "alerts.yml").read_text("utf-8"))["groups"] for rule in group["rules"]]
SELECTOR = re.compile(r"(imagegate_\w+)(?:\{([^}]*)\})?")


def series() -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = {}
    for name in ("every verdict", "a baseline", "a lost region"):
        for family in parse(render("prometheus", DOCUMENTS[name]())):
            for sample in family.samples:
                found.setdefault(sample.name, []).append(sample.labels)
    return found


@pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
def test_every_rule_selects_something_that_is_written(rule) -> None:
    metrics = series()
    selectors = SELECTOR.findall(rule["expr"])
    assert selectors
    for name, labels in selectors:
        wanted = dict(re.findall(r'(\w+)=~?"([^"]*)"', labels))
        assert any(all(re.fullmatch(value, each.get(key, "")) for key, value in wanted.items()) for each in metrics[name])
    for label in re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]):
        assert all(label in each for name, _ in selectors for each in metrics[name])


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool (Debian: prometheus) is not installed")
def test_promtool_agrees() -> None:
    for words in (["check", "rules", "alerts.yml"], ["test", "rules", "alerts_test.yml"]):
        done = subprocess.run(["promtool", *words], cwd=HERE, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    text = render("prometheus", DOCUMENTS["every verdict"]())
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr

"""deploy/grafana.json and deploy/alerts.yaml, with a real Prometheus that scrapes a real relay."""

import json
import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from helpers.client import Cut, ask, close_exchanges
from helpers.limits import HELD_SECONDS
from helpers.prometheus_process import Prometheus, promtool, start_prometheus
from helpers.relay_process import PROJECT, RelayProcess, start
from helpers.upstream import Reply, Upstream

ALERTS = PROJECT / "deploy" / "alerts.yaml"
UNIT_TESTS = Path(__file__).with_name("alerts_test.yaml")
DASHBOARD = json.loads((PROJECT / "deploy" / "grafana.json").read_text(encoding="utf-8"))
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUERIES = [
    pytest.param(target["expr"], id=f"{panel['title']} {target['refId']}")
    for panel in PANELS
    for target in panel["targets"]
]
RULES = [
    rule
    for group in yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
# What Grafana puts in place of its variables.
VARIABLES = {"$__rate_interval": "1m", "$instance": ".*"}


def filled(expression: str) -> str:
    for name, value in VARIABLES.items():
        expression = expression.replace(name, value)
    return expression


@pytest.fixture(scope="module")
def prometheus(
    upstream_server: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    """It scrapes a relay that has answered, failed and refused, before and after the first time."""
    upstream_server.forget()
    relay = start(upstream_server, {"MAX_STREAMS_PER_CLIENT": "1"}, None)
    meet_everything(relay, upstream_server)
    with start_prometheus(relay.url, ALERTS, tmp_path_factory.mktemp("prometheus")) as running:
        # A rate needs a count that has grown while it was looked at.
        meet_everything(relay, upstream_server)
        yield running
    relay.stop()


def meet_everything(relay: RelayProcess, upstream: Upstream) -> None:
    """A whole answer, one that breaks off, and a question that a limit refuses meanwhile."""
    gate = threading.Event()

    @upstream.answers
    def whole(reply: Reply) -> None:
        reply.text("Hello")
        gate.wait(HELD_SECONDS)
        reply.finish()

    first = ask(relay.url)
    assert first.piece() == "Hello"
    assert ask(relay.url).error() == (429, "too_many_streams")
    gate.set()
    assert first.text() == ""

    @upstream.answers
    def broken(reply: Reply) -> None:
        reply.text("Hello")
        reply.reset()

    with pytest.raises(Cut):
        ask(relay.url).text()
    close_exchanges()


@pytest.mark.parametrize("expression", QUERIES)
def test_every_query_of_the_dashboard(prometheus: Prometheus, expression: str) -> None:
    """Each has something to show."""
    assert prometheus.wait_for_series(filled(expression))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))
def test_every_alert_knows_the_metrics(prometheus: Prometheus, rule: dict[str, Any]) -> None:
    """Compared or not, there is a number to compare, so a silent alert is a good sign."""
    compared = re.sub(r" ([<>]) ", r" \1 bool ", rule["expr"])
    assert compared != rule["expr"]
    assert prometheus.wait_for_series(compared)


def test_prometheus_takes_the_rules(prometheus: Prometheus) -> None:
    """All of them are loaded and can be computed."""
    rules = prometheus.rules()
    assert [rule["name"] for rule in rules] == [rule["alert"] for rule in RULES]
    assert {rule["health"] for rule in rules} <= {"ok", "unknown"}


def test_every_alert_says_what_to_do() -> None:
    """What it means, in `summary`, and what to do, in `action`."""
    for rule in RULES:
        assert {"summary", "action"} <= rule["annotations"].keys(), rule["alert"]


def test_alerts_fire_when_they_should(tmp_path: Path) -> None:
    """Of counts that were made up: when something is wrong for long enough, and not otherwise."""
    promtool("check", "rules", str(ALERTS), folder=tmp_path)
    # promtool wants every annotation to be expected word for word.
    bare = [{name: rule[name] for name in rule.keys() - {"annotations"}} for rule in RULES]
    groups = {"groups": [{"name": "askbot", "rules": bare}]}
    (tmp_path / ALERTS.name).write_text(yaml.safe_dump(groups), encoding="utf-8")
    shutil.copy(UNIT_TESTS, tmp_path)
    promtool("test", "rules", UNIT_TESTS.name, folder=tmp_path)


def test_the_dashboard_asks_for_a_data_source() -> None:
    """It names none of its own: whoever imports it chooses. No two panels lie on each other."""
    names = {variable["name"] for variable in DASHBOARD["templating"]["list"]}
    assert "datasource" in names
    places = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        places |= {
            (column, line)
            for column in range(place["x"], place["x"] + place["w"])
            for line in range(place["y"], place["y"] + place["h"])
        }
    assert len(places) == sum(p["gridPos"]["w"] * p["gridPos"]["h"] for p in DASHBOARD["panels"])
    for panel in PANELS:
        assert panel["datasource"]["uid"] == "${datasource}"

"""Alerts: each alone in its file, tested, with a page for whoever is called by it."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.architecture.sources import REPO, name_of
from tests.unit.deploy.observability.alerting import (
    ALERT_FILES,
    ALERTMANAGER,
    PROMETHEUS,
    RULE_FILES,
    TEST_FILES,
    alerts_of,
    anchors,
    verdicts,
)

SEVERITIES = {"page", "ticket", "none"}
ALWAYS_FIRES = {"Watchdog"}
PROMTOOL_SECONDS = 120.0  # 10 s alone on two cores


@pytest.mark.parametrize("file", ALERT_FILES, ids=name_of)
def test_a_file_holds_one_alert_and_is_called_by_its_name(file: Path) -> None:
    names = {alert.name.lower() for alert in alerts_of(file)}

    assert names == {file.stem.replace("-", "")}


@pytest.mark.parametrize("file", ALERT_FILES, ids=name_of)
def test_an_alert_says_how_urgent_it_is_and_what_it_means(file: Path) -> None:
    for alert in alerts_of(file):
        assert alert.labels["severity"] in SEVERITIES
        assert set(alert.annotations) == {"summary", "description", "runbook_url"}


@pytest.mark.parametrize("file", ALERT_FILES, ids=name_of)
def test_its_runbook_has_a_section_with_its_name(file: Path) -> None:
    for alert in alerts_of(file):
        page, _, anchor = alert.annotations["runbook_url"].partition("#")
        assert anchor == alert.name.lower()
        assert anchor in anchors(REPO / page)


@pytest.mark.parametrize("file", ALERT_FILES, ids=name_of)
def test_every_severity_of_an_alert_is_seen_to_fire_and_to_be_silent(file: Path) -> None:
    for alert in alerts_of(file):
        expected = list(verdicts(alert.name))
        fired = [labels for verdict in expected for labels in verdict]
        own = {label: text for label, text in alert.labels.items() if "{{" not in text}
        assert any(own.items() <= labels.items() for labels in fired), own
        assert () in expected or alert.name in ALWAYS_FIRES


def test_what_follows_from_an_outage_names_one_that_an_alert_tells_of() -> None:
    every = [alert for file in ALERT_FILES for alert in alerts_of(file)]
    services = {"gateway", "worker", "notifier"}  # ServiceDown fills in which
    outages = {
        outage
        for alert in every
        for outage in (services if "{{" in alert.labels.get("outage", "") else ())
        or alert.labels.get("outage", "").split()
    }
    followed = {name for alert in every for name in alert.labels.get("follows", "").split()}

    held_back = set(re.findall(r'outage="(\w+)"', ALERTMANAGER.read_text()))
    assert followed <= held_back <= outages


def test_consequences_are_held_back_while_an_outage_lasts_and_as_long_as_windows_remember() -> None:
    every = [alert for file in ALERT_FILES for alert in alerts_of(file)]
    config = ALERTMANAGER.read_text()

    for alert in every:
        for outage in alert.labels.get("follows", "").split():
            assert f'[severity="page", outage="{outage}"]' in config
            assert f'span="10m", outage="{outage}"]' in config
            if alert.labels.get("burn") in {"steady", "slow"}:
                assert f'span="40m", outage="{outage}"]' in config


def test_only_pages_may_hold_others_back() -> None:
    for file in ALERT_FILES:
        for alert in alerts_of(file):
            assert "outage" not in alert.labels or alert.labels["severity"] == "page"


def test_rules_and_alerts_have_no_lint() -> None:
    told = run(
        "promtool", "check", "rules", "--lint=all", "--lint-fatal", *RULE_FILES, *ALERT_FILES
    )

    assert told.returncode == 0, told.stdout + told.stderr


def test_every_alert_fires_and_is_silent_as_its_test_says() -> None:
    told = run("promtool", "test", "rules", *TEST_FILES)

    assert told.returncode == 0, told.stdout + told.stderr


def test_the_configuration_is_one_that_prometheus_reads(tmp_path: Path) -> None:
    for each in PROMETHEUS.iterdir():
        (tmp_path / each.name).symlink_to(each)

    told = run("promtool", "check", "config", tmp_path / "prometheus.yml")

    assert told.returncode == 0, told.stdout + told.stderr
    assert len(re.findall(r"SUCCESS: \d+ rules found", told.stdout)) == len(
        [*RULE_FILES, *ALERT_FILES]
    )


def test_the_configuration_is_one_that_alertmanager_reads() -> None:
    told = run("amtool", "check-config", ALERTMANAGER)

    assert told.returncode == 0, told.stdout + told.stderr


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        ("alertname=RedisDown severity=page", "pager"),
        ("alertname=PoisonJob severity=ticket", "tickets"),
        ("alertname=Watchdog severity=none", "heartbeat"),
        ("alertname=RecentOutage severity=none", "nobody"),
    ],
)
def test_each_severity_goes_to_its_receiver(labels: str, receiver: str) -> None:
    told = run(
        *("amtool", "config", "routes", "test", f"--config.file={ALERTMANAGER}"),
        f"--verify.receivers={receiver}",
        *labels.split(),
    )

    assert told.returncode == 0, told.stdout + told.stderr


def run(program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a program of the distribution's, or say why not."""
    if shutil.which(program) is None:
        reason = f"needs {program} (packages prometheus and prometheus-alertmanager)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return subprocess.run(
        [program, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=PROMTOOL_SECONDS,
        check=False,
    )

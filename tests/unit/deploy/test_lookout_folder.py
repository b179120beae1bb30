"""What Prometheus is given to read: the repository's rules, this house's targets and its pace."""

import json
from pathlib import Path

from deploy.local.lookout.folder import SOURCE, Target, aim, calling, furnish


def test_only_the_pace_differs_from_the_one_source(tmp_path: Path) -> None:
    furnish(tmp_path, every_seconds=3)

    source = (SOURCE / "prometheus" / "prometheus.yml").read_text().splitlines()
    rendered = (tmp_path / "prometheus.yml").read_text().splitlines()
    changed = [new.strip() for old, new in zip(source, rendered, strict=True) if old != new]
    assert changed == ["scrape_interval: 3s", "scrape_timeout: 3s", "evaluation_interval: 3s"]


def test_rules_are_the_repositorys_own_however_often_it_is_laid_out(tmp_path: Path) -> None:
    furnish(tmp_path, every_seconds=3)
    furnish(tmp_path, every_seconds=3)

    linked = {each.name: each.resolve() for each in tmp_path.iterdir() if each.is_symlink()}
    names = {each.name for each in (SOURCE / "prometheus").iterdir()}
    assert linked == {
        name: SOURCE / "prometheus" / name for name in names - {"prometheus.yml", "targets"}
    }


def test_a_target_is_called_by_its_name_in_the_house(tmp_path: Path) -> None:
    aim(tmp_path, {"waymark-worker": [Target("worker.2", "127.0.0.1:8003")], "rabbitmq": []})

    assert json.loads((tmp_path / "targets" / "waymark-worker.json").read_text()) == [
        {"targets": ["127.0.0.1:8003"], "labels": {"instance": "worker.2"}}
    ]
    assert json.loads((tmp_path / "targets" / "rabbitmq.json").read_text()) == []


def test_every_job_of_the_source_reads_its_targets_from_a_file_of_its_name() -> None:
    config = (SOURCE / "prometheus" / "prometheus.yml").read_text()

    jobs = [line.split()[-1] for line in config.splitlines() if "job_name:" in line]
    assert jobs
    for job in jobs:
        assert f"targets/{job}.json" in config, job


def test_every_receiver_can_be_called_at_one_address() -> None:
    config = (SOURCE / "alertmanager" / "alertmanager.yml").read_text()

    called = calling(config, "http://127.0.0.1:1")

    receivers = config.partition("receivers:")[2].count("- name:")
    assert receivers
    assert called.count("webhook_configs: [{url: 'http://127.0.0.1:1/") == receivers
    assert "  - name: pager\n    webhook_configs: [{url: 'http://127.0.0.1:1/pager'}]" in called

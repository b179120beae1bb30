"""What every process tells of itself."""

from prometheus_client import CollectorRegistry

from shared.runtime.metrics.process import build_registry, tell_of_store
from shared.runtime.metrics.publishing import Publishing


def test_it_says_which_build_it_is() -> None:
    registry = build_registry("gateway", version="1.4.0", revision="4fc04b7")
    labels = {"service": "gateway", "version": "1.4.0", "revision": "4fc04b7"}

    assert registry.get_sample_value("waymark_build_info", labels) == 1


def test_it_tells_its_resources_and_its_lines_from_the_start() -> None:
    registry = build_registry("gateway", version="", revision="")

    assert registry.get_sample_value("process_resident_memory_bytes")
    for level in ("warning", "error", "critical"):
        count = registry.get_sample_value("waymark_log_lines_total", {"level": level})
        assert count is not None


def test_a_store_that_evicts_is_told_when_asked() -> None:
    registry, policies = CollectorRegistry(), ["allkeys-lru", None]
    tell_of_store(registry, policies.pop)

    assert registry.get_sample_value("waymark_store_evicts") == 0
    assert registry.get_sample_value("waymark_store_evicts") == 1


def test_publishes_are_timed_apart_by_whether_all_were_confirmed() -> None:
    registry = CollectorRegistry()
    publishing = Publishing(registry)
    name = "waymark_jobs_publish_duration_seconds"
    assert registry.get_sample_value(f"{name}_count", {"result": "failed"}) == 0

    publishing.took(0.25, failed=False)
    publishing.took(2.0, failed=True)

    assert registry.get_sample_value(f"{name}_sum", {"result": "confirmed"}) == 0.25
    assert registry.get_sample_value(f"{name}_sum", {"result": "failed"}) == 2.0

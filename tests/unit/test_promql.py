"""The reading of queries in tests/e2e finds every selector, and nothing that is none."""

import pytest

from tests.e2e.promql import Selector, selectors


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("up", ["up"]),
        ("vector(1)", []),
        ('sum by (job) (up{job=~"a|b"}) == 0', ['up{job=~"a|b"}']),
        (
            'rate(a_total[5m]) / (rate(b_count{x="(y)"}[$__rate_interval]) > 0)',
            ["a_total", 'b_count{x="(y)"}'],
        ),
        ('{__name__=~"r_(a|b)_total", s!="t"}', ['{__name__=~"r_(a|b)_total", s!="t"}']),
        ("1000 * min by (v) (p * on (job) group_left (v) b)", ["p", "b"]),
        ('label_replace(absent(up{job="x"}), "service", "$1", "job", "w-(.*)")', ['up{job="x"}']),
        (
            'house:ratio_rate5m{cause="house"} > 14.4 * 0.001 and on () house:bad:rate5m * 3 >= 2',
            ['house:ratio_rate5m{cause="house"}', "house:bad:rate5m"],
        ),
        ("histogram_quantile(0.99, sum by (le) (increase(x_bucket[5m])))", ["x_bucket"]),
        ("time() - max by (duty) (w_seconds) offset 5m", ["w_seconds"]),
    ],
)
def test_selectors_are_found(query: str, found: list[str]) -> None:
    assert {str(each) for each in selectors(query)} == set(found)


def test_a_selector_knows_its_name_and_its_labels() -> None:
    assert Selector("", '{__name__=~"r_.*", s!="t"}').names == "r_.*"
    assert Selector("up", '{job="x", instance!~"y"}').labels == {"job", "instance"}

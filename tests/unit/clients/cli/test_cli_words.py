"""What goes in on the command line and what comes out as text."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from clients.cli import render
from clients.cli.api import Api
from clients.cli.closes import Action, action_for, back_off
from clients.cli.exits import Exit, Stop, plain
from clients.cli.problems import stop_for
from clients.cli.settings import Settings, is_loopback, parse_env, read_settings
from clients.cli.values import BadValueError, labels_of, payload_of


def printed(*parts: object, width: int = 120) -> str:
    console = Console(file=io.StringIO(), width=width)
    render.show(console, *parts)  # type: ignore[arg-type]
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


class TestValues:
    def test_values_that_read_as_json_are_json_and_the_rest_are_strings(self) -> None:
        payload = payload_of(["a=1", "b=x y", "c=[1, 2]", 'd="1"', "e=true", "f=", "g=a=b"])

        assert payload == {
            "a": 1,
            "b": "x y",
            "c": [1, 2],
            "d": "1",
            "e": True,
            "f": "",
            "g": "a=b",
        }

    def test_what_is_no_json_number_stays_a_string(self) -> None:
        assert payload_of(["a=NaN", "b=Infinity", "c=01"]) == {
            "a": "NaN",
            "b": "Infinity",
            "c": "01",
        }

    def test_single_values_stand_on_top_of_the_json(self) -> None:
        assert payload_of(["a=2"], '{"a": 1, "b": 1}') == {"a": 2, "b": 1}

    @pytest.mark.parametrize(
        ("pairs", "text"),
        [(["novalue"], None), (["=1"], None), (["a=1", "a=2"], None), ([], "[1]"), ([], "{a}")],
    )
    def test_what_cannot_be_read_is_said(self, pairs: list[str], text: str | None) -> None:
        with pytest.raises(BadValueError):
            payload_of(pairs, text)

    def test_labels_stay_strings(self) -> None:
        assert labels_of(["build=17"]) == {"build": "17"}


class TestSettings:
    def test_dev_env_is_found_up_the_tree(self, tmp_path: Path) -> None:
        deep = tmp_path / "a" / "b"
        deep.mkdir(parents=True)
        (tmp_path / ".waymark").mkdir()
        (tmp_path / ".waymark" / "dev.env").write_text(
            "# made by make up\nexport WAYMARK_URL='http://127.0.0.1:9/'\n"
            "export WAYMARK_API_KEY=wm_a_b\n"
        )

        settings = read_settings({}, deep)

        assert settings.url == "http://127.0.0.1:9"
        assert settings.api_key == "wm_a_b"
        assert settings.stream_url is None

    def test_the_environment_wins(self, tmp_path: Path) -> None:
        (tmp_path / ".waymark").mkdir()
        (tmp_path / ".waymark" / "dev.env").write_text("export WAYMARK_URL=http://file\n")

        assert read_settings({"WAYMARK_URL": "http://told"}, tmp_path).url == "http://told"

    def test_the_platform_key_of_the_house_here_is_not_shown_to_another_house(
        self, tmp_path: Path
    ) -> None:
        (tmp_path / ".waymark").mkdir()
        (tmp_path / ".waymark" / "dev.env").write_text("export WAYMARK_PLATFORM_KEY=wm_p_here\n")

        def asks_with(**environ: str) -> str | None:
            return read_settings(environ, tmp_path).as_platform().api_key

        assert asks_with() == "wm_p_here"
        assert asks_with(WAYMARK_URL="http://there", WAYMARK_API_KEY="wm_a_b") == "wm_a_b"
        assert asks_with(WAYMARK_API_KEY="wm_a_b", WAYMARK_PLATFORM_KEY="wm_p_q") == "wm_p_q"

    def test_whose_tenant_is_named_is_asked_for_with_the_platform_key(self, tmp_path: Path) -> None:
        keys = {"WAYMARK_API_KEY": "wm_a_b", "WAYMARK_PLATFORM_KEY": "wm_p_q"}

        named = read_settings({**keys, "WAYMARK_TENANT": "acme"}, tmp_path)

        assert (named.api_key, named.tenant) == ("wm_p_q", "acme")
        assert named.as_platform().tenant is None  # queues and workers are the house's
        own = read_settings({**keys, "WAYMARK_TENANT": ""}, tmp_path)
        assert (own.api_key, own.tenant) == ("wm_a_b", None)

    def test_shell_quoting_is_understood_and_nonsense_passed_over(self) -> None:
        assert parse_env("export A='x y'\nB=\"z\"\nC='open\nnothing here\n") == {
            "A": "x y",
            "B": "z",
        }

    @pytest.mark.parametrize(
        ("url", "here"),
        [
            ("http://127.0.0.1:8000", True),
            ("ws://localhost/x", True),
            ("http://[::1]:1", True),
            ("https://jobs.example.org", False),
        ],
    )
    def test_loopback_is_told_from_elsewhere(self, url: str, *, here: bool) -> None:
        assert is_loopback(url) is here


class TestCloses:
    @pytest.mark.parametrize("code", [4000, 4002, 4099, 1009])
    def test_some_codes_stop(self, code: int) -> None:
        assert action_for(code) is Action.STOP

    @pytest.mark.parametrize("code", [4200, 4202, 4299])
    def test_some_codes_resume_at_once(self, code: int) -> None:
        assert action_for(code) is Action.RESUME

    @pytest.mark.parametrize("code", [4100, 4199, 1006, 1011, 1012, 4300, None])
    def test_everything_else_backs_off(self, code: int | None) -> None:
        assert action_for(code) is Action.BACK_OFF

    def test_waits_grow_up_to_a_bound(self) -> None:
        assert max(back_off(1) for _ in range(100)) <= 0.5
        assert 5 < max(back_off(50) for _ in range(200)) <= 20


class TestProblems:
    def test_every_pointer_is_shown(self) -> None:
        body = {
            "detail": "The payload does not fit csv.profile.",
            "code": "validation-failed",
            "request_id": "r1",
            "errors": [
                {"detail": "is required", "pointer": "/payload/source"},
                {"detail": "is no string", "pointer": "/payload/delimiter"},
            ],
        }

        stop = stop_for(422, json.dumps(body).encode())

        assert stop.status is Exit.USAGE
        assert stop.text.splitlines() == [
            "The payload does not fit csv.profile. (422, validation-failed, r1)",
            "  /payload/source: is required",
            "  /payload/delimiter: is no string",
        ]

    @pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
    def test_the_service_or_the_key_is_not_the_request(self, status: int) -> None:
        assert stop_for(status, b"{}").status is Exit.UNREACHABLE

    def test_one_fault_that_says_the_same_is_not_said_twice(self) -> None:
        same = "No worker has announced demo.stepz."
        body = {"detail": same, "errors": [{"detail": same, "pointer": "/type"}]}

        assert stop_for(422, json.dumps(body).encode()).text == f"{same} (422)"

    def test_a_job_that_may_run_all_the_same_is_named(self) -> None:
        text = stop_for(503, b'{"detail": "No confirm.", "job_id": "j1"}').text

        assert "waymark cancel j1" in text

    def test_a_body_that_is_no_problem_is_shown_harmlessly(self) -> None:
        assert "\x1b" not in stop_for(502, b"<h1>\x1b[2J bad gateway").text


class TestRender:
    def test_a_list_of_flat_objects_becomes_a_table(self) -> None:
        result = {
            "rows": 336776,
            "columns": [
                {"name": "year", "nulls": 0, "mean": 2013.0},
                {"name": "carrier", "nulls": None, "top": ["UA", "B6"]},
            ],
        }

        lines = printed(*render.result(result)).splitlines()

        assert lines[0].split() == ["rows", "336,776"]
        assert lines[2].split() == ["columns"]
        assert lines[3].split() == ["name", "nulls", "mean", "top"]
        assert lines[4].split() == ["year", "0", "2013", "-"]
        assert '["UA", "B6"]' in lines[5]

    @pytest.mark.parametrize("value", [3, "x", [1, 2], {"a": {"b": 1}}, [], {}, [{"a": {}}], None])
    def test_any_result_can_be_shown(self, value: object) -> None:
        assert isinstance(printed(*render.result(value)), str)

    def test_a_retried_job_shows_its_attempts_and_a_plain_success_does_not(self) -> None:
        attempt = {
            "number": 1,
            "started_at": "2026-01-01T00:00:00.000Z",
            "finished_at": "2026-01-01T00:00:02.500Z",
            "outcome": "failed",
            "error": {"code": "error", "message": "no luck"},
            "worker": "w",
        }
        fine = attempt | {"number": 2, "outcome": "succeeded", "error": None}

        retried = printed(*render.outcome({"attempts": [attempt, fine], "result": None}))

        assert "no luck" in retried
        assert "2.5" in retried
        assert printed(*render.outcome({"attempts": [fine]})) == ""

    def test_words_of_strangers_cannot_steer_the_terminal_or_rich(self) -> None:
        text = printed(render.cell("[red]\x1b[31mhello\r"))

        assert text == "[red]\ufffd[31mhello\ufffd\n"
        assert plain("a\x07b\nc") == "a\ufffdb\nc"

    @pytest.mark.parametrize(
        ("progress", "words"),
        [
            (None, ""),
            (
                {"current": 120, "total": 400, "percent": 30.0, "message": "reading"},
                "30 % (120/400) reading",
            ),
            ({"current": 7, "total": None, "percent": None, "message": None}, "(7)"),
        ],
    )
    def test_progress_is_one_line(self, progress: dict[str, object] | None, words: str) -> None:
        assert render.progress_words(progress) == words


class TestRequests:
    @pytest.mark.parametrize(
        ("url", "key", "words"),
        [
            ("127.0.0.1:8000", "wm_a_b", "WAYMARK_URL must start with http"),
            ("gopher://x", "wm_a_b", "WAYMARK_URL must start with http"),
            ("http://x", "wm_a\nb", "WAYMARK_API_KEY is no key"),
            ("http://x", "schlüssel", "WAYMARK_API_KEY is no key"),
        ],
    )
    def test_a_wrong_setting_is_named_and_a_key_never_shown(
        self, url: str, key: str, words: str
    ) -> None:
        with pytest.raises(Stop, match=words) as stop:
            Api(Settings(url=url, stream_url=None, api_key=key))

        assert stop.value.status is Exit.USAGE
        assert key not in stop.value.text

    @pytest.mark.parametrize("key", ["wrong", "wm-a-b", "Bearer", "a.b"])
    def test_what_is_no_key_is_called_so_before_anything_is_sent(self, key: str) -> None:
        with pytest.raises(Stop, match="WAYMARK_API_KEY is no API key: one looks like") as stop:
            Api(Settings(url="http://127.0.0.1:9", stream_url=None, api_key=key))

        assert stop.value.status is Exit.UNREACHABLE
        assert "wm_<id>_<secret>" in stop.value.text

    @pytest.mark.parametrize("job", ["", "..", "../x", "a/b", "a?b", "ä"])
    def test_what_is_no_job_id_never_leaves_the_machine(self, job: str) -> None:
        nowhere = Settings(url="http://127.0.0.1:9", stream_url=None, api_key="wm_a_b")
        with Api(nowhere) as api, pytest.raises(Stop, match="is no job id"):
            api.job(job)

    def test_names_that_come_close_are_offered(self) -> None:
        problem = {"detail": "No such type.", "code": "unknown-type", "did_you_mean": ["a.b", "c"]}

        assert "\n  Did you mean a.b or c?" in stop_for(422, json.dumps(problem).encode()).text

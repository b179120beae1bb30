"""A house made of prepared answers and talks, on loopback, for those who test a client."""

import json
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import Server, ServerConnection, serve

JOB = "0190a0a0-0000-7000-8000-000000000001"
AT = "2026-01-01T00:00:00.000Z"
EPOCH = "8b592835"

Talk = Callable[["Socket"], None]


class Socket:
    """The server's end of one stream, past its hello."""

    def __init__(self, connection: ServerConnection, hello: dict[str, Any]) -> None:
        self.connection = connection
        self.hello = hello

    def say(self, **frame: object) -> None:
        self.connection.send(json.dumps(frame))

    def hear(self) -> dict[str, Any]:
        frame = json.loads(self.connection.recv(timeout=10))
        assert isinstance(frame, dict)
        return frame

    def close(self, code: int, reason: str = "") -> None:
        self.connection.close(code, reason)

    def snapshot(self, step: int, state: str = "running", **more: object) -> None:
        history = [{"step": n, "state": "running", "at": AT} for n in range(1, step)]
        self.event(
            "snapshot",
            step,
            step * 10,
            state=state,
            attempt=1,
            progress=None,
            result=None,
            error=None,
            history=[*history, {"step": step, "state": state, "at": AT}],
            **more,
        )

    def transition(self, step: int, state: str, **more: object) -> None:
        self.event("transition", step, step * 10, state=state, at=AT, attempt=1, **more)

    def progress(self, step: int, current: int) -> None:
        shown = {"current": current, "total": 4, "percent": current * 25.0, "message": "reading"}
        self.event("progress", step, step * 10 + current, progress=shown)

    def event(self, type_: str, step: int, revision: int, **more: object) -> None:
        place = {"job": JOB, "epoch": EPOCH, "seq": 1, "revision": revision, "step": step}
        self.say(type=type_, **(place | more))


class FakeHouse:
    """Answers HTTP from a table and talks one prepared talk for each stream."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], tuple[int, Any]] = {}
        self.turns: dict[tuple[str, str], list[Any]] = {}
        self.asked: list[tuple[str, str, dict[str, str], Any]] = []
        self.talks: list[Talk] = []
        self.hellos: list[dict[str, Any]] = []
        self.faults: list[BaseException] = []
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.refusals: list[tuple[int, str]] = []  # status and Retry-After of the next handshakes
        self._stream: Server = serve(self._talk, "127.0.0.1", 0, process_request=self._door)
        for server in (self._http, self._stream):
            threading.Thread(target=server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        self.stream_url = f"ws://127.0.0.1:{self._stream.socket.getsockname()[1]}/v1/stream"
        self.answer("POST", "/v1/tokens", 201, self.access)
        self.answer("GET", f"/v1/jobs/{JOB}", 200, self.job("running"))

    @property
    def access(self) -> dict[str, str]:
        return {"token": "t0", "expires_at": AT, "stream_url": self.stream_url}

    def job(self, state: str, **more: object) -> dict[str, Any]:
        final = state in {"succeeded", "failed", "cancelled", "expired"}
        job = {
            "id": JOB,
            "type": "demo.steps",
            "queue": "default",
            "state": state,
            "final": final,
            "attempt": 1,
            "max_attempts": 6,
            "priority": 5,
            "result": None,
            "error": None,
            "progress": None,
            "labels": {},
            "created_at": AT,
            "dead_letter": None,
            "attempts": [],
        }
        return job | more

    def answer(self, method: str, path: str, status: int, body: object) -> None:
        self.answers[method, path] = (status, body)

    def answer_in_turn(self, method: str, path: str, status: int, bodies: list[Any]) -> None:
        self.answers[method, path] = (status, bodies[-1])
        self.turns[method, path] = list(bodies)

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._stream.shutdown()
        assert not self.faults, self.faults

    def _door(self, connection: ServerConnection, _request: Request) -> Response | None:
        if not self.refusals:
            return None
        status, after = self.refusals.pop(0)
        refusal = connection.respond(HTTPStatus(status), "not now")
        refusal.headers["Retry-After"] = after
        return refusal

    def _talk(self, connection: ServerConnection) -> None:
        try:
            hello = json.loads(connection.recv(timeout=10))
            self.hellos.append(hello)
            welcome = {"session": "s", "timeout_ms": 10_000, "ping_interval_ms": 5_000}
            connection.send(json.dumps({"type": "welcome", **welcome}))
            self.talks.pop(0)(Socket(connection, hello))
            for _ in connection:  # until the client goes
                pass
        except ConnectionClosed:
            pass
        except BaseException as fault:
            self.faults.append(fault)
            raise

    def _handler(house) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - the handler has its own self
        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                size = int(self.headers.get("content-length") or 0)
                body = json.loads(self.rfile.read(size)) if size else None
                house.asked.append((self.command, self.path, dict(self.headers), body))
                missing = (404, {"detail": "There is no such job.", "code": "job-not-found"})
                asked = (self.command, self.path.partition("?")[0])
                status, answer = house.answers.get(asked, missing)
                if house.turns.get(asked):
                    answer = house.turns[asked].pop(0)
                payload = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)

            do_GET = do_POST = _answer  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        return Handler

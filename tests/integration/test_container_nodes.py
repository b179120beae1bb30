"""The container path, on a stand-in for the docker command that starts plain redis-servers."""

import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.containers import REDIS, ContainerNode
from deploy.local.ports import free_port
from deploy.local.redis import command

STAND_IN = """#!/bin/sh
# Keeps one folder per container and per volume under $BOX; knows only what ContainerNode says.
set -eu
# As the engine does, it comes back when the process is gone, for at most 10 s.
gone() {
  turns=0
  while [ $turns -lt 1000 ] && grep -qs '^State:.[^ZX]' "/proc/$1/status"; do
    sleep 0.01; turns=$((turns + 1))
  done
}
verb=$1; shift
case $verb in
  run)
    while [ $# -gt 0 ]; do
      case $1 in
        --detach) shift ;;
        --name) name=$2; shift 2 ;;
        --publish) port=${2#*:}; port=${port%:*}; shift 2 ;;
        --volume) volume=$BOX/volume-${2%:*}; shift 2 ;;
        --hostname|--env) shift 2 ;;
        *) image=$1; shift; break ;;
      esac
    done
    [ "$image" = redis:8 ]
    mkdir -p "$volume"
    "$@" --port "$port" --bind 127.0.0.1 --dir "$volume" </dev/null >"$BOX/log" 2>&1 &
    echo $! >"$BOX/$name.pid" ;;
  ps) name=${4#name=^}; [ ! -f "$BOX/${name%$}.pid" ] || echo "${name%$}" ;;
  inspect) cat "$BOX/$3.pid" ;;
  stop) pid=$(cat "$BOX/$3.pid"); kill -TERM "$pid"; gone "$pid" ;;
  pause) kill -STOP "$(cat "$BOX/$1.pid")" ;;
  unpause) kill -CONT "$(cat "$BOX/$1.pid")" ;;
  rm)
    if [ -f "$BOX/$2.pid" ]; then
      pid=$(cat "$BOX/$2.pid"); rm "$BOX/$2.pid"
      kill -KILL "$pid" || true; gone "$pid"
    fi ;;
  volume) rm -rf "$BOX/volume-$3" ;;
  *) exit 64 ;;
esac
"""


@pytest.fixture
def node(nodes_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ContainerNode]:
    if shutil.which("redis-server") is None:
        pytest.skip("the stand-in needs redis-server")
    box = nodes_folder / "engine"
    box.mkdir(exist_ok=True)
    (box / "docker").write_text(STAND_IN)
    (box / "docker").chmod(0o755)
    monkeypatch.setenv("BOX", str(box))
    monkeypatch.setenv("PATH", f"{box}:/usr/local/bin:/usr/bin:/bin")
    node = ContainerNode(REDIS, name="waymark-test-redis", port=free_port())
    node.start(within=10)
    yield node
    node.wipe()


def test_a_container_s_data_and_port_outlive_a_kill(node: ContainerNode) -> None:
    before = node.pid
    assert command(node.port, "SET kept precious") == "+OK"

    node.kill()
    assert not node.is_running
    node.start(within=10)

    assert node.pid != before
    assert command(node.port, "EXISTS kept") == ":1"


def test_a_wiped_container_comes_back_empty(node: ContainerNode) -> None:
    command(node.port, "SET kept precious")

    node.wipe()
    node.start(within=10)

    assert command(node.port, "EXISTS kept") == ":0"


def test_a_paused_container_lives_and_is_silent(node: ContainerNode) -> None:
    node.freeze()

    assert node.is_running
    assert not node.answers()

    node.thaw()
    assert node.answers()


def test_a_stopped_container_gives_its_port_back(node: ContainerNode) -> None:
    node.stop()

    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", node.port))
    node.start(within=10)
    assert node.answers()

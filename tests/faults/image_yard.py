"""Builds the images with buildah and runs them with runc: no daemon, and no registry is needed.

The base image is pulled; where that is not possible it is made by debootstrap, which is what
Debian makes it of.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from deploy.local.deadline import holds
from deploy.local.service import REPO

DOCKERFILE = REPO / "deploy" / "docker" / "Dockerfile"
BASE = "debian:bookworm-slim"
SECCOMP = Path("/usr/share/containers/seccomp.json")  # what podman and CRI-O apply by default
PROGRAMS = ("buildah", "runc", "debootstrap")
AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")  # whom this machine trusts
BUILD_SECONDS = 600
PULL_SECONDS = 45  # more than a pull takes; without a registry it would try for minutes
RUN_SECONDS = 60
CAPABILITIES = ("bounding", "effective", "inheritable", "permitted", "ambient")


def why_not() -> str | None:
    """What is missing here, None when images can be built and run."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        return f"needs {', '.join(missing)} (Debian packages)"
    if not SECCOMP.exists():
        return f"needs {SECCOMP} (golang-github-containers-common)"
    return None if os.geteuid() == 0 else "needs root"


class Yard:
    """A store of images of its own, gone with its folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self._pip = folder / "pip.conf"
        self._pip.write_text("[global]\ncert = /run/authorities.crt\n")

    def buildah(self, *words: str, within: float = RUN_SECONDS) -> str:
        """Run buildah on this store; return what it prints."""
        store = ["--root", str(self.folder / "images"), "--runroot", str(self.folder / "run")]
        done = subprocess.run(
            ["buildah", *store, *words],
            env=os.environ | {"BUILDAH_ISOLATION": "chroot"},
            capture_output=True,
            text=True,
            timeout=within,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-4000:]
        return done.stdout.strip()

    def have_base(self) -> None:
        try:
            self.buildah("pull", "--quiet", BASE, within=PULL_SECONDS)
        except (AssertionError, subprocess.TimeoutExpired):
            self._make_base()

    def _make_base(self) -> None:
        root = self.folder / "bookworm"
        subprocess.run(
            ["debootstrap", "--variant=minbase", "bookworm", str(root)],
            check=True,
            stdout=subprocess.DEVNULL,
            timeout=BUILD_SECONDS,
        )
        made = self.buildah("from", "scratch")
        self.buildah("add", "--quiet", made, str(root), "/", within=BUILD_SECONDS)
        self.buildah("config", "--env", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", made)
        self.buildah("commit", "--quiet", "--rm", made, BASE, within=BUILD_SECONDS)
        shutil.rmtree(root)

    def build(self, target: str, *, version: str, revision: str) -> str:
        """Build one target of our Dockerfile as its readers would; return the image's name."""
        image = f"waymark-{target}:{version}"
        self.buildah(
            *("build", "--format", "docker", "--layers", "--pull-never", "--quiet"),
            *("--file", str(DOCKERFILE), "--target", target, "--tag", image),
            *("--build-arg", f"VERSION={version}", "--build-arg", f"REVISION={revision}"),
            *("--secret", f"id=pip.conf,src={self._pip}"),
            *("--volume", f"{AUTHORITIES}:/run/authorities.crt:ro", str(REPO)),
            within=BUILD_SECONDS,
        )
        return image

    def build_example(self, worker: str) -> str:
        """Build a team's worker on ours; return the image's name."""
        folder = REPO / "deploy" / "docker" / "example"
        tag = ("--tag", "our-worker", "--build-arg", f"WORKER=localhost/{worker}")
        self.buildah("build", "--format", "docker", "--pull-never", *tag, str(folder))
        return "our-worker"

    def config(self, image: str) -> dict[str, Any]:
        """What the image says of itself."""
        told = json.loads(self.buildah("inspect", "--type", "image", f"localhost/{image}"))
        found: dict[str, Any] = told["Docker"]["config"]
        return found

    def root_of(self, image: str) -> Path:
        """Unpack the image; return its root."""
        container = self.buildah("from", "--pull-never", f"localhost/{image}")
        return Path(self.buildah("mount", container))

    def close(self) -> None:
        self.buildah("rm", "--all")
        shutil.rmtree(self.folder, ignore_errors=True)


class Container:
    """One image as an engine would run it: read-only, no capability, a process tree of its own.

    It shares the network of this machine, where the nodes are.
    """

    def __init__(self, name: str, root: Path, config: dict[str, Any], folder: Path) -> None:
        self.name = name
        self._config = config
        self._root = root
        self._bundle = folder / name
        self._bundle.mkdir()
        self.log = folder / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, env: Mapping[str, str], binds: Mapping[Path, str]) -> None:
        (self._bundle / "config.json").write_text(json.dumps(self._spec(env, binds)))
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                ["runc", "run", "--bundle", str(self._bundle), self.name], stdout=log, stderr=log
            )

    def is_healthy(self) -> bool:
        """Run the image's own health check inside."""
        _, *command = self._config["Healthcheck"]["Test"]
        return self.run(*command).returncode == 0

    def run(self, *command: str) -> "subprocess.CompletedProcess[str]":
        """Run something inside, as its user."""
        return subprocess.run(
            ["runc", "exec", "--cwd", self._config["WorkingDir"], self.name, *command],
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS,
            check=False,
        )

    def wait_healthy(self, within: float = RUN_SECONDS) -> None:
        assert holds(self.is_healthy, within=within), self.log.read_text()[-4000:]

    def stop(self, within: float) -> int:
        """Send the image's stop signal to process 1; return the exit status."""
        assert self._process is not None
        subprocess.run(["runc", "kill", self.name, self._config["StopSignal"]], check=True)
        return self._process.wait(within)

    def kill(self) -> None:
        subprocess.run(["runc", "delete", "--force", self.name], check=False, capture_output=True)
        if self._process is not None:
            self._process.wait(RUN_SECONDS)

    def _spec(self, env: Mapping[str, str], binds: Mapping[Path, str]) -> dict[str, Any]:
        uid, gid = (int(word) for word in self._config["User"].split(":"))
        told = [*self._config["Env"], *(f"{name}={value}" for name, value in env.items())]
        return {
            "ociVersion": "1.0.2",
            "process": {
                "terminal": False,
                "user": {"uid": uid, "gid": gid},
                "args": self._config["Entrypoint"],
                "env": told,
                "cwd": self._config["WorkingDir"],
                "capabilities": {kind: [] for kind in CAPABILITIES},
                "noNewPrivileges": True,
            },
            "root": {"path": str(self._root), "readonly": True},
            "mounts": [*_own_mounts(), *(_bind(path, at) for path, at in binds.items())],
            "linux": {
                "namespaces": [{"type": kind} for kind in ("pid", "ipc", "uts", "mount")],
                "seccomp": seccomp(),
            },
        }


def seccomp() -> dict[str, Any]:
    """The default profile of container engines, for a process without any capability."""
    profile = json.loads(SECCOMP.read_text())
    allowed = [
        {key: rule[key] for key in ("names", "action", "args", "errnoRet") if rule.get(key)}
        for rule in profile["syscalls"]
        if not rule.get("includes", {}).get("caps")
        and "amd64" in rule.get("includes", {}).get("arches", ["amd64"])
    ]
    return {
        "defaultAction": profile["defaultAction"],
        "architectures": ["SCMP_ARCH_X86_64"],
        "syscalls": allowed,
    }


def _own_mounts() -> Sequence[dict[str, Any]]:
    def memory(at: str, *options: str) -> dict[str, Any]:
        told = ["nosuid", "nodev", *options]
        return {"destination": at, "type": "tmpfs", "source": "tmpfs", "options": told}

    device = {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid"]}
    return [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        device,
        memory("/dev/shm", "noexec", "mode=1777", "size=64m"),
        memory("/tmp", "mode=1777", "size=64m"),
    ]


def _bind(path: Path, at: str) -> dict[str, Any]:
    options = ["rbind", "ro"]
    return {"destination": at, "type": "bind", "source": str(path), "options": options}

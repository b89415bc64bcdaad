"""Daemons under test: ours, and Debian's dockerd as the reference (PADDOCK_ENGINE=moby)."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

from support import http
from support.image import busybox
from support.wait import wait_until

TOP = pathlib.Path(__file__).resolve().parents[2]
ROS = os.environ.get("PADDOCK_ROS", str(TOP / "build/ros"))
KIND = os.environ.get("PADDOCK_ENGINE", "paddock")
CLIENT = [ROS, "docker"] if os.environ.get("PADDOCK_CLIENT") == "ros" else [os.environ.get("PADDOCK_CLIENT", "docker")]


class Engine:
    """One daemon with folders of its own below base. start, kill and start again as often as a test likes."""

    def __init__(self, base, *args, kind=KIND):
        self.base, self.args, self.kind = pathlib.Path(base), args, kind
        self.base.mkdir(parents=True, exist_ok=True)
        self.socket = self.base / "docker.sock"
        self.data_root, self.exec_root = self.base / "data", self.base / "exec"
        self.pidfile, self.log = self.base / "docker.pid", self.base / "daemon.log"
        self.process = None
        self.start_seconds = None

    def command(self):
        program = [ROS, "dockerd"] if self.kind == "paddock" else ["dockerd"]
        return [*program, "-H", f"unix://{self.socket}", "--data-root", self.data_root, "--exec-root", self.exec_root,
                "--pidfile", self.pidfile, *self.args]

    def start(self, seconds=30):
        started = time.monotonic()
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([str(word) for word in self.command()], stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, cwd="/")
        wait_until(self.answers, seconds, "the daemon's first answer to /_ping", pause=0.002)
        self.start_seconds = time.monotonic() - started
        return self

    def answers(self):
        if self.process.poll() is not None:
            raise AssertionError(f"the daemon ended with {self.process.returncode}:\n{self.log_tail()}")
        try:
            return http.request(self.socket, "GET", "/_ping", timeout=5).status == 200
        except OSError:
            return False

    def stop(self, seconds=30):
        """As its service manager does."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError(f"the daemon did not end within {seconds} s of SIGTERM:\n{self.log_tail()}")
        self.process = None

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process = None

    def log_tail(self, lines=40):
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def sanitizer_report(self):
        """What ASan, UBSan or TSan had to say of the daemon or its shims, from the log; empty when all is well."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        found = re.search(r"(==\d+==ERROR: |WARNING: ThreadSanitizer|runtime error: )[\s\S]{0,4000}", text)
        return found[0] if found else ""

    def environment(self):
        config = self.base / "client"
        config.mkdir(exist_ok=True)
        return os.environ | {"DOCKER_HOST": f"unix://{self.socket}", "DOCKER_CONFIG": str(config), "HOME": str(config)}

    def run(self, *words, input=None, timeout=60, check=False):
        """The docker command; both outputs as text."""
        if isinstance(input, str):
            input = input.encode()
        stdin = {"input": input} if input is not None else {"stdin": subprocess.DEVNULL}
        done = subprocess.run([*CLIENT, *map(str, words)], capture_output=True, timeout=timeout, env=self.environment(), **stdin)
        done.stdout, done.stderr = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
        if check and done.returncode != 0:
            raise AssertionError(f"docker {' '.join(map(str, words))}: exit status {done.returncode}\n{done.stdout}{done.stderr}"
                                 f"--- daemon:\n{self.log_tail(15)}")
        return done

    def docker(self, *words, **more):
        """What the docker command printed, stripped; fails when it failed."""
        return self.run(*words, check=True, **more).stdout.strip()

    def popen(self, *words, **more):
        """The docker command, beside the test."""
        defaults = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        return subprocess.Popen([*CLIENT, *map(str, words)], env=self.environment(), **defaults | more)

    def api(self, method, path, body=None, **more):
        return http.request(self.socket, method, path, body, **more)

    def inspect(self, what, kind=None):
        return json.loads(self.docker("inspect", *(["--type", kind] if kind else []), what))[0]

    def load(self, image=None, tag="busybox:latest"):
        archive = (image or busybox()).archive(tag)
        answer = self.api("POST", "/images/load?quiet=1", archive, headers={"Content-Type": "application/x-tar"}, timeout=120)
        assert answer.status == 200 and b"error" not in answer.body, answer
        return (image or busybox()).id

    def clean(self):
        """Removes what a test has made: containers, volumes, networks. Images stay."""
        containers = self.docker("ps", "-aq").split()
        if containers:
            self.docker("rm", "-fv", *containers)
        volumes = self.docker("volume", "ls", "-q").split()
        if volumes:
            self.docker("volume", "rm", "-f", *volumes)

    def remove(self):
        shutil.rmtree(self.base, ignore_errors=True)


class Traces:
    """What this pid, mount, network and cgroup namespace holds; the difference of two is what was left behind."""

    def __init__(self):
        self.processes = dict(self._processes())
        self.mounts = {line.split(" ", 5)[4] for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines()}
        self.links = set(re.findall(r"^\d+: ([^:@]+)", self._ip_link(), flags=re.M))
        self.groups = {str(path) for path in pathlib.Path("/sys/fs/cgroup").rglob("*")
                       if path.is_dir() and re.search(r"[0-9a-f]{64}", path.name)}

    @staticmethod
    def _ip_link():
        return subprocess.run(["ip", "-o", "link"], capture_output=True, text=True).stdout

    @staticmethod
    def _processes():
        for folder in pathlib.Path("/proc").iterdir():
            if folder.name.isdigit():
                try:
                    state = (folder / "stat").read_text().rsplit(")", 1)[1].split()[0]
                    words = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
                except OSError:
                    continue
                if state != "Z" and words and not words.startswith("docker-registry "):  # it serves all files of tests
                    yield int(folder.name), words

    def left_since(self, before):
        left = [f"process {pid}: {words[:150]}" for pid, words in self.processes.items() if pid not in before.processes]
        left += [f"mount {path}" for path in sorted(self.mounts - before.mounts)]
        left += [f"link {name}" for name in sorted(self.links - before.links) if name.startswith(("veth", "v"))]
        left += [f"cgroup {path}" for path in sorted(self.groups - before.groups)]
        return left


def check_nothing_left(before, seconds=5):
    """Fails when something of the engine's is still there after a while."""
    limit = time.monotonic() + seconds
    while left := Traces().left_since(before):
        if time.monotonic() > limit:
            raise AssertionError("left behind:\n  " + "\n  ".join(left))
        time.sleep(0.05)

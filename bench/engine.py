"""Measures one daemon in namespaces of its own: engine.py paddock|moby OUT.json. Run by bench/run through tests/isolate."""
import json
import os
import pathlib
import shutil
import statistics
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests"))
from support.daemon import Engine  # noqa: E402
from support.http import UnixConnection  # noqa: E402

ROUNDS = {"paddock": 40, "moby": 12}
STARTS = {"paddock": 15, "moby": 3}
CONTAINERS = 10


def median_ms(seconds):
    return round(statistics.median(seconds) * 1000, 2)


def smaps_kb(pid, name):
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return sum(int(line.split()[1]) for line in text.splitlines() if line.startswith(name))


def private_kb(pid):
    """Memory that is this process's alone, in KB, but for clean pages of its program's file."""
    return smaps_kb(pid, "Private_Dirty:")


def idle_memory(engine):
    """KB that the daemon, with containerd if it has one, has alone: in all, and without clean pages of its program's file."""
    pids = [engine.process.pid, *(pid for pid, words in processes().items() if words[0].endswith("containerd"))]
    dirty = sum(map(private_kb, pids))
    return dirty + sum(smaps_kb(pid, "Private_Clean:") for pid in pids), dirty


def processes():
    """pid -> its words, of this pid namespace."""
    found = {}
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if words[0]:
            found[int(path.parent.name)] = [word.decode(errors="replace") for word in words]
    return found


class Client:
    """One kept connection, as every client of the API has it."""

    def __init__(self, engine):
        self.connection = UnixConnection(engine.socket, timeout=60)

    def __call__(self, method, path, body=None, want=(200, 201, 204)):
        data = None if body is None else json.dumps(body).encode()
        self.connection.request(method, path, data, {"Content-Type": "application/json"} if data else {})
        answer = self.connection.getresponse()
        content = answer.read()
        if answer.status not in want:
            raise RuntimeError(f"{method} {path}: {answer.status} {content[:300]!r}")
        return json.loads(content) if content.strip().startswith(b"{") else content


def start_times(kind, base):
    times = []
    for number in range(STARTS[kind]):
        engine = Engine(base / f"start{number}", kind=kind).start(60)
        times.append(engine.start_seconds)
        engine.stop()
        engine.remove()
    return times


def container_cycle(call, network):
    created = call("POST", "/v1.44/containers/create",
                   {"Image": "busybox", "Cmd": ["true"], "HostConfig": {"NetworkMode": network}})["Id"]
    call("POST", f"/v1.44/containers/{created}/start")
    assert call("POST", f"/v1.44/containers/{created}/wait")["StatusCode"] == 0
    call("DELETE", f"/v1.44/containers/{created}")


def exec_cycle(call, container):
    created = call("POST", f"/v1.44/containers/{container}/exec", {"Cmd": ["true"], "AttachStdout": True})["Id"]
    # the answer ends when the process does; the connection belongs to it
    call("POST", f"/v1.44/exec/{created}/start", {"Detach": False, "Tty": False})
    assert call("GET", f"/v1.44/exec/{created}/json")["ExitCode"] == 0


def timed(rounds, function, *args):
    times = []
    for _ in range(rounds):
        started = time.monotonic()
        function(*args)
        times.append(time.monotonic() - started)
    return times


def start_sleeper(call):
    made = call("POST", "/v1.44/containers/create", {"Image": "busybox", "Cmd": ["sleep", "1000"], "HostConfig": {}})["Id"]
    call("POST", f"/v1.44/containers/{made}/start")
    return made


def memory_per_container(call, engine, is_shim):
    """KB of private memory: of one container's monitor, and by how much the daemon grows for one."""
    idle = private_kb(engine.process.pid)
    made = [start_sleeper(call) for _ in range(CONTAINERS)]
    time.sleep(1)
    os.sync()
    shims = [private_kb(pid) for pid, words in processes().items() if is_shim(words)]
    grown = (private_kb(engine.process.pid) - idle) / CONTAINERS
    for container in made:
        call("DELETE", f"/v1.44/containers/{container}?force=1")
    if len(shims) != CONTAINERS:
        raise RuntimeError(f"{len(shims)} monitors for {CONTAINERS} containers")
    return statistics.median(shims), round(grown, 1)


def is_shim(kind):
    if kind == "moby":
        return lambda words: "containerd-shim" in words[0]
    return lambda words: "shim" in words[:2]


def measure(kind, base):
    result = {"start_ms": median_ms(start_times(kind, base))}
    engine = Engine(base / "engine", kind=kind).start(60)
    try:
        engine.load()
        engine.stop()
        engine.start(60)
        time.sleep(1)
        os.sync()
        result["idle_kb"], result["idle_dirty_kb"] = idle_memory(engine)
        call = Client(engine)
        for network in ("bridge", "none"):
            container_cycle(call, network)
            result[f"run_{network}_ms"] = median_ms(timed(ROUNDS[kind], container_cycle, call, network))
        sleeper = start_sleeper(call)
        exec_cycle(Client(engine), sleeper)
        result["exec_ms"] = median_ms(timed(ROUNDS[kind], lambda: exec_cycle(Client(engine), sleeper)))
        call("DELETE", f"/v1.44/containers/{sleeper}?force=1")
        result["shim_kb"], result["daemon_growth_kb"] = memory_per_container(call, engine, is_shim(kind))
    except Exception:
        print(engine.log_tail(20), file=sys.stderr)
        raise
    finally:
        engine.stop()
    return result


def main(kind, out):
    base = pathlib.Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        pathlib.Path(out).write_text(json.dumps(measure(kind, base)))
    finally:
        shutil.rmtree(base, ignore_errors=True)


main(*sys.argv[1:])

"""What outlives what: engines and shims are killed while containers run, log and are attached."""
import json
import os
import pathlib
import signal
import socket
import subprocess
import time
import urllib.request

import pytest

from support.http import UnixConnection
from support.image import Image, Layer, busybox_layer
from support.wait import wait_until

COUNT = "i=0; while true; do i=$((i+1)); echo line $i; sleep 0.01; done"


def shim_of(engine, container):
    """The pid of the shim that holds a container."""
    for folder in pathlib.Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                words = (folder / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if container.encode() in words and b"shim" in b" ".join(words[:2]):
                return int(folder.name)
    raise AssertionError(f"no shim of {container[:12]}")


def numbers(text):
    return [int(line.split()[1]) for line in text.splitlines() if line.startswith("line ")]


def assert_whole(found):
    assert found and found == list(range(1, len(found) + 1)), f"lines are missing: {found[:5]} ... {found[-5:]}"


def test_engine_killed__containers_run_on_and_no_line_is_lost(own_engine):
    engine = own_engine()
    container = engine.docker("run", "-d", "--name", "counter", "busybox", "sh", "-c", COUNT)
    pid = engine.inspect("counter")["State"]["Pid"]
    for _ in range(3):
        time.sleep(0.1)
        engine.kill()
        time.sleep(0.1)
        engine.start()
        state = engine.inspect("counter")["State"]
        assert state["Running"] and state["Pid"] == pid
    engine.docker("stop", "-t", "1", "counter")
    assert_whole(numbers(engine.docker("logs", "counter")))
    assert engine.inspect(container)["State"]["ExitCode"] == 137


def test_engine_killed__attached_client_keeps_its_stream(own_engine):
    engine = own_engine()
    client = engine.popen("run", "-i", "--name", "echoer", "busybox", "sh", "-c", "while read line; do echo got $line; done; echo end",
                          stderr=subprocess.DEVNULL)  # it complains of its wait request, which has gone with the engine
    client.stdin.write(b"one\n")
    client.stdin.flush()
    assert client.stdout.readline() == b"got one\n"
    wait_until(lambda: engine.inspect("echoer")["State"]["Running"], 5)
    time.sleep(0.2)  # the client has the answer to its start request, too
    engine.kill()
    client.stdin.write(b"two\n")
    client.stdin.flush()
    assert client.stdout.readline() == b"got two\n"
    engine.start()
    client.stdin.write(b"three\n")
    client.stdin.close()
    assert client.stdout.read().startswith(b"got three\nend\n")
    client.wait(10)
    assert engine.docker("wait", "echoer") == "0"


def test_engine_killed__exit_meanwhile_is_known(own_engine):
    engine = own_engine()
    engine.docker("run", "-d", "--name", "short", "busybox", "sh", "-c", "sleep 0.5; echo last words; exit 7")
    engine.kill()
    time.sleep(1)
    engine.start()
    state = engine.inspect("short")["State"]
    assert (state["Status"], state["ExitCode"], state["Pid"]) == ("exited", 7, 0)
    assert engine.docker("logs", "short") == "last words"


def test_engine_killed__logs_wait_attach_and_exec_go_on(own_engine):
    engine = own_engine()
    engine.docker("run", "-di", "--name", "server", "busybox", "cat")
    engine.kill()
    engine.start()
    assert engine.docker("exec", "server", "echo", "in exec") == "in exec"
    follower = engine.popen("logs", "-f", "server")
    waiter = engine.popen("wait", "server")
    attached = engine.popen("attach", "--no-stdin=false", "server")
    attached.stdin.write(b"hello\n")
    attached.stdin.flush()
    assert attached.stdout.readline() == b"hello\n"
    engine.docker("kill", "server")
    assert waiter.stdout.read() == b"137\n"
    assert follower.stdout.read() == b"hello\n"
    for client in (attached, waiter, follower):
        client.stdin.close()
        client.wait(10)


def test_engine_killed__rm_at_exit_still_happens(own_engine):
    engine = own_engine()
    engine.docker("run", "-d", "--rm", "--name", "gone", "busybox", "sleep", "0.4")
    engine.kill()
    time.sleep(0.8)
    engine.start()
    wait_until(lambda: not engine.docker("ps", "-aq"), 5, "removal of a container that has ended")


def test_engine_killed__published_port_serves_on(own_engine):
    engine = own_engine()
    engine.docker("run", "-d", "--name", "web", "-p", "18080:80", "busybox", "httpd", "-f", "-p", "80", "-h", "/etc")

    def fetch():
        return urllib.request.urlopen("http://127.0.0.1:18080/passwd", timeout=5).read().startswith(b"root:")

    wait_until(fetch, 5)
    engine.kill()
    assert fetch()
    engine.start()
    assert fetch() and engine.docker("port", "web").splitlines()[0] == "80/tcp -> 0.0.0.0:18080"
    other = engine.run("run", "--rm", "-p", "18080:80", "busybox", "true")
    assert other.returncode == 125 and "18080" in other.stderr
    address = engine.inspect("web")["NetworkSettings"]["IPAddress"]
    engine.docker("run", "-d", "--name", "second", "busybox", "sleep", "100")
    assert engine.inspect("second")["NetworkSettings"]["IPAddress"] not in ("", address)


def test_firewall_flushed__is_made_again(own_engine):
    engine = own_engine()
    engine.docker("run", "-d", "--name", "web", "-p", "18081:80", "busybox", "httpd", "-f", "-p", "80", "-h", "/etc")

    def rules():
        return subprocess.run(["nft", "list", "ruleset"], capture_output=True, text=True, check=True).stdout

    assert "18081" in rules()
    subprocess.run(["nft", "flush", "ruleset"], check=True)
    wait_until(lambda: "18081" in rules(), 5, "the table after a flush")


def test_engine_killed_at_any_moment__nothing_stays_half(own_engine):
    """Clients create, start and remove while the engine is killed again and again; what is left is whole, and can be removed."""
    engine = own_engine()
    for pause in range(14):
        clients = [engine.popen("run", "-d", "--name", f"c{pause}x{n}", "busybox", "sleep", "1000") for n in range(3)]
        clients.append(engine.popen("rm", "-f", f"c{pause - 1}x0"))
        time.sleep(0.015 * pause)
        engine.kill()
        for client in clients:
            client.communicate(timeout=20)
        engine.start()
    for row in engine.docker("ps", "-a", "--format", "{{.Names}} {{.State}}").splitlines():
        name, state = row.split()
        assert state in ("running", "created", "exited"), row
        if state != "running":
            engine.docker("start", name)
        assert engine.docker("exec", name, "echo", "well") == "well"
    known = set(engine.docker("ps", "-aq", "--no-trunc").split())
    assert {path.name for path in (engine.data_root / "containers").iterdir()} == known


def test_engine_stopped__containers_run_on(own_engine):
    engine = own_engine()
    engine.docker("run", "-d", "--name", "keep", "busybox", "sleep", "1000")
    pid = engine.inspect("keep")["State"]["Pid"]
    engine.stop()
    os.kill(pid, 0)
    engine.start()
    assert engine.inspect("keep")["State"]["Pid"] == pid


def test_engine_stopped__with_live_restore_off_stops_containers(own_engine):
    engine = own_engine("--live-restore=false", "--shutdown-timeout=1")
    engine.docker("run", "-d", "--name", "plain", "busybox", "sleep", "1000")
    engine.docker("run", "-d", "--name", "again", "--restart", "unless-stopped", "busybox", "sleep", "1000")
    pid = engine.inspect("plain")["State"]["Pid"]
    engine.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    engine.start()
    assert engine.inspect("plain")["State"]["Status"] == "exited"
    wait_until(lambda: engine.inspect("again")["State"]["Running"], 5, "start by its policy")


def test_shim_killed__container_dies_and_it_is_said(own_engine):
    engine = own_engine()
    container = engine.docker("run", "-d", "--name", "victim", "busybox", "sleep", "1000")
    pid = engine.inspect("victim")["State"]["Pid"]
    waiter = engine.popen("wait", "victim")
    time.sleep(0.2)
    os.kill(shim_of(engine, container), signal.SIGKILL)
    assert waiter.stdout.read().startswith(b"137")
    state = engine.inspect("victim")["State"]
    assert state["Status"] == "exited" and state["ExitCode"] == 137 and "shim" in state["Error"]
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    engine.docker("start", "victim")
    assert engine.inspect("victim")["State"]["Running"]
    waiter.wait(5)


def test_shim_killed__while_no_engine_runs(own_engine):
    engine = own_engine()
    container = engine.docker("run", "-d", "--name", "victim", "busybox", "sleep", "1000")
    pid = engine.inspect("victim")["State"]["Pid"]
    engine.kill()
    os.kill(shim_of(engine, container), signal.SIGKILL)
    engine.start()
    state = engine.inspect("victim")["State"]
    assert state["Status"] == "exited" and state["ExitCode"] == 137 and "shim" in state["Error"]
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_shim_killed__restart_policy_holds(own_engine):
    engine = own_engine()
    container = engine.docker("run", "-d", "--name", "always", "--restart", "always", "busybox", "sleep", "1000")
    os.kill(shim_of(engine, container), signal.SIGKILL)
    wait_until(lambda: engine.inspect("always")["RestartCount"] == 1 and engine.inspect("always")["State"]["Running"], 10, "restart")


def test_policies_wait_for_the_system(own_engine, tmp_path, monkeypatch):
    engine = own_engine()
    engine.docker("run", "-d", "--name", "late", "--restart", "always", "busybox", "sleep", "1000")
    engine.docker("stop", "-t", "0", "late")
    engine.stop()
    monkeypatch.setenv("PADDOCK_WAIT_FOR", str(tmp_path / "done"))
    engine.start()
    assert engine.docker("run", "--rm", "busybox", "echo", "at once") == "at once"
    assert not engine.inspect("late")["State"]["Running"]
    (tmp_path / "done").touch()
    wait_until(lambda: engine.inspect("late")["State"]["Running"], 5)


def test_restart_flag_off__policies_hold_only_later(own_engine):
    engine = own_engine("--restart=false")
    engine.docker("run", "-d", "--name", "later", "--restart", "always", "busybox", "sleep", "1000")
    engine.docker("stop", "-t", "0", "later")
    engine.stop()
    engine.start()
    time.sleep(0.3)
    assert not engine.inspect("later")["State"]["Running"]
    engine.docker("start", "later")
    os.kill(engine.inspect("later")["State"]["Pid"], signal.SIGKILL)
    wait_until(lambda: engine.inspect("later")["RestartCount"] == 1 and engine.inspect("later")["State"]["Running"], 5)


@pytest.mark.parametrize("policy, stopped, runs", [
    ("no", False, False), ("always", False, True), ("always", True, True), ("unless-stopped", False, True),
    ("unless-stopped", True, False), ("on-failure", False, True), ("on-failure", True, False)])
def test_policies_after_a_power_cut(own_engine, policy, stopped, runs):
    """The exec root is empty afterwards, as after a reboot."""
    engine = own_engine()
    container = engine.docker("run", "-d", "--name", "some", "--restart", policy, "busybox", "sleep", "1000")
    pid = engine.inspect("some")["State"]["Pid"]
    shim = shim_of(engine, container)
    if stopped:
        engine.docker("stop", "-t", "0", "some")
    engine.kill()
    if not stopped:
        os.kill(shim, signal.SIGKILL)
        os.kill(pid, signal.SIGKILL)
    time.sleep(0.1)
    for path in sorted((engine.exec_root / "containers").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    engine.start()
    if runs:
        wait_until(lambda: engine.inspect("some")["State"]["Running"], 5, "start by its policy")
    else:
        time.sleep(0.3)
        assert not engine.inspect("some")["State"]["Running"]


def test_half_made_containers_are_swept(own_engine):
    engine = own_engine()
    engine.docker("run", "--name", "whole", "busybox", "true")
    engine.kill()
    half = engine.data_root / "containers" / ("ab" * 32)
    (half / "overlay" / "upper").mkdir(parents=True)
    (half / "overlay" / "upper" / "file").write_text("x")
    (engine.data_root / "volumes" / "half" / "_data").mkdir(parents=True)
    engine.start()
    assert not half.exists() and not (engine.data_root / "volumes" / "half").exists()
    assert engine.docker("ps", "-a", "--format", "{{.Names}}") == "whole"


def test_unreadable_record_is_left_alone(own_engine):
    engine = own_engine()
    engine.load(Image([busybox_layer(), Layer().add("own", "x").bytes()]), "own:1")
    container = engine.docker("create", "--name", "odd", "own:1", "cat", "/own")
    engine.docker("create", "--name", "fine", "busybox", "true")
    engine.docker("rmi", "-f", "own:1")  # from here on the container alone holds its layer
    engine.kill()
    record = engine.data_root / "containers" / container / "container.json"
    whole = record.read_text()
    record.write_text(whole[: len(whole) // 2])
    left_over = engine.data_root / "tmp/left-over"
    left_over.mkdir()
    engine.start()
    wait_until(lambda: not left_over.exists(), 10, "left-overs are swept")
    time.sleep(0.5)
    assert engine.docker("ps", "-a", "--format", "{{.Names}}") == "fine"
    assert container[:12] in engine.log.read_text()
    engine.kill()
    record.write_text(whole)
    engine.start()
    assert sorted(engine.docker("ps", "-a", "--format", "{{.Names}}").split()) == ["fine", "odd"]
    assert engine.docker("start", "-a", "odd") == "x"


def test_records_keep_what_they_do_not_know(own_engine):
    engine = own_engine()
    container = engine.docker("create", "--name", "old", "busybox", "true")
    engine.kill()
    record = engine.data_root / "containers" / container / "container.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"from_the_future": {"a": [1]}}))
    engine.start()
    engine.docker("rename", "old", "new")
    assert json.loads(record.read_text())["from_the_future"] == {"a": [1]}


def test_second_engine_is_refused(own_engine):
    engine = own_engine()
    command = [str(word) for word in engine.command()]
    command[command.index("-H") + 1] = f"unix://{engine.base}/other.sock"
    command[command.index("--pidfile") + 1] = f"{engine.base}/other.pid"
    other = subprocess.run(command, capture_output=True, text=True, timeout=10)
    assert other.returncode == 1 and "another engine uses" in other.stderr


def test_clients_wait_while_the_engine_is_away(own_engine):
    """With the listening socket held by somebody else, as PID 1 does, a request that came meanwhile is answered."""
    engine = own_engine()
    engine.stop()
    listener = socket.socket(socket.AF_UNIX)
    path = engine.base / "held.sock"
    listener.bind(str(path))
    listener.listen(16)
    connection = UnixConnection(path, timeout=10)
    connection.request("GET", "/_ping")
    command = [str(word) for word in engine.command()]
    command[command.index("-H") + 1] = "fd://"
    with open(engine.log, "ab") as log:
        process = subprocess.Popen(["bash", "-c", 'exec 3<&"$0" && LISTEN_FDS=1 LISTEN_PID=$$ exec "$@"', str(listener.fileno()), *command],
                                   pass_fds=[listener.fileno()], stdout=log, stderr=log)
    try:
        assert connection.getresponse().read() == b"OK"
    finally:
        process.terminate()
        process.wait(10)
    assert path.exists()


def test_ends_while_the_engine_comes_back_keep_their_exit_codes(own_engine, tmp_path):
    """The shim may end between any two of the new engine's steps of taking it over."""
    engine = own_engine()
    count, step_us = 12, 2500
    for round_ in range(2):
        go = tmp_path / f"go{round_}"
        for i in range(count):
            engine.docker("run", "-d", "--network", "none", "--name", f"c{round_}.{i}", "-v", f"{tmp_path}:/x:ro", "busybox", "sh", "-c",
                          f"while [ ! -e /x/{go.name} ]; do usleep 1000; done; usleep {i * step_us}; exit {i + 1}")
        engine.kill()
        go.touch()
        engine.start()
        names = [f"c{round_}.{i}" for i in range(count)]
        assert engine.docker("wait", *names).split() == [str(i + 1) for i in range(count)]
        assert engine.docker("inspect", "-f", "{{.State.Error}}", *names).strip() == ""
        engine.docker("rm", *names)

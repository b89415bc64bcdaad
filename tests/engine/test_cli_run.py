"""docker run, create, start, stop, exec, cp ...: what people do all day, by the docker command."""
import signal
import subprocess
import time

import pytest

from support.daemon import CLIENT
from support.terminal import Terminal
from support.wait import wait_until


@pytest.fixture
def terminal(engine):
    """terminal("run", "-it", ...) -> the docker command on a terminal."""
    opened = []

    def start(*words, **more):
        opened.append(Terminal([*CLIENT, *words], engine.environment() | {"TERM": "xterm"}, **more))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


# ---- exit codes and outputs ----

def test_run(docker):
    assert docker("run", "--rm", "busybox", "echo", "hello") == "hello"


def test_outputs_are_kept_apart(engine):
    done = engine.run("run", "--rm", "busybox", "sh", "-c", "echo out; echo err >&2; exit 3")
    assert (done.stdout, done.stderr, done.returncode) == ("out\n", "err\n", 3)


@pytest.mark.parametrize("words, status, text", [
    (["run", "--rm", "busybox", "/nosuch"], 127, "/nosuch"),
    (["run", "--rm", "busybox", "nosuch"], 127, "nosuch"),
    (["run", "--rm", "busybox", "/etc"], 126, "/etc"),
    (["run", "--rm", "busybox", "/etc/passwd"], 126, "/etc/passwd"),
    (["run", "--nosuch", "busybox"], 125, "unknown flag: --nosuch"),
    (["run"], 1, "requires at least 1 argument"),
    (["run", "--rm", "-v", "relative:/x:nosuch", "busybox"], 125, "nosuch"),
    (["run", "--rm", "--restart", "always", "busybox"], 125, "onflicting options: "),
    (["run", "--rm", "busybox", "sh", "-c", "sh -c 'kill -9 $$'; exit $?"], 137, ""),
    (["start", "nosuch"], 1, "No such container: nosuch"),
    (["stop", "nosuch"], 1, "No such container: nosuch"),
    (["rm", "nosuch"], 1, "No such container: nosuch"),
    (["exec", "nosuch", "true"], 1, "No such container: nosuch"),
    (["logs", "nosuch"], 1, "No such container: nosuch"),
    (["inspect", "nosuch"], 1, "No such object: nosuch"),
    (["nosuch"], (1, 125), "nosuch"),
])
def test_failures(engine, words, status, text):
    done = engine.run(*words)
    assert done.returncode == status or (isinstance(status, tuple) and done.returncode in status), done
    assert text in done.stderr


def test_large_output_is_whole(engine):
    done = engine.run("run", "--rm", "busybox", "sh", "-c", "seq 1 200000; seq 1 20000 >&2")
    assert done.stdout == "".join(f"{n}\n" for n in range(1, 200001)) and done.stderr == "".join(f"{n}\n" for n in range(1, 20001))


def test_stdin(engine):
    assert engine.run("run", "--rm", "-i", "busybox", "cat", input="some\ninput").stdout == "some\ninput"
    assert engine.run("run", "--rm", "-i", "busybox", "wc", "-c", input=b"x" * 3000000).stdout.strip() == "3000000"
    assert engine.run("run", "--rm", "busybox", "cat", input="not asked for").stdout == ""


def test_flags_reach_the_container(docker):
    out = docker("run", "--rm", "-e", "A=b c", "-w", "/tmp", "-h", "myhost", "-u", "1000:100", "--read-only", "--tmpfs", "/run:size=1m",
                 "--add-host", "other:10.1.2.3", "--ulimit", "nofile=100:200", "--label", "x=y", "--env", "TERM", "--entrypoint", "sh", "busybox",
                 "-c", 'echo "$A"; pwd; hostname; id -u; id -g; touch /x 2>/dev/null || echo ro; mount | grep -c "on /run "; '
                 "grep other /etc/hosts; ulimit -n; ulimit -Hn")
    assert out.split("\n") == ["b c", "/tmp", "myhost", "1000", "100", "ro", "1", "10.1.2.3\tother", "100", "200"]


def test_detached_run_wait_logs_rm(docker):
    made = docker("run", "-d", "--name", "back", "busybox", "sh", "-c", "echo working; sleep 0.3; exit 6")
    assert len(made) == 64
    assert docker("wait", "back") == "6"
    assert docker("logs", "back") == "working"
    assert docker("rm", "back") == "back"


def test_create_and_start(engine, docker):
    made = docker("create", "--name", "later", "-i", "busybox", "cat")
    assert docker("inspect", "-f", "{{.State.Status}}", made) == "created"
    assert engine.run("start", "-ai", "later", input="through\n").stdout == "through\n"
    assert docker("start", "later") == "later"
    assert docker("stop", "-t", "1", "later") == "later"


def test_run_rm_removes_and_passes_the_status(engine, docker):
    assert engine.run("run", "--rm", "--name", "brief", "busybox", "sh", "-c", "exit 9").returncode == 9
    wait_until(lambda: docker("ps", "-aq") == "")


def test_volumes(engine, docker):
    docker("run", "--rm", "-v", "kept:/data", "busybox", "sh", "-c", "echo 1 >/data/file")
    assert docker("run", "--rm", "-v", "kept:/data:ro", "busybox", "sh", "-c", "cat /data/file; echo 2 >/data/file || true") .startswith("1")
    folder = engine.base / "bound"
    folder.mkdir(exist_ok=True)
    docker("run", "--rm", "-v", f"{folder}:/host", "busybox", "touch", "/host/made")
    assert (folder / "made").exists()
    out = docker("run", "--rm", "--mount", "type=tmpfs,dst=/m,tmpfs-size=1m", "busybox", "sh", "-c", "mount | grep 'on /m type tmpfs'")
    assert "size=1024k" in out
    done = engine.run("run", "--rm", "--mount", "type=bind,src=/nosuch/path,dst=/x", "busybox", "true")
    assert done.returncode == 125 and "bind source path does not exist: /nosuch/path" in done.stderr


def test_stop_sends_the_signal(docker):
    docker("run", "-d", "--name", "polite", "busybox", "sh", "-c", "trap 'echo bye; exit 0' TERM; while :; do sleep 0.1; done")
    time.sleep(0.3)
    started = time.monotonic()
    docker("stop", "polite")
    assert time.monotonic() - started < 5 and docker("logs", "polite") == "bye"
    assert docker("inspect", "-f", "{{.State.ExitCode}}", "polite") == "0"


def test_stop_kills_in_the_end(docker):
    docker("run", "-d", "--name", "stubborn", "busybox", "sh", "-c", "trap '' TERM; while :; do sleep 0.1; done")
    time.sleep(0.3)
    started = time.monotonic()
    docker("stop", "-t", "1", "stubborn")
    assert 0.9 < time.monotonic() - started < 6
    assert docker("inspect", "-f", "{{.State.ExitCode}}", "stubborn") == "137"


def test_restart_kill_pause_rename(docker):
    docker("run", "-d", "--name", "one", "busybox", "sleep", "100")
    before = docker("inspect", "-f", "{{.State.Pid}}", "one")
    assert docker("restart", "-t", "0", "one") == "one"
    assert docker("inspect", "-f", "{{.State.Pid}}", "one") != before
    docker("pause", "one")
    assert "(Paused)" in docker("ps", "--format", "{{.Status}}")
    docker("unpause", "one")
    docker("rename", "one", "other")
    assert docker("kill", "other") == "other"
    wait_until(lambda: docker("inspect", "-f", "{{.State.ExitCode}}", "other") == "137")


def test_signals_are_passed_on(engine):
    client = engine.popen("run", "--rm", "busybox", "sh", "-c", "trap 'echo hup; exit 8' HUP; echo ready; while :; do sleep 0.1; done")
    assert client.stdout.readline() == b"ready\n"
    client.send_signal(signal.SIGHUP)
    assert client.stdout.read() == b"hup\n" and client.wait(10) == 8


def test_attach_gets_what_comes(engine, docker):
    docker("run", "-d", "--name", "talker", "busybox", "sh", "-c", "trap 'echo now; exit 2' USR1; while :; do sleep 0.05; done")
    client = engine.popen("attach", "talker")
    time.sleep(0.5)
    docker("kill", "-s", "USR1", "talker")
    assert client.stdout.read() == b"now\n" and client.wait(10) == 2


def test_logs(engine, docker):
    docker("run", "-d", "--name", "logger", "busybox", "sh", "-c", "for n in 1 2 3; do echo line $n; sleep 0.1; done")
    assert engine.run("logs", "-f", "logger").stdout == "line 1\nline 2\nline 3\n"
    assert docker("logs", "--tail", "1", "logger") == "line 3"
    stamped = docker("logs", "-t", "-n", "1", "logger").split(" ", 1)
    assert stamped[1] == "line 3" and stamped[0].endswith("Z")
    assert docker("logs", "--since", "1h", "logger").count("line") == 3 and docker("logs", "--until", "1h", "logger") == ""


# ---- exec and cp ----

def test_exec(engine, docker, is_moby):
    docker("run", "-d", "--name", "up", "busybox", "sleep", "100")
    done = engine.run("exec", "-e", "A=b", "-w", "/tmp", "-u", "1000", "up", "sh", "-c", "echo $A; pwd; id -u; echo err >&2; exit 5")
    assert (done.stdout, done.stderr, done.returncode) == ("b\n/tmp\n1000\n", "err\n", 5)
    assert engine.run("exec", "-i", "up", "cat", input="x").stdout == "x"
    assert engine.run("exec", "up", "/nosuch").returncode in (126, 127)
    if is_moby:
        return  # runc, in a chroot, enters the namespace but not the container's root
    docker("exec", "-d", "up", "touch", "/made")
    wait_until(lambda: engine.run("exec", "up", "test", "-e", "/made").returncode == 0)


def test_cp(engine, docker, is_moby):
    docker("run", "-d", "--name", "up", "busybox", "sleep", "100")
    source = engine.base / "copy"
    (source / "folder/deep").mkdir(parents=True, exist_ok=True)
    (source / "folder/deep/file").write_text("content")
    (source / "script").write_text("#!/bin/sh\necho ran\n")
    (source / "script").chmod(0o755)
    docker("cp", source / "folder", "up:/tmp")
    docker("cp", source / "script", "up:/usr/bin/renamed")
    if not is_moby:
        assert docker("exec", "up", "cat", "/tmp/folder/deep/file") == "content" and docker("exec", "up", "renamed") == "ran"
    back = engine.base / "back"
    subprocess.run(["rm", "-rf", back], check=True)
    docker("cp", "up:/tmp/folder", back)
    assert (back / "deep/file").read_text() == "content"
    docker("cp", "up:/etc/passwd", back / "passwd")
    assert "root" in (back / "passwd").read_text()
    assert "tmp/" in subprocess.run(["tar", "t"], input=engine.run("cp", "up:/tmp", "-").stdout.encode(), capture_output=True).stdout.decode()
    done = engine.run("cp", "up:/nosuch", back)
    assert done.returncode == 1 and "/nosuch" in done.stderr


# ---- terminals ----

def test_terminal(terminal):
    one = terminal("run", "--rm", "-it", "busybox", "sh", rows=33, columns=101)
    one.expect("# ")
    one.send("tty; stty size\r")
    one.expect("/dev/pts/0\r\n33 101\r\n")
    one.send("exit 4\r")
    assert one.wait() == 4


def test_terminal_resizes(terminal):
    one = terminal("run", "--rm", "-it", "busybox", "sh")
    one.expect("# ")
    for _ in range(10):  # Docker's command misses a resize that comes between its first look at the terminal and its signal handler
        one.resize(40, 120)
        time.sleep(0.2)
        one.send("stty size\r")
        if one.expect(r"(\d+ \d+)\r\n")[1] == "40 120":
            break
    else:
        raise AssertionError("the container's terminal keeps its size")
    one.send("exit\r")
    assert one.wait() == 0


def test_interrupt_reaches_the_program(terminal):
    one = terminal("run", "--rm", "-it", "busybox", "sh", "-c", "trap 'echo got it; exit 3' INT; echo ready; while :; do sleep 0.1; done")
    one.expect("ready")
    one.send("\x03")
    one.expect("got it")
    assert one.wait() == 3


def test_detach_keys(terminal, docker):
    one = terminal("run", "-it", "--name", "left", "busybox", "sh")
    one.expect("# ")
    one.send("\x10\x11")
    one.expect("read escape sequence|$")
    assert one.wait() == 0
    assert docker("inspect", "-f", "{{.State.Running}}", "left") == "true"
    again = terminal("attach", "left")
    again.send("\r")
    again.expect("# ")
    again.send("exit 7\r")
    assert again.wait() == 7


def test_exec_with_a_terminal(terminal, docker):
    docker("run", "-d", "--name", "up", "busybox", "sleep", "100")
    one = terminal("exec", "-it", "up", "sh", rows=12, columns=34)
    one.expect("# ")
    one.send("stty size\r")
    one.expect("12 34")
    one.send("exit 5\r")
    assert one.wait() == 5


def test_the_terminal_is_put_back(terminal):
    one = terminal("run", "--rm", "-it", "busybox", "true")
    before = one.attributes()[3]
    one.wait()
    assert one.attributes()[3] == before


def test_a_terminal_is_wanted_but_not_there(engine):
    done = engine.run("run", "--rm", "-it", "busybox", "true")
    assert done.returncode == 1 and "the input device is not a TTY" in done.stderr


# ---- pull on run ----

def test_run_pulls(engine, registry):
    name = f"{registry.name}/busybox"
    done = engine.run("run", "--rm", name, "echo", "pulled")
    assert done.stdout == "pulled\n" and f"Unable to find image '{name}:latest' locally" in done.stderr
    assert "Status: Downloaded newer image" in done.stderr
    engine.docker("rmi", name)
    done = engine.run("run", "--rm", "--pull", "never", name)
    assert done.returncode == 125 and "No such image" in done.stderr

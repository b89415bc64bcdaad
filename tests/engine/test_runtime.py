"""The OCI runtime command line, `ros runtime`, with a root that holds a busybox; no engine takes part."""
import array
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess

import pytest

from support.daemon import ROS, Engine
from support.wait import wait_until

APPLETS = "sh cat echo id ls sleep true hostname grep ps tty env".split()


class Runtime:
    def __init__(self, folder):
        self.bundle = folder / "bundle"
        self.states = folder / "states"
        self.log = folder / "log"
        bin_folder = self.bundle / "rootfs/bin"
        bin_folder.mkdir(parents=True)
        shutil.copy("/usr/bin/busybox", bin_folder / "busybox")
        for applet in APPLETS:
            (bin_folder / applet).symlink_to("busybox")
        self.run("spec", "--bundle", self.bundle)
        self.configure(process={"terminal": False})

    def command(self, *args):
        return [str(word) for word in (ROS, "runtime", "--root", self.states, "--log", self.log, "--log-format", "json", *args)]

    def run(self, *args, code=0, **more):
        done = subprocess.run(self.command(*args), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=30,
                              cwd=self.bundle, **more)
        assert done.returncode == code, (args, done)
        return done

    def configure(self, **parts):
        """Members of objects are replaced one by one; None removes."""
        path = self.bundle / "config.json"
        config = json.loads(path.read_text())
        for name, value in parts.items():
            if isinstance(value, dict):
                config.setdefault(name, {}).update(value)
            else:
                config[name] = value
        path.write_text(json.dumps(config))

    def program(self, *args, **process):
        self.configure(process={"args": list(args), **process})

    def status(self, name):
        return json.loads(self.run("state", name).stdout)["status"]

    def create(self, name, *args):
        """Made apart from our pipes: the container would hold them open."""
        output = self.bundle / "output"
        with output.open("w") as file:
            subprocess.run(self.command("create", *args, name), check=True, stdin=subprocess.DEVNULL, stdout=file, stderr=file,
                           cwd=self.bundle, timeout=30)
        return output


@pytest.fixture
def runtime(tmp_path):
    runtime = Runtime(tmp_path)
    yield runtime
    for state in json.loads(runtime.run("list", "--format", "json").stdout):
        runtime.run("delete", "--force", state["id"])
    assert not list(runtime.states.iterdir()), "a state is left behind"


def test_run_gives_output_and_exit_code(runtime):
    runtime.program("sh", "-c", "echo out; echo err >&2; hostname; exit 7")
    done = runtime.run("run", "one", code=7)
    assert done.stdout == "out\nros\n" and done.stderr == "err\n"


def test_life(runtime, tmp_path):
    runtime.program("sh", "-c", "trap 'echo bye; exit 3' TERM; echo up; sleep 1000 & wait")
    pid_file = tmp_path / "pid"
    output = runtime.create("one", "--pid-file", pid_file)
    pid = int(pid_file.read_text())
    state = json.loads(runtime.run("state", "one").stdout)
    assert (state["status"], state["pid"], state["bundle"]) == ("created", pid, str(runtime.bundle))
    assert output.read_text() == ""
    assert "exists" in runtime.run("create", "one", code=1).stderr
    runtime.run("start", "one")
    wait_until(lambda: output.read_text() == "up\n", what="the program runs")
    assert runtime.status("one") == "running"
    assert "running" in runtime.run("start", "one", code=1).stderr
    assert "not stopped" in runtime.run("delete", "one", code=1).stderr
    assert pid in json.loads(runtime.run("ps", "--format", "json", "one").stdout)
    runtime.run("kill", "one", "TERM")
    wait_until(lambda: runtime.status("one") == "stopped", what="the container stops")
    assert output.read_text() == "up\nbye\n"
    assert "not running" in runtime.run("kill", "one", code=1).stderr
    runtime.run("kill", "--all", "one", "KILL")
    runtime.run("delete", "one")
    assert "does not exist" in runtime.run("state", "one", code=1).stderr


def test_delete_of_a_created_container(runtime):
    runtime.create("one")
    runtime.run("delete", "one")
    assert runtime.run("list", "-q").stdout == ""
    runtime.run("delete", "--force", "one")


def test_create_killed(runtime, tmp_path):
    """Half made, it can still be deleted, with its process and its cgroup."""
    hook = tmp_path / "hook"
    hook.write_text("#!/bin/sh\ntouch $0.up\nexec sleep 5\n")
    hook.chmod(0o755)
    runtime.configure(hooks={"createRuntime": [{"path": str(hook)}]})
    creator = subprocess.Popen(runtime.command("create", "half"), cwd=runtime.bundle, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    wait_until(lambda: pathlib.Path(f"{hook}.up").exists(), what="the hook runs")
    assert runtime.status("half") == "creating"
    creator.kill()
    creator.wait()
    assert list(pathlib.Path("/sys/fs/cgroup").rglob("half"))
    for words in ["start"], ["kill"], ["exec"], ["delete"]:
        done = runtime.run(*words, "half", *(["true"] if words == ["exec"] else []), code=1)
        assert "creating" in done.stderr or "not running" in done.stderr, done
    runtime.run("delete", "--force", "half")
    assert not list(pathlib.Path("/sys/fs/cgroup").rglob("half"))


def test_exec(runtime, tmp_path):
    runtime.program("sleep", "1000")
    runtime.create("one")
    runtime.run("start", "one")
    assert runtime.run("exec", "one", "sh", "-c", "echo $$; exit 5", code=5).stdout.strip() != "1"
    done = runtime.run("exec", "--user", "3:4", "--env", "A=b", "--cwd", "/bin", "one", "sh", "-c", "id; echo $A; pwd")
    assert done.stdout == "uid=3 gid=4\nb\n/bin\n"
    assert 'exec: "nothing": executable file not found in $PATH' in runtime.run("exec", "one", "nothing", code=1).stderr
    process = tmp_path / "process.json"
    process.write_text(json.dumps({"args": ["/bin/sh", "-c", "exit 9"], "cwd": "/", "user": {"uid": 1, "gid": 1}}))
    runtime.run("exec", "--process", process, "one", code=9)
    pid_file = tmp_path / "pid"
    process.write_text(json.dumps({"args": ["/bin/sleep", "1000"], "cwd": "/", "user": {"uid": 1, "gid": 1}}))
    subprocess.run(runtime.command("exec", "--process", process, "--detach", "--pid-file", pid_file, "one"), check=True,
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert pathlib.Path(f"/proc/{pid_file.read_text()}/comm").read_text() == "sleep\n"


def test_pause(runtime):
    runtime.program("sleep", "1000")
    runtime.create("one")
    runtime.run("start", "one")
    runtime.run("pause", "one")
    assert runtime.status("one") == "paused"
    assert "paused" in runtime.run("exec", "one", "true", code=1).stderr
    runtime.run("resume", "one")
    assert runtime.status("one") == "running"


def test_console_socket(runtime, tmp_path):
    runtime.program("sh", "-c", "tty; read word; echo got $word", terminal=True)
    path = tmp_path / "console"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        runtime.create("one", "--console-socket", path)
        connection, _ = listener.accept()
        _, control, _, _ = connection.recvmsg(100, 100)
        connection.close()
    master = array.array("i", control[0][2][:4])[0]
    runtime.run("start", "one")
    os.write(master, b"hello\n")
    seen = b""
    try:
        while data := os.read(master, 1000):
            seen += data
    except OSError:  # EIO: the other side has closed
        pass
    os.close(master)
    assert b"/dev/pts/0" in seen and b"got hello" in seen


def test_errors_go_to_the_log(runtime):
    runtime.program("nothing")
    done = runtime.run("run", "one", code=1)
    text = 'exec: "nothing": executable file not found in $PATH'
    assert text in done.stderr
    entry = json.loads(runtime.log.read_text().splitlines()[-1])
    assert entry["level"] == "error" and text in entry["msg"]
    assert not list(runtime.states.iterdir())


@pytest.mark.parametrize("parts, words", [
    ({"linux": {"mountLabel": "x"}}, "linux.mountLabel is not supported"),
    ({"process": {"selinuxLabel": "x"}}, "process.selinuxLabel is not supported"),
    ({"process": {"apparmorProfile": "no-such-profile"}}, "process.apparmorProfile"),
    ({"root": {"path": "missing"}}, "missing: No such file or directory"),
    ({"mounts": [{"destination": "/x", "type": "bind", "source": "/", "options": ["bind", "idmap"]}]}, "idmap is not supported"),
    ({"linux": {"sysctl": {"vm.swappiness": "1"}}}, "sysctl vm.swappiness"),
    ({"process": {"rlimits": [{"type": "RLIMIT_X", "soft": 1, "hard": 1}]}}, "RLIMIT_X"),
])
def test_refusals(runtime, parts, words):
    runtime.program("true")
    runtime.configure(**parts)
    assert words in runtime.run("run", "one", code=1).stderr


def test_systemd_cgroup_is_refused(runtime):
    done = subprocess.run([ROS, "runtime", "--systemd-cgroup", "list"], text=True, stderr=subprocess.PIPE)
    assert done.returncode == 1 and "--systemd-cgroup is not supported" in done.stderr


def test_hooks_run_in_order(runtime, tmp_path):
    trace = tmp_path / "trace"

    def hook(name):
        return [{"path": "/bin/sh", "args": ["sh", "-c", f"echo {name} $(grep -o '\"status\":\"[a-z]*\"') >>{trace}"]}]

    runtime.program("true")
    runtime.configure(hooks={name: hook(name) for name in ("prestart", "createRuntime", "poststart", "poststop")})
    runtime.run("run", "one")
    assert trace.read_text().splitlines() == [
        'prestart "status":"creating"', 'createRuntime "status":"creating"', 'poststart "status":"running"',
        'poststop "status":"stopped"']


def test_a_hook_that_fails_ends_it(runtime):
    runtime.program("true")
    runtime.configure(hooks={"createRuntime": [{"path": "/bin/false"}]})
    assert "hooks.createRuntime[0] /bin/false: exit status 1" in runtime.run("run", "one", code=1).stderr
    assert not list(runtime.states.iterdir())


def test_the_runtime_cannot_be_overwritten_from_inside(runtime):
    """The program is a link to the runtime itself (CVE-2019-5736): it runs, as a sealed memfd."""
    (runtime.bundle / "rootfs/evil").symlink_to("/proc/self/exe")
    before = pathlib.Path(ROS).read_bytes()
    runtime.program("/evil", "--version")
    subprocess.run(runtime.command("run", "one"), cwd=runtime.bundle, capture_output=True, timeout=30)
    runtime.program("sh", "-c", "echo x >/proc/self/exe")
    runtime.run("run", "two", code=1)
    assert pathlib.Path(ROS).read_bytes() == before


def test_signals_are_passed_on(runtime):
    runtime.program("sh", "-c", "trap 'exit 4' USR1; echo up; sleep 1000 & wait")
    with subprocess.Popen(runtime.command("run", "one"), cwd=runtime.bundle, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "up\n"
        process.send_signal(signal.SIGUSR1)
        assert process.wait(10) == 4


def test_docker_init(runtime):
    """Process 1 of `docker run --init` is the core by this name: it passes signals on and reaps orphans."""
    shutil.copy(pathlib.Path(ROS).parent / "core", runtime.bundle / "rootfs/docker-init")
    script = "trap 'exit 6' USR1; (sleep 0.1 &) ; echo up; sleep 1; ps -o stat,comm | grep -c Z; sleep 1000 & wait"
    runtime.program("/docker-init", "--", "sh", "-c", script)
    with subprocess.Popen(runtime.command("run", "one"), cwd=runtime.bundle, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "up\n"
        assert process.stdout.readline() == "0\n"
        process.send_signal(signal.SIGUSR1)
        assert process.wait(10) == 6
    runtime.program("/docker-init", "--", "nothing")
    runtime.run("run", "two", code=127)


def test_features(runtime):
    features = json.loads(runtime.run("features").stdout)
    assert features["linux"]["cgroup"] == {"v1": False, "v2": True, "systemd": False, "systemdUser": False, "rdma": True}
    assert "rro" in features["mountOptions"] and "SCMP_ACT_ERRNO" in features["linux"]["seccomp"]["actions"]


@pytest.mark.slow
def test_dockerd_uses_it(tmp_path):
    """Debian's dockerd, with `ros runtime` as its default runtime."""
    (tmp_path / "runtime").symlink_to(os.path.realpath(ROS))
    engine = Engine(tmp_path / "moby", "--add-runtime", f"ros={tmp_path / 'runtime'}", "--default-runtime", "ros",
                    "--storage-driver", "vfs", kind="moby").start(60)
    try:
        engine.load()
        assert engine.docker("run", "--rm", "--user", "5:6", "busybox", "id", "-u") == "5"
        assert "/dev/pts/0" in engine.docker("run", "--rm", "-t", "busybox", "tty")
        assert engine.run("run", "--rm", "busybox", "sh", "-c", "exit 7").returncode == 7
        missing = engine.run("run", "--rm", "busybox", "nothing")
        assert missing.returncode == 127 and 'exec: "nothing": executable file not found in $PATH' in missing.stderr
        engine.docker("run", "-d", "--name", "long", "busybox", "sleep", "1000")
        assert "eth0" in engine.docker("exec", "long", "ls", "/sys/class/net")
        engine.docker("pause", "long")
        assert engine.inspect("long")["State"]["Status"] == "paused"
        engine.docker("unpause", "long")
        engine.docker("stop", "-t", "0", "long")
        assert engine.inspect("long")["State"]["ExitCode"] == 137
        engine.clean()
    finally:
        engine.stop()

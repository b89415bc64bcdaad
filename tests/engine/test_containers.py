"""Containers as a user of the docker command has them."""
import json
import os
import pathlib
import resource
import subprocess
import tarfile
import threading
import time
import urllib.parse

import pytest

from support.daemon import ROS
from support.wait import wait_until


def run(engine, *words, **more):
    return engine.docker("run", "--rm", *words, **more)


# ---- what runs, and how it ends ----

@pytest.mark.parametrize("words, code", [
    (("busybox", "true"), 0), (("busybox", "sh", "-c", "exit 42"), 42), (("--pid", "host", "busybox", "sh", "-c", "kill -9 $$"), 137),
    (("busybox", "nosuchprogram"), 127), (("busybox", "/etc"), 126), (("busybox", "/etc/passwd"), 126),
    (("--init", "busybox", "sh", "-c", "exit 3"), 3), (("--init", "busybox", "sh", "-c", "kill -TERM $$"), 143)])
def test_exit_codes(engine, words, code):
    assert engine.run("run", "--rm", *words).returncode == code
    wait_until(lambda: not engine.docker("ps", "-aq"), 5, "removal")


def test_failed_start_is_kept_and_can_be_read(engine):
    assert engine.run("run", "--name", "bad", "busybox", "nosuchprogram").returncode == 127
    state = engine.inspect("bad")["State"]
    assert state["ExitCode"] == 127 and "executable file not found" in state["Error"] and state["Status"] == "created"


def test_stdin_is_read_to_its_end(engine):
    data = "line\n" * 20000
    assert engine.run("run", "--rm", "-i", "busybox", "wc", "-c", input=data, check=True).stdout.strip() == str(len(data))


def test_stdout_and_stderr_stay_apart(engine):
    done = engine.run("run", "--rm", "busybox", "sh", "-c", "echo out; echo err >&2")
    assert (done.stdout, done.stderr) == ("out\n", "err\n")


def test_much_output_arrives_whole(engine):
    assert len(run(engine, "busybox", "sh", "-c", "i=0; while [ $i -lt 20000 ]; do echo 0123456789 $i; i=$((i+1)); done").splitlines()) == 20000


def test_stop_sends_the_stop_signal_then_kills(engine):
    script = "trap 'echo got it; exit 5' TERM; echo ready; while true; do sleep 0.1; done"
    engine.docker("run", "-d", "--name", "polite", "busybox", "sh", "-c", script)
    wait_until(lambda: engine.docker("logs", "polite"), 5)
    engine.docker("stop", "polite")
    assert engine.inspect("polite")["State"]["ExitCode"] == 5 and "got it" in engine.docker("logs", "polite")
    engine.docker("run", "-d", "--name", "stubborn", "--stop-signal", "USR1", "busybox", "sh", "-c", "trap '' USR1 TERM; sleep 100")
    started = time.monotonic()
    engine.docker("stop", "-t", "1", "stubborn")
    assert 0.9 < time.monotonic() - started < 5 and engine.inspect("stubborn")["State"]["ExitCode"] == 137


def test_kill_with_a_signal_leaves_it_running(engine):
    engine.docker("run", "-d", "--name", "hup", "busybox", "sh", "-c", "trap 'echo hup' HUP; echo ready; while true; do sleep 0.1; done")
    wait_until(lambda: engine.docker("logs", "hup"), 5)
    engine.docker("kill", "-s", "HUP", "hup")
    wait_until(lambda: "hup" in engine.docker("logs", "hup").splitlines(), 5)
    assert engine.inspect("hup")["State"]["Running"]
    assert engine.run("kill", "-s", "NOSUCH", "hup").returncode == 1


def test_pause(engine):
    engine.docker("run", "-d", "--name", "clock", "busybox", "sh", "-c", "while true; do echo x; sleep 0.02; done")
    engine.docker("pause", "clock")
    assert engine.inspect("clock")["State"]["Status"] == "paused"
    before = engine.docker("logs", "clock")
    time.sleep(0.3)
    assert engine.docker("logs", "clock") == before
    assert engine.run("exec", "clock", "true").returncode != 0
    engine.docker("unpause", "clock")
    wait_until(lambda: engine.docker("logs", "clock") != before, 5)
    engine.docker("pause", "clock")
    engine.docker("stop", "-t", "1", "clock")
    assert engine.inspect("clock")["State"]["Status"] == "exited"


def test_restart_policies(engine):
    engine.docker("run", "-d", "--name", "thrice", "--restart", "on-failure:3", "busybox", "false")
    wait_until(lambda: engine.inspect("thrice")["State"]["Status"] == "exited", 10)
    assert engine.inspect("thrice")["RestartCount"] == 3
    engine.docker("run", "-d", "--name", "always", "--restart", "always", "busybox", "true")
    wait_until(lambda: engine.inspect("always")["RestartCount"] >= 2, 10)
    engine.docker("stop", "always")
    count = engine.inspect("always")["RestartCount"]
    time.sleep(1)
    assert engine.inspect("always")["RestartCount"] == count and not engine.inspect("always")["State"]["Running"]


def test_names(engine):
    engine.docker("create", "--name", "taken", "busybox")
    done = engine.run("create", "--name", "taken", "busybox")
    assert done.returncode == 1 and 'The container name "/taken" is already in use' in done.stderr
    engine.docker("rename", "taken", "other")
    engine.docker("create", "--name", "taken", "busybox")
    assert engine.run("rename", "other", "taken").returncode == 1
    assert engine.run("create", "--name", "-x", "busybox").returncode == 1


def test_rm_of_a_running_container_needs_force(engine):
    engine.docker("run", "-d", "--name", "up", "busybox", "sleep", "100")
    done = engine.run("rm", "up")
    assert done.returncode == 1 and "stop the container before removing or force remove" in done.stderr
    engine.docker("rm", "-f", "up")
    assert not engine.docker("ps", "-aq")


# ---- what it runs as ----

def test_user_environment_and_folder(engine):
    out = run(engine, "-u", "1000:50", "-w", "/made/here", "-e", "A=b c", "-h", "named", "busybox", "sh", "-c", 'id -u; id -g; pwd; echo "$A"; hostname; echo $HOME')
    assert out.splitlines() == ["1000", "50", "/made/here", "b c", "named", "/home"]
    assert "no matching entries in passwd file" in engine.run("run", "--rm", "-u", "nobodyhere", "busybox", "true").stderr


def test_capabilities_and_privileges(engine):
    def effective(*flags):
        return int(run(engine, *flags, "busybox", "sed", "-n", "s/^CapEff:\\t//p", "/proc/self/status"), 16)

    assert effective() == 0xa80425fb
    assert effective("--cap-drop", "ALL") == 0
    assert effective("--cap-drop", "ALL", "--cap-add", "NET_ADMIN") == 1 << 12
    assert effective("--privileged") & 0xa80425fb == 0xa80425fb and effective("--privileged") & 1 << 21
    assert run(engine, "--security-opt", "no-new-privileges", "busybox", "grep", "NoNewPrivs", "/proc/self/status").endswith("1")
    assert run(engine, "busybox", "grep", "Seccomp:", "/proc/self/status").endswith("2")
    assert run(engine, "--security-opt", "seccomp=unconfined", "busybox", "grep", "Seccomp:", "/proc/self/status").endswith("0")


def test_read_only_root_and_tmpfs(engine):
    out = run(engine, "--read-only", "--tmpfs", "/scratch:size=1m,mode=700", "busybox", "sh", "-c",
              "touch /x 2>&1; touch /scratch/y && stat -c %a /scratch; df -k /scratch | tail -1")
    assert "Read-only file system" in out and "\n700\n" in out and " 1024 " in out


def test_limits_reach_the_process(engine):
    assert run(engine, "--ulimit", "nofile=77:88", "busybox", "sh", "-c", "ulimit -Sn; ulimit -Hn").split() == ["77", "88"]
    assert run(engine, "--oom-score-adj", "300", "busybox", "cat", "/proc/self/oom_score_adj") == "300"
    assert run(engine, "--shm-size", "2m", "busybox", "sh", "-c", "df -k /dev/shm | tail -1 | tr -s ' ' | cut -d' ' -f2") == "2048"
    assert run(engine, "--sysctl", "net.ipv4.ip_local_port_range=2000 2001", "busybox", "cat", "/proc/sys/net/ipv4/ip_local_port_range").split() == ["2000", "2001"]


def test_many_files_may_be_open(engine):
    soft, hard = map(int, run(engine, "busybox", "sh", "-c", "ulimit -Sn; ulimit -Hn").split())
    assert soft == min(65536, hard) and hard in (1048576, resource.getrlimit(resource.RLIMIT_NOFILE)[1])


def test_devices(engine):
    assert run(engine, "--device", "/dev/null:/dev/nil", "busybox", "sh", "-c", "echo x > /dev/nil; stat -c %t:%T /dev/nil") == "1:3"
    done = engine.run("run", "--rm", "--device", "/dev/nosuch", "busybox", "true")
    assert done.returncode in (125, 127) and "/dev/nosuch" in done.stderr


@pytest.mark.parametrize("flags, probe", [
    (("--pid", "host"), "pid"), (("--uts", "host"), "uts"), (("--network", "host"), "net"), (("--ipc", "host"), "ipc"),
    (("--cgroupns", "host"), "cgroup")])
def test_namespaces_of_the_host(engine, flags, probe):
    assert run(engine, *flags, "busybox", "readlink", f"/proc/self/ns/{probe}") == os.readlink(f"/proc/self/ns/{probe}")
    assert run(engine, "busybox", "readlink", f"/proc/self/ns/{probe}") != os.readlink(f"/proc/self/ns/{probe}")


def test_namespaces_of_another_container(engine):
    engine.docker("run", "-d", "--name", "first", "busybox", "sleep", "100")
    pid = engine.inspect("first")["State"]["Pid"]
    for kind, flag in (("pid", "--pid"), ("net", "--network")):
        assert run(engine, flag, "container:first", "busybox", "readlink", f"/proc/self/ns/{kind}") == os.readlink(f"/proc/{pid}/ns/{kind}")
    assert run(engine, "--network", "container:first", "busybox", "cat", "/etc/hosts") == engine.docker("exec", "first", "cat", "/etc/hosts")
    engine.docker("stop", "-t", "0", "first")
    assert "non running container" in engine.run("run", "--rm", "--network", "container:first", "busybox", "true").stderr


def test_init_reaps_and_passes_signals(engine):
    engine.docker("run", "-d", "--init", "--name", "tree", "busybox", "sh", "-c", "trap 'exit 9' TERM; (sh -c 'sleep 0.1 &'); while true; do sleep 0.1; done")
    time.sleep(0.5)
    wait_until(lambda: " Z" not in engine.docker("exec", "tree", "ps", "-o", "pid,stat,comm"), 3, "all reaped")
    engine.docker("stop", "tree")
    assert engine.inspect("tree")["State"]["ExitCode"] == 9


# ---- mounts and volumes ----

def test_binds(engine, tmp_path):
    (tmp_path / "file").write_text("from the host")
    assert run(engine, "-v", f"{tmp_path}:/host:ro", "busybox", "sh", "-c", "cat /host/file; touch /host/x 2>&1 || true").startswith("from the hosttouch: /host/x: Read-only")
    run(engine, "-v", f"{tmp_path}/made/by:/host", "busybox", "touch", "/host/x")
    assert (tmp_path / "made/by/x").exists()
    done = engine.run("run", "--rm", "--mount", f"type=bind,source={tmp_path}/missing,target=/x", "busybox", "true")
    assert done.returncode == 125 and "bind source path does not exist" in done.stderr
    run(engine, "-v", f"{tmp_path}/file:/etc/hosts", "busybox", "grep", "from the host", "/etc/hosts")


def test_named_volumes_keep_data_and_get_the_images(engine):
    run(engine, "-v", "data:/etc", "busybox", "sh", "-c", "test -e /etc/passwd && echo mine > /etc/mine")
    assert run(engine, "-v", "data:/x:ro", "busybox", "cat", "/x/mine") == "mine"
    assert run(engine, "-v", "empty:/etc:nocopy", "busybox", "sh", "-c", "ls /etc | grep -c passwd || true") == "0"
    engine.docker("create", "--name", "user", "-v", "data:/x", "busybox")
    source = engine.docker("inspect", "-f", "{{range .Mounts}}{{.Source}}{{end}}", "user")
    assert source and source == engine.docker("volume", "inspect", "-f", "{{.Mountpoint}}", "data")
    done = engine.run("volume", "rm", "data")
    assert done.returncode == 1 and "volume is in use" in done.stderr
    engine.docker("rm", "user")
    engine.docker("volume", "rm", "data")


def test_anonymous_volumes_go_with_their_container(engine):
    run(engine, "-v", "/anon", "busybox", "touch", "/anon/x")
    wait_until(lambda: not engine.docker("volume", "ls", "-q"), 5)
    engine.docker("run", "--name", "keeps", "-v", "/anon", "busybox", "true")
    assert len(engine.docker("volume", "ls", "-q").split()) == 1
    engine.docker("rm", "keeps")
    assert len(engine.docker("volume", "ls", "-q").split()) == 1
    assert "Total reclaimed space" in engine.docker("volume", "prune", "-f")
    assert not engine.docker("volume", "ls", "-q")


def test_volumes_from(engine):
    engine.docker("run", "--name", "owner", "-v", "/shared", "busybox", "touch", "/shared/here")
    assert run(engine, "--volumes-from", "owner:ro", "busybox", "sh", "-c", "ls /shared; touch /shared/x 2>&1 || true").startswith("here")


# ---- files, logs, looking ----

def test_cp(engine, tmp_path):
    engine.docker("run", "-d", "--name", "up", "-v", "vol:/vol", "busybox", "sleep", "100")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/a").write_text("A")
    for state in ("running", "stopped"):
        engine.docker("cp", f"{tmp_path}/folder", f"up:/tmp/{state}")
        engine.docker("cp", f"up:/tmp/{state}", f"{tmp_path}/{state}")
        assert (tmp_path / state / "a").read_text() == "A"
        engine.docker("cp", f"{tmp_path}/folder/a", f"up:/vol/{state}")
        assert engine.run("cp", "up:/nosuch", str(tmp_path)).returncode == 1
        if state == "running":
            assert engine.docker("exec", "up", "cat", f"/vol/{state}") == "A"
            engine.docker("stop", "-t", "0", "up")
    assert run(engine, "-v", "vol:/vol", "busybox", "ls", "/vol").split() == ["running", "stopped"]


def test_diff_and_export(engine, tmp_path):
    engine.docker("run", "--name", "changed", "busybox", "sh", "-c", "echo new > /new; rm /etc/group; echo more >> /etc/passwd")
    assert engine.docker("diff", "changed").splitlines() == ["C /etc", "D /etc/group", "C /etc/passwd", "A /new"]
    engine.docker("export", "-o", tmp_path / "x.tar", "changed")
    with tarfile.open(tmp_path / "x.tar") as archive:
        names = archive.getnames()
        assert "new" in names and "etc/group" not in names and "bin/busybox" in names
        assert archive.extractfile("new").read() == b"new\n"


def test_logs(engine):
    engine.docker("run", "--name", "talker", "busybox", "sh", "-c", "for i in 1 2 3; do echo out $i; echo err $i >&2; done; printf unended")
    done = engine.run("logs", "talker")
    assert done.stdout == "out 1\nout 2\nout 3\nunended" and done.stderr == "err 1\nerr 2\nerr 3\n"
    assert engine.run("logs", "--tail", "1", "talker").stdout == "unended"
    stamp = engine.run("logs", "-t", "talker").stdout.split()[0]
    assert len(stamp) == 30 and stamp.endswith("Z")
    assert engine.run("logs", "--since", "1h", "--until", "30m", "talker").stdout == ""


def test_log_rotation_loses_nothing_for_a_follower(engine):
    engine.docker("create", "--name", "many", "--log-opt", "max-size=4k", "--log-opt", "max-file=20", "busybox",
                  "sh", "-c", "i=0; while [ $i -lt 400 ]; do i=$((i+1)); echo line $i; done; sleep 0.5")
    engine.docker("start", "many")
    follower = engine.popen("logs", "-f", "many")
    lines = follower.stdout.read().decode().split("\n")[:-1]
    follower.stdin.close()
    assert follower.wait(10) == 0 and lines == [f"line {i + 1}" for i in range(400)]
    assert len(list((engine.data_root / "containers").glob("*/*-json.log.*"))) > 3


def test_logs_while_a_rotation_is_under_way(engine):
    engine.docker("run", "--name", "turning", "--log-opt", "max-size=1k", "--log-opt", "max-file=5", "busybox", "seq", "50")
    path = engine.inspect("turning")["LogPath"]
    older = sorted(pathlib.Path(path).parent.glob("*-json.log.*"), reverse=True)
    assert len(older) >= 2
    for file in older:  # the shim has moved these, and not yet the current one
        file.rename(f"{path}.{int(file.suffix[1:]) + 1}")
    assert engine.docker("logs", "turning").split() == [str(n) for n in range(1, 51)]


def test_log_driver_none(engine):
    assert run(engine, "--log-driver", "none", "busybox", "echo", "seen") == "seen"
    engine.docker("run", "--name", "mute", "--log-driver", "none", "busybox", "echo", "x")
    assert "does not support reading" in engine.run("logs", "mute").stderr


def test_exec(engine):
    engine.docker("run", "-d", "--name", "host", "-e", "A=a", "-u", "1000", "busybox", "sleep", "100")
    assert engine.docker("exec", "-e", "B=b", "-w", "/tmp", "host", "sh", "-c", "echo $A $B $(pwd) $(id -u)") == "a b /tmp 1000"
    assert engine.docker("exec", "-u", "0", "host", "id", "-u") == "0"
    assert engine.run("exec", "-i", "host", "cat", input="through").stdout == "through"
    for _ in range(20):
        assert engine.run("exec", "host", "sh", "-c", "exit 7").returncode == 7
    assert engine.run("exec", "host", "nosuch").returncode == 127
    engine.docker("exec", "-d", "host", "sh", "-c", "echo later > /tmp/later")
    wait_until(lambda: engine.run("exec", "host", "cat", "/tmp/later").stdout == "later\n", 5)
    engine.docker("stop", "-t", "0", "host")
    assert "is not running" in engine.run("exec", "host", "true").stderr


def test_top_and_stats(engine):
    engine.docker("run", "-d", "--name", "busy", "busybox", "sleep", "100")
    assert "sleep 100" in engine.docker("top", "busy") and "sleep" in engine.docker("top", "busy", "-o", "pid,comm")
    assert engine.run("top", "busy", "-o", "nosuch").returncode == 1
    assert json.loads(engine.docker("stats", "--no-stream", "--format", "{{json .}}", "busy"))["Name"] == "busy"


def test_update(engine):
    engine.docker("run", "-d", "--name", "some", "busybox", "sleep", "100")
    engine.docker("update", "--restart", "unless-stopped", "some")
    assert engine.inspect("some")["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"
    record = next((engine.data_root / "containers").glob("*/container.json"))
    assert json.loads(record.read_text())["host_config"]["RestartPolicy"]["Name"] == "unless-stopped"


def test_events(engine):
    engine.docker("run", "--rm", "--name", "told", "busybox", "true")
    wait_until(lambda: not engine.docker("ps", "-aq"), 5)
    filters = urllib.parse.quote(json.dumps({"container": ["told"]}))
    lines = engine.api("GET", f"/events?since=1&until={time.time():.9f}&filters={filters}").body.splitlines()
    assert [json.loads(line)["Action"] for line in lines] == ["create", "attach", "start", "die", "destroy"]


@pytest.mark.threads
def test_health(engine):
    engine.docker("run", "-d", "--name", "checked", "--health-cmd", "echo looked; test -e /tmp/well", "--health-interval", "100ms",
                  "--health-retries", "2", "busybox", "sleep", "1000")

    def health():
        return engine.inspect("checked")["State"]["Health"]

    assert health()["Status"] == "starting" and "(health: starting)" in engine.docker("ps")
    wait_until(lambda: health()["Status"] == "unhealthy", 10)
    assert health()["Log"][-1]["ExitCode"] == 1 and health()["Log"][-1]["Output"] == "looked\n" and health()["FailingStreak"] >= 2
    engine.docker("exec", "checked", "touch", "/tmp/well")
    wait_until(lambda: health()["Status"] == "healthy", 10)
    assert "(healthy)" in engine.docker("ps", "--filter", "health=healthy") and len(health()["Log"]) <= 5
    assert "Health" not in engine.inspect(engine.docker("run", "-d", "busybox", "sleep", "1000"))["State"]


def test_health_check_that_hangs(engine):
    engine.docker("run", "-d", "--name", "slow", "--health-cmd", "sleep 100", "--health-interval", "100ms", "--health-timeout", "200ms",
                  "--health-retries", "1", "busybox", "sleep", "1000")
    wait_until(lambda: engine.inspect("slow")["State"]["Health"]["Status"] == "unhealthy", 10)
    assert "exceeded timeout" in engine.inspect("slow")["State"]["Health"]["Log"][-1]["Output"]
    wait_until(lambda: engine.docker("top", "slow").count("sleep 100") <= 3, 5, "the hanging ones are killed")


@pytest.mark.threads
def test_many_at_once(engine):
    """Containers come and go from eight clients, while others list, listen and look."""
    failures, done = [], threading.Event()

    def guarded(work):
        try:
            work()
        except BaseException as failure:  # shown below, whatever it is
            failures.append(failure)

    def life(worker):
        for turn in range(4):
            name = f"w{worker}t{turn}"
            made = engine.api("POST", f"/containers/create?name={name}", {"Image": "busybox", "Cmd": ["sh", "-c", "echo x; exit 3"]})
            assert made.status == 201, made
            assert engine.api("POST", f"/containers/{name}/start").status == 204
            assert engine.api("POST", f"/containers/{name}/wait").json["StatusCode"] == 3
            assert engine.api("DELETE", f"/containers/{name}?v=1").status == 204

    def look():
        while not done.is_set():
            for path in ("/containers/json?all=1&size=1", "/info", "/images/json", "/networks/bridge", "/system/df"):
                assert engine.api("GET", path).status == 200, path

    listener = engine.popen("events", "--format", "{{.Action}}")
    wait_until(lambda: engine.api("GET", "/info").json["NEventsListener"] == 1, 5, "the listener")
    lookers = [threading.Thread(target=guarded, args=(look,)) for _ in range(2)]
    lives = [threading.Thread(target=guarded, args=(lambda worker=worker: life(worker),)) for worker in range(8)]
    for thread in lookers + lives:
        thread.start()
    for thread in lives:
        thread.join()
    done.set()
    for thread in lookers:
        thread.join()
    listener.terminate()
    assert not failures, failures
    assert listener.communicate(timeout=10)[0].decode().split().count("destroy") == 32


# ---- configuration of the daemon ----

def test_daemon_json(own_engine, tmp_path):
    config = tmp_path / "daemon.json"
    config.write_text(json.dumps({"log-opts": {"max-size": "10k"}, "labels": ["a=b"], "default-ulimits": {"nofile": {"Name": "nofile", "Hard": 99, "Soft": 55}},
                                  "dns": ["9.9.9.9"], "storage-driver": "overlay2", "features": {"buildkit": True}}))
    engine = own_engine("--config-file", str(config))
    assert run(engine, "busybox", "sh", "-c", "ulimit -Sn; grep nameserver /etc/resolv.conf").split() == ["55", "nameserver", "9.9.9.9"]
    engine.docker("create", "--name", "x1", "busybox")
    assert engine.inspect("x1")["HostConfig"]["LogConfig"] == {"Type": "json-file", "Config": {"max-size": "10k"}}
    engine.docker("create", "--name", "x2", "--log-driver", "json-file", "--log-opt", "max-file=3", "busybox")
    assert engine.inspect("x2")["HostConfig"]["LogConfig"]["Config"] == {"max-size": "10k", "max-file": "3"}
    engine.docker("create", "--name", "x3", "--log-driver", "json-file", "--log-opt", "max-size=1m", "busybox")
    assert engine.inspect("x3")["HostConfig"]["LogConfig"]["Config"] == {"max-size": "1m"}
    assert engine.api("GET", "/info").json["Labels"] == ["a=b"]


@pytest.mark.parametrize("words, message", [
    (("--nosuch",), "unknown flag: --nosuch"), (("--userns-remap", "x"), "--userns-remap: is not supported"),
    (("--storage-driver", "zfs"), "zfs is not supported"), (("--iptables=false",), "--iptables: false is not supported"),
    (("--debug=maybe",), "--debug"), (("stray",), "unexpected argument: stray"), (("--data-root",), "flag needs an argument")])
def test_flags_are_refused_by_name(words, message):
    done = subprocess.run([ROS, "dockerd", *words], capture_output=True, text=True, timeout=10)
    assert done.returncode == 125 and message in done.stderr


def test_config_file_is_refused_by_key(tmp_path):
    config = tmp_path / "daemon.json"
    for text, message in (('{"nosuch": 1}', "nosuch"), ('{"debug": tru', "JSON"), ('{"debug": true}', "both as a flag"), ('{"userns-remap": "x"}', "userns-remap: is not supported")):
        config.write_text(text)
        done = subprocess.run([ROS, "dockerd", "--debug", "--config-file", str(config)], capture_output=True, text=True, timeout=10)
        assert done.returncode == 125 and message in done.stderr, done.stderr


def test_read_only_binds_are_so_all_the_way_down(engine, tmp_path):
    (tmp_path / "below").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "below", tmp_path / "below"], check=True)
    touch = ["busybox", "sh", "-c", "touch /x/below/f 2>/dev/null && echo written || echo refused"]
    try:
        assert run(engine, "-v", f"{tmp_path}:/x:ro", *touch) == "refused"
        mount = f"type=bind,source={tmp_path},target=/x,readonly"
        for more, answer in [("", "refused"), (",bind-recursive=writable", "written"), (",bind-propagation=rprivate,bind-recursive=readonly", "refused")]:
            assert run(engine, "--mount", mount + more, *touch) == answer, more
    finally:
        subprocess.run(["umount", tmp_path / "below"], check=True)


def test_mac_addresses(engine):
    show = ["busybox", "cat", "/sys/class/net/eth0/address"]
    assert run(engine, "--mac-address", "02:42:AC:11:00:63", *show) == "02:42:ac:11:00:63"
    wanted = {"Image": "busybox", "MacAddress": "02:42:ac:11:00:63"}
    made = engine.api("POST", "/v1.45/containers/create", wanted).json["Id"]
    assert engine.inspect(made)["Config"]["MacAddress"] == "02:42:ac:11:00:63"
    wanted["NetworkingConfig"] = {"EndpointsConfig": {"bridge": {"MacAddress": "02:42:ac:11:00:64"}}}
    for body, words in [
        (wanted, "container-wide MAC address must match"),
        ({"Image": "busybox", "MacAddress": "02:42:ac:11:00"}, "invalid MAC address 02:42:ac:11:00"),
        ({"Image": "busybox", "MacAddress": "02:42:ac:11:00:63:65"}, "invalid MAC address 02:42:ac:11:00:63:65"),
    ]:
        answer = engine.api("POST", "/v1.45/containers/create", body)
        assert answer.status == 400 and words in answer.json["message"], answer


@pytest.mark.parametrize("endpoint, words", [
    ({"IPAMConfig": {"IPv4Address": "172.17.0.99"}}, "user specified IP address is supported on user defined networks only"),
    ({"IPAMConfig": {"IPv6Address": "fd00::9"}}, "user specified IP address is supported on user defined networks only"),
    ({"Aliases": ["other"]}, "network-scoped alias is supported only for containers in user defined networks"),
    (None, "EndpointsConfig is nil"),
])
def test_what_the_default_bridge_cannot_do_is_refused(engine, endpoint, words):
    answer = engine.api("POST", "/v1.45/containers/create", {"Image": "busybox", "NetworkingConfig": {"EndpointsConfig": {"bridge": endpoint}}})
    assert answer.status == 400 and words in answer.json["message"], answer

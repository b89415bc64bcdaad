"""docker ps, images, inspect, events ...: what the docker command shows."""
import json
import re
import time

import pytest

from support.image import Image, Layer, busybox
from support.registry import Registry, htpasswd
from support.wait import wait_until


def test_ps(engine, docker):
    made = docker("run", "-d", "--name", "shown", "-p", "127.0.0.1:8077:80", "--label", "a=b", "busybox", "sleep", "100")
    header, row = docker("ps").split("\n")
    assert re.split(r" {2,}", header) == ["CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES"]
    cells = re.split(r" {2,}", row)
    assert cells[:3] == [made[:12], "busybox", '"sleep 100"'] and cells[5:] == ["127.0.0.1:8077->80/tcp", "shown"]
    assert re.fullmatch("Less than a second ago|[0-9]+ seconds? ago", cells[3]) and re.fullmatch("Up (Less than a second|[0-9]+ seconds?)", cells[4])
    assert docker("ps", "-q", "--no-trunc") == made
    assert docker("ps", "--format", "{{.ID}} {{.Names}} {{.Label \"a\"}} {{.Networks}}") == f"{made[:12]} shown b bridge"
    assert json.loads(docker("ps", "--format", "json"))["Names"] == "shown"
    docker("kill", "shown")
    wait_until(lambda: docker("ps", "-q") == "")
    assert re.match(r"Exited \(137\) (Less than a second|[0-9]+ seconds?) ago", docker("ps", "-a", "--format", "{{.Status}}"))


def test_ps_filters(docker):
    docker("run", "-d", "--name", "one", "--label", "color=red", "busybox", "sleep", "100")
    docker("run", "-d", "--name", "two", "busybox", "sleep", "100")
    assert docker("ps", "-f", "label=color=red", "--format", "{{.Names}}") == "one"
    assert docker("ps", "-f", "name=tw", "--format", "{{.Names}}") == "two"
    assert docker("ps", "-n", "1", "--format", "{{.Names}}") == "two" and docker("ps", "-l", "--format", "{{.Names}}") == "two"


def test_images(engine, docker):
    header, row = docker("images").split("\n")
    assert re.split(r" {2,}", header) == ["REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE"]
    assert row.split()[:3] == ["busybox", "latest", busybox().id[7:19]] and re.search(r"years? ago +[0-9.]+MB$", row)
    docker("tag", "busybox", "other/name:v2")
    assert docker("images", "--format", "{{.Repository}}:{{.Tag}}", "other/name") == "other/name:v2"
    assert docker("rmi", "other/name:v2") == "Untagged: other/name:v2"
    assert docker("images", "-q", "--no-trunc") == busybox().id


def test_history(docker):
    lines = docker("history", "busybox").split("\n")
    assert re.split(r" {2,}", lines[0].strip()) == ["IMAGE", "CREATED", "CREATED BY", "SIZE", "COMMENT"] and "layer 0" in lines[1]


def test_save_and_load(engine, docker):
    archive = engine.base / "saved.tar"
    docker("save", "-o", archive, "busybox")
    docker("rmi", "busybox")
    assert docker("load", "-i", archive) == "Loaded image: busybox:latest"
    assert docker("images", "-q", "--no-trunc") == busybox().id


def test_pull(engine, registry):
    name = f"{registry.name}/pulled"
    registry.push(Image([Layer().add("file", "to be pulled").bytes()]), "pulled")
    done = engine.run("pull", name)
    assert done.returncode == 0
    lines = done.stdout.strip().split("\n")
    assert lines[0] == "Using default tag: latest" and lines[1] == "latest: Pulling from pulled" and lines[-1] == f"{name}:latest"
    assert lines[-2] == f"Status: Downloaded newer image for {name}:latest" and lines[-3].startswith("Digest: sha256:")
    assert any(line.endswith(": Pull complete") for line in lines), lines
    assert engine.docker("pull", "-q", name) == f"{name}:latest"
    done = engine.run("pull", f"{registry.name}/nosuch")
    assert done.returncode == 1 and "nosuch" in done.stderr
    engine.docker("rmi", name)


def test_login(engine, tmp_path):
    guarded = Registry(tmp_path, port=5003, auth=htpasswd("tester", "secret")).start()
    guarded.push(busybox(), "private", credentials=("tester", "secret"))
    try:
        assert engine.run("pull", f"{guarded.name}/private").returncode == 1
        done = engine.run("login", "-u", "tester", "--password-stdin", guarded.name, input="wrong")
        assert done.returncode == 1 and re.search("unauthorized|authentication required", done.stderr, flags=re.I), done
        done = engine.run("login", "-u", "tester", "--password-stdin", guarded.name, input="secret")
        assert done.returncode == 0 and "Login Succeeded" in done.stdout
        assert engine.docker("pull", "-q", f"{guarded.name}/private") == f"{guarded.name}/private:latest"
        engine.docker("logout", guarded.name)
        engine.docker("rmi", f"{guarded.name}/private")
    finally:
        guarded.stop()


def test_inspect(docker):
    docker("run", "-d", "--name", "seen", "busybox", "sleep", "100")
    assert docker("inspect", "-f", "{{.Name}} {{.State.Running}} {{len .Args}} {{index .Config.Cmd 0}}", "seen") == "/seen true 1 sleep"
    assert docker("inspect", "-f", "{{json .Config.Cmd}}", "seen") == '["sleep","100"]'
    assert docker("inspect", "-f", "{{range .Config.Env}}{{println .}}{{end}}", "seen").startswith("PATH=")
    assert docker("inspect", "-f", "{{.Id}}", "--type", "image", "busybox") == busybox().id
    assert json.loads(docker("inspect", "seen", "busybox"))[1]["Id"] == busybox().id
    assert docker("inspect", "-f", "{{range $name, $net := .NetworkSettings.Networks}}{{$name}}={{$net.IPPrefixLen}}{{end}}", "seen") == "bridge=16"


def test_port_and_top(docker):
    docker("run", "-d", "--name", "web", "-p", "127.0.0.1:8078:80", "-p", "127.0.0.1:8079:53/udp", "busybox", "sleep", "100")
    assert sorted(docker("port", "web").split("\n")) == ["53/udp -> 127.0.0.1:8079", "80/tcp -> 127.0.0.1:8078"]
    assert docker("port", "web", "80") == "127.0.0.1:8078"
    assert "sleep 100" in docker("top", "web") and "COMMAND" in docker("top", "web", "aux")


def test_diff(docker):
    docker("run", "--name", "changed", "busybox", "sh", "-c", "echo >/new; rm /etc/group")
    assert set(docker("diff", "changed").split("\n")) == {"A /new", "C /etc", "D /etc/group"}


def test_stats(docker):
    docker("run", "-d", "--name", "busy", "busybox", "sleep", "100")
    header, row = docker("stats", "--no-stream").split("\n")
    assert re.split(r" {2,}", header) == ["CONTAINER ID", "NAME", "CPU %", "MEM USAGE / LIMIT", "MEM %", "NET I/O", "BLOCK I/O", "PIDS"]
    assert re.split(r" {2,}", row)[1] == "busy"


def test_volumes(docker):
    assert docker("volume", "create", "--label", "a=b", "mine") == "mine"
    assert docker("volume", "ls").split("\n")[1].split() == ["local", "mine"]
    assert docker("volume", "ls", "-q", "-f", "label=a=b") == "mine"
    assert docker("volume", "inspect", "-f", "{{.Mountpoint}}", "mine").endswith("/volumes/mine/_data")
    assert docker("volume", "rm", "mine") == "mine"
    docker("volume", "create")
    assert "Total reclaimed space" in docker("volume", "prune", "-f")
    assert docker("volume", "ls", "-q") == ""


def test_networks(docker):
    rows = [line.split()[1:] for line in docker("network", "ls").split("\n")[1:]]
    assert sorted(rows) == [["bridge", "bridge", "local"], ["host", "host", "local"], ["none", "null", "local"]]
    assert docker("network", "inspect", "-f", "{{.Driver}}", "none") == "null"


def test_events(engine, docker):
    since = f"{time.time():.6f}"
    docker("run", "--rm", "--name", "noisy", "busybox", "true")
    wait_until(lambda: "noisy" not in docker("ps", "-a"))
    events = docker("events", "--since", since, "--until", f"{time.time() + 0.3:.6f}", "-f", "container=noisy", "--format", "{{.Action}}").split("\n")
    assert [event for event in events if event != "attach"] == ["create", "start", "die", "destroy"]
    line = docker("events", "--since", since, "--until", f"{time.time() + 0.3:.6f}", "-f", "event=die")
    assert re.search(r"^\d{4}-\d\d-\d\dT.* container die [0-9a-f]{64} \(execDuration=\d+, exitCode=0, image=busybox, name=noisy\)$", line)


def test_version_and_info(engine, docker):
    assert docker("version", "--format", "{{.Server.Os}}/{{.Server.Arch}}") == "linux/amd64"
    assert "Server:" in docker("version")
    text = docker("info")
    for line in ["Containers: 0", "Cgroup Version: 2", "Storage Driver: overlay2", f"Docker Root Dir: {engine.data_root}"]:
        assert line in text
    assert docker("info", "--format", "{{.CgroupVersion}}") == "2"


def test_disk_usage(docker):
    rows = {line.split("  ")[0]: line for line in docker("system", "df").split("\n")}
    assert set(rows) == {"TYPE", "Images", "Containers", "Local Volumes", "Build Cache"}
    assert re.match(r"Images +1 +0 +[0-9.]+MB +[0-9.]+MB \(100%\)", rows["Images"])


def test_prune(docker):
    docker("run", "--name", "old", "busybox", "true")
    assert "Total reclaimed space" in docker("container", "prune", "-f")
    assert docker("ps", "-aq") == ""


def test_update(docker):
    docker("run", "-d", "--name", "policy", "busybox", "sleep", "100")
    assert docker("update", "--restart", "on-failure:3", "policy") == "policy"
    assert docker("inspect", "-f", "{{.HostConfig.RestartPolicy.MaximumRetryCount}}", "policy") == "3"


@pytest.mark.parametrize("words", [["ps", "-f", "nosuch=x"], ["images", "-f", "nosuch=x"], ["volume", "ls", "-f", "nosuch=x"]])
def test_filters_that_do_not_exist(engine, words):
    done = engine.run(*words)
    assert done.returncode == 1 and "invalid filter" in done.stderr

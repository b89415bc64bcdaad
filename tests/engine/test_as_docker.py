"""What people get from Docker for the wishes that they have every day and for their usual mistakes: exit status and words. Every row holds
against Moby, too (PADDOCK_ENGINE=moby)."""
import pathlib
import shlex
import subprocess

import pytest

from support.image import Image, Layer, busybox

# words => exit status, and what is in standard error or, when nothing is said there, all of standard output
ROWS = r"""
run --rm -h foo.bar.org busybox sh -c 'tail -n 1 /etc/hosts | cut -f2' => 0 foo.bar.org foo
run --rm --mac-address 02:42:ac:11:00:99 busybox cat /sys/class/net/eth0/address => 0 02:42:ac:11:00:99
run --rm --tmpfs /t busybox stat -c %a /t => 0 1777
run --rm --tmpfs /home busybox stat -c %a /home => 0 755
run --rm --tmpfs t busybox true => 125 invalid mount path: 't' mount path must be absolute
run --rm --tmpfs / busybox true => 125 invalid specification: destination can't be '/'
run --rm --ip 172.17.0.99 busybox true => 125 user specified IP address is supported on user defined networks only
run --rm --network host -p 80:80 busybox true => 0 WARNING: Published ports are discarded when using host network mode
run --rm --network host --uts host -h foo busybox true => 125 conflicting options: hostname and the UTS mode
run --rm --network nosuch busybox true => 125 network nosuch not found
run --rm --network container:nosuch busybox true => 125 No such container: nosuch
run --rm --network container:other -p 80:80 busybox true => 125 conflicting options: port publishing and the container type network mode
run --rm --network container:other --expose 80 busybox true => 125 conflicting options: port exposing and the container type network mode
run --rm --network container:other -h foo busybox true => 125 conflicting options: hostname and the network mode
run --rm --network container:other --dns 1.1.1.1 busybox true => 125 conflicting options: dns and the network mode
run --rm --network container:other --add-host a:1.1.1.1 busybox true => 125 conflicting options: custom host-to-IP mapping and the network mode
run --rm --volumes-from nosuch busybox true => 125 No such container: nosuch
run --rm --health-interval 1us busybox true => 125 Interval in Healthcheck cannot be less than 1ms
run --rm --health-retries -1 busybox true => 125 cannot be negative
run --rm --cap-add FOO busybox true => 125 invalid CapAdd: unknown capability: "CAP_FOO"
run --rm --cap-drop CAP_FOO busybox true => 125 invalid CapDrop: unknown capability: "CAP_FOO"
run --rm -v /tmp:/s:foo busybox true => 125 invalid mode: foo
run --rm -v /tmp:/s:ro,rw busybox true => 125 invalid mode: ro,rw
run --rm -v b@d:/x busybox true => 125 create b@d: "b@d" includes invalid characters for a local volume name
run --rm -v /tmp:/s:rshared busybox true => 125 but it is not a shared mount
run --rm -v /tmp:/s:rslave busybox true => 125 but it is not a shared or slave mount
run --rm --mount type=bind,source=src,target=/s busybox true => 125 'src' mount path must be absolute
run --rm --mount type=bind,src=/tmp,dst=/s,bind-propagation=foo busybox true => 125 invalid propagation mode: foo
run --rm --mount type=foo,dst=/t busybox true => 125 invalid mount config for type "foo": mount type unknown
run --rm --log-opt compress=true busybox true => 125 compress cannot be true when max-file is less than 2 or max-size is not set
run --rm --log-opt max-buffer-size=1m busybox true => 125 max-buffer-size option is only supported with 'mode=non-blocking'
run --rm --log-opt mode=foo busybox true => 125 logging mode not supported: foo
run --rm --log-opt compress=true --log-opt max-size=1m --log-opt max-file=2 busybox echo x => 0 x
stop -s FOO other => 1 cannot stop container: other: invalid signal: FOO
rm stopped-short => 1 cannot remove container "/stopped-short": container is paused and must be unpaused first
port made => 0
inspect -f '{{json .NetworkSettings.Ports}}' made => 0 {}
kill -s FOO other => 1 cannot kill container: other: invalid signal: FOO
rename other b@d => 1 Error when allocating new name: Invalid container name (
logs --since 2999-01-01 other => 0
ps -q -f health=foo => 1 unrecognized filter value for health: foo
ps -f publish=8070 --format {{.Names}} => 0 other
ps -f publish=8060-8071/tcp --format {{.Names}} => 0 other
ps -f publish=8070/udp --format {{.Names}} => 0
ps -f publish=80 --format {{.Names}} => 0
ps -f expose=80 --format {{.Names}} => 0 other
volume ls -q -f dangling=x => 1 invalid filter 'dangling=[x]'
images -q -f dangling=x => 1 invalid filter 'dangling=[x]'
network rm bridge => 1 bridge is a pre-defined network and cannot be removed
network rm nosuch => 1 network nosuch not found
"""


@pytest.fixture
def other(engine, docker):
    docker("run", "-d", "--name", "other", "-p", "127.0.0.1:8070:80", "busybox", "sleep", "1000")
    return engine


@pytest.fixture
def others(other, docker):
    """One that is paused and one that never ran."""
    docker("run", "-d", "--name", "stopped-short", "busybox", "sleep", "1000")
    docker("pause", "stopped-short")
    docker("create", "--name", "made", "-p", "80", "busybox", "true")
    return other


@pytest.mark.parametrize("row", ROWS.strip().split("\n"))
def test_row(others, row):
    words, wanted = row.split(" => ")
    status, _, text = wanted.partition(" ")
    done = others.run(*shlex.split(words))
    assert done.returncode == int(status), done.stderr
    if done.stderr:
        assert text in done.stderr and text
    else:
        assert done.stdout.strip() == text


def test_a_read_only_bind_is_read_only_all_the_way_down(engine, tmp_path):
    below = tmp_path / "below"
    below.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "below", below], check=True)
    try:
        mount = f"type=bind,src={tmp_path},dst=/x,readonly"
        assert engine.run("run", "--rm", "-v", f"{tmp_path}:/x:ro", "busybox", "touch", "/x/below/f").returncode == 1
        assert engine.run("run", "--rm", "--mount", mount, "busybox", "touch", "/x/below/f").returncode == 1
        assert engine.run("run", "--rm", "--mount", f"{mount},bind-recursive=writable", "busybox", "touch", "/x/below/f").returncode == 0
    finally:
        subprocess.run(["umount", below], check=True)


def docker_tar(docker, path):
    archive = docker("cp", path, "-").encode()
    return subprocess.run(["tar", "tv", "--numeric-owner"], input=archive, capture_output=True).stdout.decode()


def test_cp_gives_files_to_the_containers_user(docker, tmp_path, is_moby):
    (tmp_path / "file").write_text("x")
    for user, owner in (("", "0"), ("1000", "1000"))[:1 if is_moby else 2]:  # Moby asks the host's getent, which is not everywhere
        docker("run", "-d", "--name", f"one{user}", "-u", user, "busybox", "sleep", "1000")
        docker("cp", "-a", tmp_path / "file", f"one{user}:/tmp/file")
        assert f" {owner}/" in docker_tar(docker, f"one{user}:/tmp/file")


def test_what_the_machine_cannot_limit_is_said(engine):
    if "memory" in pathlib.Path("/sys/fs/cgroup/cgroup.controllers").read_text().split():
        pytest.skip("this machine limits memory")
    done = engine.run("run", "--rm", "-m", "100m", "busybox", "true")
    assert done.returncode == 0
    assert "WARNING: Your kernel does not support memory limit capabilities or the cgroup is not mounted. Limitation discarded." in done.stderr


def test_a_shared_layer_takes_up_space_once(engine, docker):
    more = Image([busybox().layers[0], Layer().add("more", "12345").bytes()])
    engine.load(more, "more:1")
    try:
        size, more_size = (int(docker("inspect", "-f", "{{.Size}}", name)) for name in ("busybox", "more:1"))
        df = engine.api("GET", "/v1.45/system/df").json
        assert more_size == size + 5 and df["LayersSize"] == more_size
        assert {image["SharedSize"] for image in df["Images"] if image["RepoTags"]} == {size}
        listed = engine.api("GET", "/v1.45/images/json?shared-size=1").json
        assert {image["SharedSize"] for image in listed} == {size}
    finally:
        docker("rmi", "more:1")


def test_top_has_the_titles_of_ps(other, docker):
    assert docker("top", "other").split("\n")[0].split() == ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]

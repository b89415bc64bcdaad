"""What outlives what: engines, services, the console and shims are killed and replaced under running containers.

A container counts all the time, someone is attached to it, someone waits for it; whatever happens to the rest, it runs on as the
same process and no line is lost, neither in its log nor on the way to whom is attached.
"""
import pytest

from support.machine import REGISTRY
from support.wait import wait_until

BUSYBOX = f"{REGISTRY}:5000/busybox"
COUNT = "i=0; while :; do i=$((i+1)); echo line $i; usleep 50000; done"
# Fails unless its input is "line 1", "line 2" ... without a gap; prints how many.
CONTIGUOUS = "awk '$0 != \"line \" NR {print \"at \" NR \": \" $0; exit 1} END {print NR}'"
ATTACHED = "/tmp/attached"
# Those that always run, with the process that each is.
SERVICES = "sudo system-docker inspect -f '{{.Name}} {{.Id}} {{.State.Pid}} {{.State.Running}}' console docker network syslog udev"


def pid_of(machine, name):
    return machine.sh(f"docker inspect -f '{{{{.State.Pid}}}} {{{{.State.Running}}}}' {name}")


def lines_of(machine, command):
    """How many lines there are, after having looked that none is missing."""
    return int(machine.sh(f"{command} | {CONTIGUOUS}"))


def engine_pid(machine, name):
    """name: user-docker or system-docker."""
    return machine.sh(f"cat /run/{name}.pid")


def kill_engine(machine, name):
    """SIGKILL; returns when another one answers."""
    old = engine_pid(machine, name)
    machine.sh(f"sudo kill -9 {old}")
    machine.sh("sudo system-docker ps >/dev/null" if name == "system-docker" else "docker ps >/dev/null")
    assert engine_pid(machine, name) != old


@pytest.fixture(scope="module", autouse=True)
def image(machine):
    machine.sh("until ip route | grep -q 10.0.2; do sleep 0.2; done")
    machine.sh("until sudo system-docker ps | grep -q syslog; do sleep 0.2; done")
    machine.sh(f"docker pull -q {BUSYBOX}")


@pytest.fixture(scope="module")
def container(machine, image):
    """The one that counts through all tests of this file, with one client attached to it from the beginning."""
    machine.sh(f"docker create --name counter {BUSYBOX} sh -c '{COUNT}'")
    machine.sh(f"setsid docker start -a counter >{ATTACHED} 2>/tmp/attached.err </dev/null & sleep 0.1")
    wait_until(lambda: machine.sh(f"head -n 1 {ATTACHED}"), 60, "the first line")
    return pid_of(machine, "counter")


@pytest.fixture(autouse=True)
def runs_on(machine, container):
    """Around every test: same process, output goes on, nothing is lost, it can be worked with."""
    before = lines_of(machine, "docker logs counter")
    yield
    assert pid_of(machine, "counter") == container
    wait_until(lambda: lines_of(machine, "docker logs counter") > before, 60, "further lines in the log", 0.5)
    assert machine.sh("docker exec counter echo alive") == "alive"


def is_attached(machine):
    """The first client still gets every line."""
    before = lines_of(machine, f"head -n -1 {ATTACHED}")
    wait_until(lambda: lines_of(machine, f"head -n -1 {ATTACHED}") > before, 60, "further lines for the attached client", 0.5)
    return True


def test_killed_user_engine(machine):
    kill_engine(machine, "user-docker")
    assert is_attached(machine)


def test_killed_system_docker(machine):
    services = machine.sh(SERVICES)
    assert services.count(" true") == 5
    shell, engine = machine.sh("echo $$"), engine_pid(machine, "user-docker")
    kill_engine(machine, "system-docker")
    assert machine.sh(SERVICES) == services
    assert machine.sh("echo $$") == shell, "the console runs on"
    assert engine_pid(machine, "user-docker") == engine, "the user's engine runs on"
    assert is_attached(machine)


def test_restarted_docker_service(machine):
    engine = engine_pid(machine, "user-docker")
    machine.sh("sudo system-docker restart docker")
    machine.sh("docker ps")
    assert engine_pid(machine, "user-docker") != engine
    assert is_attached(machine)


def test_removed_docker_service_is_made_again(machine):
    machine.sh("sudo system-docker rm -f docker")
    assert is_attached(machine)
    machine.sh("sudo ros service up docker")
    assert machine.sh(f"docker run --rm {BUSYBOX} echo new") == "new"
    assert is_attached(machine)


def test_client_that_was_not_there_attaches_to_what_an_earlier_engine_started(machine):
    kill_engine(machine, "user-docker")
    machine.sh("timeout 2 docker attach --no-stdin --sig-proxy=false counter >/tmp/second", check=False)
    assert int(machine.sh("head -n -1 /tmp/second | awk 'NR > 1 && $2 != last + 1 {exit 1} {last = $2} END {print NR}'")) > 5


def test_wait_and_stdin_reach_what_an_earlier_engine_started(machine):
    machine.sh(f"docker run -di --name reader {BUSYBOX} sh -c 'read word; echo got $word; exit 7'")
    kill_engine(machine, "user-docker")
    machine.sh("docker wait reader >/tmp/status & echo hello | docker attach reader >/dev/null; wait", check=False)
    assert machine.sh("cat /tmp/status") == "7"
    assert machine.sh("docker logs reader") == "got hello"
    assert machine.sh("docker inspect -f '{{.State.ExitCode}}' reader") == "7"
    machine.sh("docker rm reader")


def test_what_ends_while_no_engine_runs_is_reported_by_the_next(machine):
    machine.sh("mkdir ~/signs")
    machine.sh("docker run -d --name short -v /home/rancher/signs:/signs "
               f"{BUSYBOX} sh -c 'while [ ! -e /signs/go ]; do usleep 20000; done; echo last words; touch /signs/gone; exit 5'")
    machine.sh("sudo system-docker stop -t 1 docker")
    machine.sh("touch ~/signs/go; until [ -e ~/signs/gone ]; do sleep 0.1; done; sleep 0.5")
    machine.sh("sudo system-docker start docker")
    assert machine.sh("docker inspect -f '{{.State.Status}} {{.State.ExitCode}}' short") == "exited 5"
    assert machine.sh("docker logs short") == "last words"
    machine.sh("docker rm short")


def test_holder_of_the_socket_reaches_the_new_engine(machine):
    machine.sh("docker run -d --name holder -v /var/run/docker.sock:/docker.sock -v /usr/bin/ros:/usr/bin/docker:ro "
               f"-e DOCKER_HOST=unix:///docker.sock {BUSYBOX} sleep 1000")
    ask = "docker exec holder docker ps --filter name=holder --format '{{.Names}}'"
    assert machine.sh(ask) == "holder"
    kill_engine(machine, "user-docker")
    assert machine.sh(ask) == "holder"
    machine.sh("sudo system-docker rm -f docker; sudo ros service up docker")
    assert machine.sh(ask) == "holder"
    machine.sh("docker rm -f holder")


def test_killed_shim_takes_only_its_own_container(machine):
    machine.sh(f"docker run -d --name victim {BUSYBOX} sleep 1000")
    identity, pid = machine.sh("docker inspect -f '{{.Id}} {{.State.Pid}}' victim").split()
    shim = machine.sh(f"grep -l '[{identity[0]}]{identity[1:]}' /proc/[0-9]*/cmdline 2>/dev/null | cut -d/ -f3")
    assert "shim" in machine.sh(f"tr '\\0' ' ' </proc/{shim}/cmdline")
    machine.sh(f"docker wait victim >/tmp/status & sleep 0.3; sudo kill -9 {shim}; wait", check=False)
    assert machine.sh("cat /tmp/status") == "137"
    assert machine.sh("docker inspect -f '{{.State.Status}} {{.State.ExitCode}}' victim") == "exited 137"
    assert "shim" in machine.sh("docker inspect -f '{{.State.Error}}' victim")
    assert machine.sh(f"test -e /proc/{pid} || echo gone") == "gone"
    assert is_attached(machine)
    machine.sh("docker start victim && docker rm -f victim")


def test_replaced_console(machine):
    """The client that is attached lives in the console and ends with it; the container does not."""
    machine.sh("echo old | sudo tee /etc/which; echo kept >~/kept")
    machine.type("sudo system-docker restart -t 1 console\n")
    machine.log_in()
    assert machine.sh("cat ~/kept") == "kept"
    machine.sh("echo new | sudo tee /etc/which")
    look = f"docker run --rm -v /etc/which:/which {BUSYBOX} cat /which"
    wait_until(lambda: machine.sh(look, check=False)[1] == "new", 60, "the engine in the new console's mounts", 0.5)


def test_removed_console_is_made_again(machine):
    """By a container of System Docker: what is done from the console itself ends with it."""
    machine.type("sudo system-docker run -d --rm --net host --pid host --privileged --volumes-from all-volumes"
                 " $(sudo system-docker inspect -f '{{.Config.Image}}' docker)"
                 " sh -c 'system-docker rm -f console; ros service up console'\n")
    machine.log_in()
    assert machine.sh("cat ~/kept") == "kept"

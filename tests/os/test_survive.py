"""What outlives what: engines, services and shims are killed and replaced under running containers, and no line of output is lost."""
import re

import pytest

from support.machine import PROMPT, REGISTRY

BUSYBOX = f"{REGISTRY}:5000/busybox"
COUNT = "i=0; while :; do i=$((i+1)); echo line $i; sleep 0.05; done"


@pytest.fixture(scope="module", autouse=True)
def image(machine):
    machine.sh("until ip route | grep -q 10.0.2; do sleep 0.5; done", 90)
    machine.sh(f"docker pull -q {BUSYBOX}", 120)


@pytest.fixture
def counter(machine):
    """A container that counts; afterwards its lines are checked to be all there, in order."""
    machine.sh(f"docker run -d --name counter {BUSYBOX} sh -c '{COUNT}'", 60)
    pid = machine.sh("docker inspect -f '{{.State.Pid}}' counter")
    yield pid
    lines = machine.sh("docker logs counter | head -n 2000", 60).split("\n")
    assert lines == [f"line {n}" for n in range(1, len(lines) + 1)] and len(lines) > 20
    machine.sh("docker rm -f counter", 30)


def is_same(machine, pid, name="counter"):
    return machine.sh(f"docker inspect -f '{{{{.State.Pid}}}} {{{{.State.Running}}}}' {name}", 60) == f"{pid} true"


def pid_of(machine, words):
    """Of the process whose command line has these words."""
    listing = machine.sh("ps -eo pid,args").split("\n")
    return next(line.split()[0] for line in listing if words in line)


def engine_pid(machine, root):
    return pid_of(machine, f"--data-root {root} ")


def test_the_users_engine_is_killed(machine, counter):
    machine.sh(f"sudo kill -9 {engine_pid(machine, '/var/lib/docker')}")
    assert is_same(machine, counter)
    assert machine.sh("docker exec counter echo alive", 60) == "alive"


def test_system_docker_is_killed(machine, counter):
    before = machine.sh("sudo system-docker ps -q --no-trunc | sort")
    shell = machine.sh("echo $$")
    old = engine_pid(machine, "/var/lib/system-docker")
    machine.sh(f"sudo kill -9 {old}")
    assert machine.sh("sudo system-docker ps -q --no-trunc | sort", 60) == before
    assert engine_pid(machine, "/var/lib/system-docker") != old
    assert machine.sh("echo $$") == shell, "the console runs on"
    assert is_same(machine, counter)


def test_the_docker_service_is_restarted(machine, counter):
    machine.sh("sudo system-docker restart -t 5 docker", 60)
    assert is_same(machine, counter)


def test_the_docker_service_is_removed_and_made_again(machine, counter):
    machine.sh("sudo system-docker rm -f docker", 60)
    assert machine.sh(f"kill -0 {counter} 2>&1; sudo kill -0 {counter} && echo there").endswith("there")
    machine.sh("sudo ros service up docker", 60)
    assert is_same(machine, counter)
    assert machine.sh(f"docker run --rm {BUSYBOX} echo new", 60) == "new"


def test_a_container_that_holds_the_socket_reaches_the_new_engine(machine, counter):
    machine.sh(f"docker run -d --name holder -v /var/run/docker.sock:/var/run/docker.sock "
               f"-v /usr/bin/docker:/usr/bin/docker {BUSYBOX} sleep 1000", 60)
    ask = "docker exec holder docker ps --format '{{.Names}}' | sort"
    assert machine.sh(ask, 60).split() == ["counter", "holder"]
    machine.sh(f"sudo kill -9 {engine_pid(machine, '/var/lib/docker')}")
    assert machine.sh(ask, 60).split() == ["counter", "holder"]
    machine.sh("docker rm -f holder", 30)


def test_a_shim_is_killed(machine):
    machine.sh(f"docker run -d --name victim {BUSYBOX} sleep 1000", 60)
    identity = machine.sh("docker inspect -f '{{.Id}}' victim")
    pid = machine.sh("docker inspect -f '{{.State.Pid}}' victim")
    machine.sh(f"sudo kill -9 {pid_of(machine, f'shim {identity}')}")
    machine.sh("while docker ps -q --no-trunc | grep -q " + identity + "; do sleep 0.2; done", 30)
    assert machine.sh("docker inspect -f '{{.State.ExitCode}}' victim") == "137"
    assert machine.sh(f"sudo kill -0 {pid} 2>&1 || echo gone").endswith("gone")
    assert "shim" in machine.sh("docker inspect -f '{{.State.Error}}' victim")
    machine.sh("docker rm victim")


def test_the_console_is_replaced(machine, counter):
    # from another service: what runs in the console goes with it
    replace = "system-docker rm -f console; ros service up console; system-docker restart docker"
    machine.sh(f"sudo system-docker exec -d network sh -c '{replace}'")
    machine.log_in()
    assert machine.sh("until docker ps >/dev/null 2>&1; do sleep 0.2; done; echo back", 60) == "back"
    assert is_same(machine, counter)
    assert machine.sh("docker exec counter echo alive", 60) == "alive"

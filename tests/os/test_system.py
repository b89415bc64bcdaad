"""One machine without a state disk, as a newcomer uses it: two engines, services, everyday docker."""
import re
import urllib.request

import pytest

from support.machine import REGISTRY
from support.wait import wait_until

BUSYBOX = f"{REGISTRY}:5000/busybox"


@pytest.fixture(scope="module", autouse=True)
def network(machine):
    """Pulling needs an address."""
    machine.sh("until ip route | grep -q 10.0.2; do sleep 0.5; done", 90)


@pytest.fixture
def container(machine):
    """Removes what a test has left."""
    yield
    machine.sh("docker ps -qa | xargs -r docker rm -f >/dev/null")


def test_every_service_is_a_container_of_system_docker(machine):
    names = machine.sh("sudo system-docker ps --format '{{.Names}}'").split()
    assert {"console", "docker", "network", "syslog", "udev"} <= set(names)
    made = machine.sh("sudo system-docker ps -a --format '{{.Names}}'").split()
    assert {"all-volumes", "command-volumes", "system-volumes", "user-volumes"} <= set(made)


def test_nothing_but_ros_runs_outside_a_container(machine):
    outside = machine.sh("for p in /proc/[0-9]*; do grep -q . $p/cmdline 2>/dev/null || continue; "
                         "grep -q '^0::/\\(system\\|user\\)/c/' $p/cgroup || sudo readlink $p/exe; done | sort -u").split("\n")
    strangers = [path for path in outside if path and not re.search(r"^(/usr/bin/ros|/init|/memfd:\S*core\S*)( \(deleted\))?$", path)]
    assert not strangers
    assert len(outside) > 1


def test_run_pulls_from_a_registry(machine, container):
    assert machine.sh(f"docker run --rm {BUSYBOX} echo hello", 120).endswith("hello")


def test_everyday_commands(machine, container):
    machine.sh(f"docker run -d --name web {BUSYBOX} sh -c 'echo started; trap exit TERM; while :; do sleep 0.1; done'", 60)
    assert "web" in machine.sh("docker ps")
    assert machine.sh("docker exec web echo inside") == "inside"
    assert machine.sh("docker logs web") == "started"
    machine.sh("docker stop web", 30)
    assert re.search(r"web\s+Exited", machine.sh("docker ps -a --format '{{.Names}} {{.Status}}'"))
    machine.sh("docker rm web")
    assert "busybox" in machine.sh("docker images")


def test_a_bind_mount_is_the_consoles_path(machine, container):
    machine.sh("mkdir -p ~/shared && echo mine > ~/shared/file")
    assert machine.sh(f"docker run --rm -v /home/rancher/shared:/s {BUSYBOX} cat /s/file", 60) == "mine"
    machine.sh(f"docker run --rm -v /home/rancher/shared:/s {BUSYBOX} sh -c 'echo theirs > /s/back'", 60)
    assert machine.sh("cat ~/shared/back") == "theirs"


def test_a_published_port_is_reachable_from_outside_and_inside(machine, container):
    machine.sh(f"docker run -d -p 8080:80 {BUSYBOX} sh -c 'echo page > /index.html; exec httpd -f -p 80 -h /'", 60)
    assert machine.sh("busybox wget -q -O - http://127.0.0.1:8080/index.html", 30) == "page"
    outside = f"http://127.0.0.1:{machine.port[8080]}/index.html"
    assert wait_until(lambda: urllib.request.urlopen(outside, timeout=5).read(), 20, "the page") == b"page\n"


def test_a_container_that_takes_too_much_memory_is_killed_and_shown_so(machine, container):
    machine.sh(f"docker create --name greedy -m 16m {BUSYBOX} tail /dev/zero", 60)
    assert machine.sh("docker start -a greedy; echo $?", 60).split()[-1] == "137"
    shown = machine.sh("docker inspect -f '{{.State.OOMKilled}} {{.State.ExitCode}} {{.HostConfig.Memory}}' greedy")
    assert shown == "true 137 16777216"
    assert "oom" in machine.sh("sleep 1; docker events --since 1m --until 0s -f container=greedy --format '{{.Action}}'").split()
    assert machine.sh(f"docker run --rm -m 16m {BUSYBOX} cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory.swap.max").split() == ["16777216"] * 2
    assert machine.sh(f"docker run --rm --pids-limit 7 --cpus 0.5 {BUSYBOX} cat /sys/fs/cgroup/pids.max /sys/fs/cgroup/cpu.max").split() == ["7", "50000", "100000"]


def test_removing_all_containers_harms_nothing(machine):
    machine.sh(f"docker run -d {BUSYBOX} sleep 1000", 60)
    before = machine.sh("sudo system-docker ps -q | sort")
    machine.sh("docker rm -f $(docker ps -qa)")
    assert machine.sh("sudo system-docker ps -q | sort") == before
    assert machine.sh("docker ps -qa") == ""


def test_ros_commands(machine):
    assert re.fullmatch(r"version \S+ from os image paddock/os:\S+", machine.sh("sudo ros -v"))
    assert machine.sh("sudo ros config get rancher.docker.storage_context") == "console"
    assert machine.sh("sudo ros console list") == "current  default"
    chart = machine.sh("sudo ros boot-time")
    assert "User Docker answers" in chart and "init: move into the root" in chart and "####" in chart
    assert "not have it yet" in machine.sh("sudo ros install", check=False)[1]


def test_the_docker_socket_belongs_to_the_group_docker(machine):
    assert machine.sh("stat -c '%U %G %a' /var/run/docker.sock") == "root docker 660"
    assert machine.sh("stat -c '%U %a' /var/run/system-docker.sock") == "root 600"

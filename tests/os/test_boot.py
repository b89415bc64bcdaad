"""A machine with a state disk from its first boot to its last: a key and a name from its cloud-config, everyday docker, a reboot with
everything still there, the power button. The tests of this file are one life and run in their order."""
import re
import subprocess
import urllib.request

import pytest

from support.machine import APPEND, REGISTRY, Machine, make_disk
from support.wait import wait_until

BUSYBOX = f"{REGISTRY}:5000/busybox"


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    path = tmp_path_factory.mktemp("key") / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "tester", "-f", str(path)], check=True)
    return path


@pytest.fixture(scope="module")
def disk(tmp_path_factory, key):
    config = ("#cloud-config\nhostname: lives\nssh_authorized_keys:\n"
              f"  - {key.with_suffix('.pub').read_text().strip()}\n"
              "write_files:\n  - path: /etc/written\n    permissions: '0640'\n    content: by cloud-config\n"
              "runcmd:\n  - [sh, -c, 'echo ran >>/home/rancher/ran']\n")
    return make_disk(tmp_path_factory.mktemp("disk") / "state.img", 512, files={"var/lib/rancher/conf/cloud-config.yml": config})


@pytest.fixture(scope="module")
def machine(tmp_path_factory, registry, disk):
    machine = Machine(tmp_path_factory.mktemp("machine"), services={5000: registry.port}, forwards=(22, 8080), append=APPEND,
                      disks=[disk]).start()
    try:
        machine.log_in()
        yield machine
    finally:
        machine.cut()


def wait_for_network(machine):
    machine.sh("until ip route | grep -q 10.0.2; do sleep 0.2; done")


def ssh(machine, key, command):
    return subprocess.run(["ssh", "-p", str(machine.port[22]), "-i", str(key), "-o", "StrictHostKeyChecking=no", "-o", "BatchMode=yes",
                           "-o", "UserKnownHostsFile=/dev/null", "-o", "ConnectTimeout=20", "rancher@127.0.0.1", command],
                          capture_output=True, text=True, timeout=120)


def ssh_when_it_is_up(machine, key, command):
    return wait_until(lambda: (done := ssh(machine, key, command)).returncode != 255 and done, 120, "a log-in by SSH", 1)


def web_page(machine):
    def ask():
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{machine.port[8080]}/index.html", timeout=5).read()
        except OSError:
            return b""
    return wait_until(ask, 60, "the page", 0.2)


def test_cloud_config_counts(machine):
    assert machine.sh("hostname") == "lives"
    assert machine.sh("stat -c %a /etc/written; sudo cat /etc/written").split("\n") == ["640", "by cloud-config"]
    assert machine.sh("cat ~/ran") == "ran"


def test_docker_run_pulls_and_runs(machine):
    wait_for_network(machine)
    assert machine.sh(f"docker run --rm {BUSYBOX} echo hello").endswith("\nhello")
    assert machine.sh(f"docker run --rm {BUSYBOX} echo again") == "again"
    assert re.search(rf"{BUSYBOX}\s+latest", machine.sh("docker images"))
    assert machine.sh("docker ps -qa") == ""


def test_exit_statuses_of_docker_run(machine):
    assert machine.sh(f"docker run --rm {BUSYBOX} sh -c 'exit 3'", check=False)[0] == 3
    assert machine.sh(f"docker run --rm {BUSYBOX} nothing-like-it", check=False)[0] == 127
    assert machine.sh(f"docker run --rm {BUSYBOX} /etc", check=False)[0] == 126


def test_detached_container_with_port_and_volume(machine):
    machine.sh(f"docker run -d --name web --restart always -p 8080:80 -v pages:/pages -v /home/rancher:/home/host {BUSYBOX} "
               "sh -c 'echo started; echo page >/pages/index.html; echo seen >/home/host/seen; httpd -p 80 -h /pages; trap exit TERM; while :; do usleep 50000; done'")
    assert web_page(machine) == b"page\n"
    assert machine.sh("cat ~/seen") == "seen"
    assert machine.sh("docker logs web") == "started"
    assert machine.sh("docker exec web cat /pages/index.html") == "page"
    assert machine.sh("docker volume ls -q") == "pages"
    assert re.search(r"0\.0\.0\.0:8080->80/tcp.*web", machine.sh("docker ps"))


def test_terminal_of_exec_and_run(machine):
    """What is typed ahead goes to the container: only when its client has ended the shell reads again."""
    machine.sh("stty rows 33 columns 77")
    machine.type("docker exec -it web sh -c 'test -t 0 && tty'; echo ended $?\n")
    machine.wait_for(r"/dev/pts/0\n\s*ended 0\n")
    machine.type(f"docker run --rm -it {BUSYBOX} sh; echo ended $?\n")
    machine.wait_for(r"/ # ")
    machine.type("stty size; exit 4\n")
    machine.wait_for(r"33 77\n\s*ended 4\n")


def test_followed_logs_end_with_the_container(machine):
    machine.sh(f"docker run -d --name talker {BUSYBOX} sh -c 'for i in 1 2 3 4 5; do echo $i; sleep 0.2; done'")
    assert machine.sh("docker logs -f talker").split() == list("12345")
    assert machine.sh("docker wait talker") == "0"
    machine.sh("docker rm talker")


def test_stop_gives_the_container_time_to_end(machine):
    machine.sh(f"docker run -d --name polite {BUSYBOX} sh -c \"trap 'echo bye; exit 2' TERM; echo up; while :; do usleep 50000; done\"")
    wait_until(lambda: machine.sh("docker logs polite"), 30, "its first word")
    machine.sh("docker stop polite")
    assert machine.sh("docker logs polite").split() == ["up", "bye"]
    assert re.search(r"^polite Exited \(2\)", machine.sh("docker ps -a --filter name=polite --format '{{.Names}} {{.Status}}'"))
    machine.sh("docker rm polite")


def test_ssh_with_the_key_of_the_cloud_config(machine, key):
    done = ssh_when_it_is_up(machine, key, "id -un; docker ps --format '{{.Names}}'; sudo id -u")
    assert done.stdout.split() == ["rancher", "web", "0"], done.stderr


def test_ssh_without_it_is_refused(machine, tmp_path):
    other = tmp_path / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(other)], check=True)
    done = ssh(machine, other, "true")
    assert done.returncode == 255 and "Permission denied" in done.stderr


def test_everything_is_there_again_after_a_reboot(machine, key):
    machine.sh(f"docker run -d --name idle {BUSYBOX} sh -c 'echo {'x' * 10}; trap exit TERM; while :; do usleep 50000; done'")
    first = machine.sh("cat /proc/sys/kernel/random/boot_id")
    host_key = machine.sh("cat /etc/ssh/ssh_host_ed25519_key.pub")
    machine.type("sudo reboot\n")
    machine.log_in()
    assert machine.sh("cat /proc/sys/kernel/random/boot_id") != first
    assert machine.sh("hostname") == "lives"
    assert machine.sh("docker images -q | wc -l") == "1"
    assert machine.sh("cat ~/seen") == "seen"
    assert re.search(r"Exited \(\d+\)", machine.sh("docker ps -a --filter name=idle --format '{{.Status}}'"))
    assert machine.sh("docker logs idle") == "x" * 10
    assert web_page(machine) == b"page\n", "restart policy"
    assert machine.sh("docker logs web").split() == ["started", "started"]
    machine.sh("docker start idle")
    assert machine.sh("docker exec idle echo alive") == "alive"
    assert ssh_when_it_is_up(machine, key, "cat ran").stdout.split() == ["ran", "ran"]
    assert machine.sh("cat /etc/ssh/ssh_host_ed25519_key.pub") == host_key


def test_power_button_ends_cleanly(machine, disk):
    wait_until(lambda: machine.sh("sudo system-docker ps -q --filter name=acpid"), 60, "acpid", 0.5)
    machine.press_power()
    machine.wait_off(120)
    header = subprocess.run(["dumpe2fs", "-h", str(disk)], check=True, capture_output=True, text=True).stdout
    assert re.search(r"Filesystem state: +clean\n", header)
    assert "needs_recovery" not in header
    assert subprocess.run(["e2fsck", "-fn", str(disk)], capture_output=True).returncode == 0


def test_poweroff_switches_the_machine_off(machine):
    machine.start()
    machine.log_in()
    machine.sh("docker ps")
    machine.type("sudo poweroff\n")
    machine.wait_off(120)

"""Bad configurations, full disks, power cuts: the machine comes up, and says what is wrong."""
import random
import re
import subprocess

import pytest

from support.image import Image, Layer, busybox, busybox_layer
from support.machine import REGISTRY, make_disk

BUSYBOX = f"{REGISTRY}:5000/busybox"
CONFIG_D = "var/lib/rancher/conf/cloud-config.d"
LAYERS = f"{REGISTRY}:5000/layers"


def wait_for_network(machine):
    machine.sh("until ip route | grep -q 10.0.2; do sleep 0.2; done")


def is_sound(disk):
    """After the journal, which a power cut leaves, has been played back; in a copy, since that is the machine's to do."""
    copy = disk.with_suffix(".copy")
    subprocess.run(["cp", "--sparse=always", str(disk), str(copy)], check=True)
    subprocess.run(["e2fsck", "-p", str(copy)], capture_output=True)
    sound = subprocess.run(["e2fsck", "-fn", str(copy)], capture_output=True).returncode == 0
    copy.unlink()
    return sound


# ---- cloud-config

@pytest.fixture(scope="module")
def faulty(tmp_path_factory):
    return make_disk(tmp_path_factory.mktemp("disk") / "state.img", 64, files={
        f"{CONFIG_D}/10-tabs.yml": "#cloud-config\nhostname: tabs\nrancher:\n\tdebug: true\n",
        f"{CONFIG_D}/20-type.yml": "#cloud-config\nhostname: wrong\nssh_authorized_keys: not a list of strings\nrancher:\n  network: 5\n",
        f"{CONFIG_D}/30-good.yml": "#cloud-config\nhostname: good\n",
        f"{CONFIG_D}/40-bytes.yml": "#cloud-config\nhostname: \x01\x02\n",
        "var/lib/rancher/conf/cloud-config.yml": "runcmd:\n- [touch, /home/rancher/ran]\n",
    })


def test_faulty_cloud_configs_are_left_out_and_named_with_line_and_key(boot, faulty):
    machine = boot(disks=[faulty])
    console, log = machine.output, machine.sh("sudo dmesg")
    for text in console, log:
        assert re.search(r"10-tabs\.yml: line 4, column 1: [^\n]*tab", text)
        assert re.search(r"20-type\.yml: line 3, column \d+: ssh_authorized_keys: must be a list", text)
        assert re.search(r"20-type\.yml: line 5, column \d+: rancher\.network: [^\n]*", text)
        assert re.search(r"40-bytes\.yml: [^\n]*control characters", text)
    assert machine.sh("hostname") == "good"
    assert machine.sh("ls /home/rancher/ran") == "/home/rancher/ran"
    machine.sh("docker ps")

    machine.sh("until sudo ros config get rancher.ssh.keys | grep -q rsa-pub; do sleep 0.5; done")  # the file's last change
    machine.sh("echo nonsense: 1 | sudo tee -a /var/lib/rancher/conf/cloud-config.yml >/dev/null")
    status, said = machine.sh("sudo poweroff 2>&1", check=False)
    assert status == 1 and "--force" in said
    assert re.search(r"cloud-config\.yml: line \d+, column 11: nonsense: is not a known key", said)
    machine.sh("until sudo system-docker ps --format '{{.Names}}' | grep -q acpid; do sleep 0.5; done")
    machine.press_power()
    machine.wait_off(60)


def test_a_machine_whose_docker_does_not_start_has_everything_else(boot, tmp_path):
    config = "rancher:\n  services:\n    docker: {image: nowhere/engine}\n"
    machine = boot(disks=[make_disk(tmp_path / "state.img", 64, files={"var/lib/rancher/conf/cloud-config.yml": config})])
    wait_for_network(machine)
    machine.sh("until sudo system-docker ps --format '{{.Names}}' | grep -q ntp; do sleep 0.5; done")
    assert "User Docker does not answer yet" in machine.output
    assert {"console", "network", "syslog", "udev"} <= set(machine.sh("sudo system-docker ps --format '{{.Names}}'").split())
    assert "service docker: pull nowhere/engine" in machine.sh("sudo cat /var/log/boot/sysinit.log")
    machine.type("sudo poweroff\n")
    machine.wait_off(40)


# ---- full disk

def test_full_state_disk_boots_to_a_log_in_and_docker(boot, tmp_path):
    disk = make_disk(tmp_path / "state.img", 96)
    machine = boot(disks=[disk])
    wait_for_network(machine)
    machine.sh(f"docker pull -q {BUSYBOX} && docker run -d --name loud {BUSYBOX} sh -c "
               "'trap exit TERM; i=0; while :; do i=$((i+1)); echo line $i; usleep 50000; done'")
    machine.sh("sudo sh -c 'dd if=/dev/zero of=/home/filler bs=64k; dd if=/dev/zero of=/home/filler2 bs=1' 2>/dev/null", 240, check=False)
    machine.sh("sync")
    assert machine.sh("df -P /home | awk 'NR == 2 {print $4}'") == "0"

    assert "loud" in machine.sh("docker ps"), "what runs runs on"
    assert machine.sh("docker exec loud echo alive") == "alive"
    status, said = machine.sh(f"docker run --rm {BUSYBOX} echo hello", check=False)
    assert said == "hello" if status == 0 else "no space left on device" in said.lower()
    assert machine.sh("sudo system-docker ps -q | wc -l") != "0"

    machine.type("sudo reboot\n")
    machine.log_in()
    assert "loud" in machine.sh("docker ps -a")
    assert BUSYBOX in machine.sh("docker images")
    assert {"console", "docker"} <= set(machine.sh("sudo system-docker ps --format '{{.Names}}'").split())

    machine.sh("sudo rm /home/filler /home/filler2")
    assert machine.sh(f"docker run --rm {BUSYBOX} echo hello") == "hello"
    machine.sh("docker start loud && docker rm -f loud")
    machine.type("sudo poweroff\n")
    machine.wait_off(120)
    assert is_sound(disk)


# ---- power cut

@pytest.fixture(scope="module")
def layers(registry):
    """An image of three layers that do not compress: pulling it takes a while."""
    def layer(n):
        return Layer().add(f"part{n}", random.Random(n).randbytes(8 << 20)).bytes()
    registry.push(Image([busybox_layer(), layer(1), layer(2), layer(3)]), "layers")


def start(machine, seconds=180):
    machine.start()
    machine.log_in(seconds)
    wait_for_network(machine)


def test_power_cuts_in_the_middle_of_a_pull(boot, layers, tmp_path):
    disk = make_disk(tmp_path / "state.img", 512)
    machine = boot(disks=[disk])
    wait_for_network(machine)
    machine.sh(f"docker pull -q {BUSYBOX} && docker run -d --name counter --restart always {BUSYBOX} sh -c "
               "'i=0; while :; do i=$((i+1)); echo line $i; usleep 50000; done'")
    machine.sh("sync")
    for moment in ["Downloading", "Extracting", "Pull complete"]:
        machine.type(f"docker pull {LAYERS}\n")
        machine.wait_for(moment)
        machine.cut()
        assert is_sound(disk)
        start(machine)
        assert BUSYBOX in machine.sh("docker images")
        assert "layers" not in machine.sh("docker images"), "an image is there as a whole or not at all"
        assert machine.sh("docker ps --format '{{.Names}}'") == "counter"
        assert machine.sh("docker exec counter echo alive") == "alive"
        assert machine.sh("sudo ls /var/lib/docker/tmp | wc -l") == "0", "drafts are swept"
    machine.sh(f"docker pull -q {LAYERS}", 240)
    for n in 1, 2, 3:
        expected = subprocess.run(["sha256sum"], input=random.Random(n).randbytes(8 << 20), capture_output=True, check=True).stdout
        found = machine.sh(f"docker run --rm {LAYERS} sha256sum /part{n}")
        assert found.split()[0] == expected.decode().split()[0]


def test_power_cut_right_after_what_has_been_acknowledged(boot, tmp_path):
    """What a request has been answered for is there after the power has gone."""
    disk = make_disk(tmp_path / "state.img", 256)
    machine = boot(disks=[disk])
    wait_for_network(machine)
    machine.sh(f"docker pull -q {BUSYBOX} && docker volume create kept && docker create --name made {BUSYBOX} echo made")
    machine.cut()
    start(machine)
    assert machine.sh("docker volume ls -q") == "kept"
    assert machine.sh("docker ps -aq --filter name=made | wc -l") == "1"
    assert machine.sh("docker start -a made") == "made"
    machine.cut()
    assert is_sound(disk)

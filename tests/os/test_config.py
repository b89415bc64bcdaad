"""One machine whose cloud-config says much: what counts, what is refused, what is told. The last test switches it off."""
import re
import subprocess

import pytest

from support.image import busybox
from support.machine import APPEND, REGISTRY, Machine, make_disk
from support.wait import wait_until

CONFIG = f"""#cloud-config
hostname: "no name!"
ssh_authorized_keys: [ssh-ed25519 AAAA one]
bootcmd: [[echo, early]]
write_files:
  - {{path: /opt/w/own, owner: "rancher:docker", permissions: "0750", content: x}}
  - {{path: /opt/w/b64, encoding: b64, content: aGVsbG8K}}
  - {{path: /opt/w/bad, encoding: rot13, content: aGVsbG8K}}
  - {{path: /opt/w/other, container: ntp, content: x}}
runcmd:
  - echo $PATH >/opt/w/path
  - [touch, /opt/w/list]
  - exit 3
rancher:
  console: ubuntu
  shutdown_timeout: 5
  state: {{autoformat: [/dev/sda], lvm_scan: false}}
  registry_auths: {{x: {{username: a, password: b}}}}
  system_docker: {{log_driver: none}}
  docker:
    extra_args: [--label, a=b]
    registry_mirror: "http://{REGISTRY}:5000"
  network:
    dns: {{nameservers: [1.2.3.4, 5.6.7.8], search: [ex.com]}}
    interfaces: {{eth0: {{dhcp: false, addresses: [10.0.2.77/24, "fd00::5/64"], gateway: 10.0.2.2, mtu: 1400, vlans: "5"}}}}
  services:
    wrong: {{image: paddock/os-base, frob: 1, labels: {{io.rancher.os.scope: system}}}}
"""
WITHOUT_EFFECT = ["bootcmd", "rancher.console", "rancher.state.autoformat", "rancher.registry_auths", "rancher.system_docker.log_driver",
                  "rancher.network.interfaces.eth0.vlans"]


@pytest.fixture(scope="module")
def disk(tmp_path_factory):
    return make_disk(tmp_path_factory.mktemp("disk") / "state.img", 256, files={"var/lib/rancher/conf/cloud-config.yml": CONFIG})


@pytest.fixture(scope="module")
def machine(tmp_path_factory, registry, disk):
    registry.push(busybox(), "library/busybox")
    machine = Machine(tmp_path_factory.mktemp("machine"), services={5000: registry.port}, disks=[disk],
                      append=f"{APPEND} rancher.password=0123").start()
    try:
        machine.log_in()
        yield machine
    finally:
        machine.cut()


def test_cron_takes_up_what_comes_after_it(machine):
    """What it does with it is looked at by the last but one test: that takes until the minute after the next."""
    wait_until(lambda: "system-cron" in machine.sh("sudo system-docker ps --format '{{.Names}}'"), 60, "the service")
    machine.sh("sudo system-docker create --name soon --label 'cron.schedule=* * * * *' --net none "
               "$(sudo system-docker inspect -f '{{.Config.Image}}' docker) true")


def test_what_has_no_effect_is_named_on_the_console_and_in_the_log(machine):
    console, log = machine.output, machine.sh("sudo dmesg")
    for text in console, log:
        for key in WITHOUT_EFFECT:
            assert f"{key}: is not supported yet; it has no effect" in text
        assert "service wrong: frob: is not supported" in text
        assert 'hostname: "no name!": must be of letters' in text
        assert "lvm_scan" not in text


def test_a_name_that_is_none_leaves_the_usual_one(machine):
    assert machine.sh("hostname") == "rancher"
    assert machine.sh("sudo -n true 2>&1") == "", "the name resolves"


def test_write_files(machine):
    assert machine.sh("stat -c '%u %g %a' /opt/w/own") == "1100 1101 750"
    assert machine.sh("stat -c '%u %g %a' /opt/w/b64; cat /opt/w/b64").split("\n") == ["0 0 644", "hello"]
    said = machine.sh("sudo system-docker logs console 2>&1")
    assert re.search(r"write_files\[2\], /opt/w/bad: encoding: rot13 is not supported", said)
    assert re.search(r"write_files\[3\], /opt/w/other: container: ntp is not supported yet", said)


def test_runcmd(machine):
    assert machine.sh("cat /opt/w/path").startswith("/usr/local/sbin:")
    assert machine.sh("ls /opt/w/list") == "/opt/w/list"
    assert re.search(r"runcmd\[2\]: exit code 3", machine.sh("sudo system-docker logs console 2>&1"))


def test_password_is_taken_as_it_was_typed(machine):
    assert machine.sh("echo 0123 | sudo -u docker su -c 'id -un' rancher", check=False) == (0, "Password: rancher")


def test_static_addresses_and_name_servers(machine):
    machine.sh("until ip route | grep -q 'default via 10.0.2.2'; do sleep 0.2; done")
    shown = machine.sh("ip addr show eth0")
    assert "mtu 1400" in shown and "inet 10.0.2.77/24" in shown and "inet6 fd00::5/64" in shown
    assert machine.sh("cat /etc/resolv.conf").split("\n") == ["search ex.com", "nameserver 1.2.3.4", "nameserver 5.6.7.8"]


def test_flags_of_the_users_engine(machine):
    """The image comes by way of the mirror: there is no other way out."""
    assert "a=b" in machine.sh("docker info")
    assert machine.sh("docker run --rm busybox echo hello").endswith("hello")


def test_boot_is_logged(machine):
    assert re.search(r" ms  mount the state\n", machine.sh("cat /var/log/boot/init.log"))
    wait_until(lambda: "service docker: start took" in machine.sh("sudo cat /var/log/boot/sysinit.log"), 60, "the start of docker")
    machine.sh("logger paddock-was-here")
    wait_until(lambda: machine.sh("sudo grep -c paddock-was-here /var/log/messages", check=False)[0] == 0, 60, "the message")


def test_logs_of_services_are_bounded(machine):
    for name in "console", "syslog":
        assert machine.sh(f"sudo system-docker inspect -f '{{{{.HostConfig.LogConfig.Config}}}}' {name}") == "map[max-file:2 max-size:25m]"


@pytest.mark.parametrize("command, status, said", [
    ("ros --help", 0, "  config  "), ("ros help config", 0, "Commands:"), ("ros help netconf", 0, "Configure the host's network"),
    ("ros frob", 127, "'frob' is not a command"), ("ros help frob", 127, "'frob' is not a command"), ("ros service --help", 0, "  up  "),
    ("sudo ros service frob", 1, "'frob' is not a command"), ("ros config get hostname", 1, "Need to be root"),
    ("sudo ros service pull", 1, "ros service pull: this version of Paddock does not have it yet"),
    ("sudo ros console list", 0, "current  default"), ("sudo ros console list", 0, "enabled  ubuntu"), ("sudo ros config get rancher.password", 0, "0123"),
])
def test_ros_answers(machine, command, status, said):
    code, text = machine.sh(f"{command} 2>&1", check=False)
    assert code == status and said in text


def test_system_docker_that_dies_again_and_again_comes_back_more_slowly(machine):
    services = machine.sh("sudo system-docker ps -q | sort")
    machine.sh("for i in 1 2 3 4; do sudo kill -9 $(cat /run/system-docker.pid); sudo system-docker ps >/dev/null; done")
    delays = [int(ms) for ms in re.findall(r"System Docker \(\d+\) ended with signal 9; starting it again in (\d+) ms", machine.sh("sudo dmesg"))]
    assert delays == [100, 200, 400, 800]
    assert machine.sh("sudo system-docker ps -q | sort") == services


def test_keys_are_added_once(machine):
    machine.type("sudo system-docker restart -t 1 console\n")
    machine.log_in()
    assert machine.sh("cat ~/.ssh/authorized_keys") == "ssh-ed25519 AAAA one"
    assert machine.sh("stat -c '%U %a' ~/.ssh ~/.ssh/authorized_keys").split("\n") == ["rancher 700", "rancher 600"]


def test_cron_has_started_it(machine):
    wait_until(lambda: machine.sh("sudo system-docker inspect -f '{{.State.Status}}' soon") == "exited", 180, "its start", 1)
    assert "0 * * * * system-docker start logrotate" in machine.sh("sudo system-docker exec system-cron cat /var/spool/cron/crontabs/root")


def test_shutdown_has_a_time_limit_and_ends_clean(machine, disk):
    machine.sh("docker run -d --stop-timeout 1000 busybox sh -c 'trap : TERM; while :; do sleep 1; done'")
    machine.type("sudo poweroff\n")
    machine.wait_for("poweroff: stopping the containers")
    machine.wait_off(40)
    header = subprocess.run(["dumpe2fs", "-h", str(disk)], check=True, capture_output=True, text=True).stdout
    assert re.search(r"Filesystem state: +clean\n", header) and "needs_recovery" not in header

"""os/run, what `make run` calls: its variables, and a machine booted with all of them."""
import os
import re
import socket
import subprocess

import pexpect
import pytest

from support.machine import IMAGE

RUN = IMAGE.parent.parent / "os/run"


def environment(**variables):
    return os.environ | {"TERM": "dumb"} | {name: str(value) for name, value in variables.items()}


@pytest.mark.parametrize("name, value", [
    ("MEM", "2G"), ("MEM", "1"), ("CPUS", "0"), ("CPUS", "many"), ("NET", "closed"), ("ISO", "yes"), ("ACCEL", "fast"),
    ("SSH_PORT", "0"), ("SSH_PORT", "70000"), ("DOCKER_PORT", "docker"), ("DOCKER_PORT", "2222"),
    ("CLOUD_CONFIG", "/nowhere/config.yml"), ("DISK", "/nowhere/disk"), ("DISK", "/tmp")])
def test_a_bad_value_is_named(name, value):
    done = subprocess.run([RUN], env=environment(**{name: value}), capture_output=True, text=True, timeout=20)
    assert done.returncode == 1
    assert name in done.stderr.splitlines()[-1] and value in done.stderr.splitlines()[-1]


def test_a_port_in_use_is_named():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = subprocess.run([RUN], env=environment(SSH_PORT=port), capture_output=True, text=True, timeout=20)
    assert done.returncode == 1
    assert f"SSH_PORT={port}: this port is in use" in done.stderr


def test_no_disk_is_left_that_could_not_be_made(tmp_path):
    for size in ("much", "16K"):    # not a size; too small for a file system
        done = subprocess.run([RUN], env=environment(DISK=tmp_path / "disk", DISK_SIZE=size), capture_output=True, text=True, timeout=20)
        assert done.returncode == 1 and "DISK=" in done.stderr
        assert not list(tmp_path.iterdir())


def test_a_machine_with_all_variables(tmp_path):
    folder = tmp_path / "a folder"
    folder.mkdir()
    config = folder / "cloud config.yml"
    config.write_text("#cloud-config\nhostname: everything\n")
    variables = {"MEM": 400, "CPUS": 1, "NET": "restricted", "DISK": folder / "disk,1", "DISK_SIZE": "256M", "CLOUD_CONFIG": config,
                 "SSH_PORT": 2322, "DOCKER_PORT": 2376, "APPEND": "paddock.word"}
    machine = pexpect.spawn(str(RUN), env=environment(**variables), encoding="utf-8", timeout=120, dimensions=(40, 160))
    try:
        machine.expect_exact("Leave with: Ctrl-a x.  SSH: ssh -p 2322 rancher@localhost  Docker: localhost:2376")
        machine.expect("rancher@everything:")
        machine.sendline("grep -o paddock.word /proc/cmdline; nproc; df /var/lib/rancher; echo do'ne'")
        machine.expect(r"done\r+\n")
        assert re.search(r"paddock\.word\r+\n1\r+\n.*\r+\n/dev/vda ", machine.before)
        socket.create_connection(("127.0.0.1", 2322), 5).close()
        machine.send("\x01x")
        machine.expect(pexpect.EOF)
    finally:
        machine.close(force=True)
    assert (folder / "disk,1").stat().st_size == 256 << 20

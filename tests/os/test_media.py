"""The ISO: as a CD and as a USB stick, by BIOS, by UEFI, and by UEFI with Secure Boot."""
import pytest

from support.machine import IMAGE, REGISTRY, make_disk

ISO = IMAGE / "paddock.iso"
BUSYBOX = f"{REGISTRY}:5000/busybox"


@pytest.fixture
def disk(tmp_path):
    config = f"#cloud-config\nhostname: medium\nrancher:\n  docker:\n    insecure_registry: ['{REGISTRY}:5000']\n"
    return make_disk(tmp_path / "state.img", 128, files={"var/lib/rancher/conf/cloud-config.yml": config})


def works(machine):
    """Logged in on the serial console, which the menu does by itself; the base lies on the medium; docker runs."""
    assert machine.sh("hostname") == "medium"
    assert machine.sh("sudo awk '$2 == \"/usr\" {print $3}' /proc/1/mounts") == "erofs"
    assert machine.sh("cat /sys/block/loop0/loop/backing_file").startswith("/"), "attached where it lies"
    machine.sh("until ip route | grep -q 10.0.2; do sleep 0.2; done")
    machine.sh(f"docker pull -q {BUSYBOX}")
    assert machine.sh(f"docker run --rm {BUSYBOX} echo hello") == "hello"
    assert {"console", "docker"} <= set(machine.sh("sudo system-docker ps --format '{{.Names}}'").split())
    return True


def test_bios_from_cd(boot, disk):
    machine = boot(iso=ISO, disks=[disk], memory=256)
    assert works(machine)
    assert machine.sh("test -e /sys/firmware/efi && echo uefi || echo bios") == "bios"


def test_bios_from_stick(boot, disk):
    assert works(boot(iso=ISO, disks=[disk], medium="stick"))


def test_uefi_from_cd(boot, disk):
    machine = boot(iso=ISO, disks=[disk], firmware="uefi")
    assert works(machine)
    assert machine.sh("test -e /sys/firmware/efi && echo uefi || echo bios") == "uefi"


def test_secure_boot_from_stick(boot, disk):
    machine = boot(iso=ISO, disks=[disk], firmware="uefi", secure_boot=True, medium="stick")
    assert works(machine)
    assert "Secure boot enabled" in machine.sh("sudo dmesg")
    assert "[integrity]" in machine.sh("cat /sys/kernel/security/lockdown || sudo sh -c 'mount -t securityfs s /sys/kernel/security; "
                                       "cat /sys/kernel/security/lockdown'")

"""PID 1: the state disk in its conditions, recovery, what is said when a step fails."""
import re
import subprocess

import pytest

from support.machine import make_disk

LOUD = "loglevel=7"
SHELL = r"recovery# "


def shell(machine, command, seconds=30):
    """Runs a command in the recovery shell, whose prompt has just been seen."""
    machine.type(command + "; echo done-$?\n")
    found = machine.wait_for(r"\n([\s\S]*?)done-(\d+)\n", seconds)
    machine.wait_for(SHELL, seconds)
    return found[1].strip()


def restart(machine):
    """Ctrl-Alt-Del; QEMU ends instead of the restart."""
    machine.qmp("human-monitor-command", **{"command-line": "sendkey ctrl-alt-delete"})
    machine.wait_for("reboot: stopping the containers")
    machine.wait_off(120)


def list_folder(disk, path):
    return subprocess.run(["debugfs", "-R", f"ls -l {path}", str(disk)], check=True, capture_output=True, text=True).stdout


@pytest.fixture
def disk(tmp_path):
    return make_disk(tmp_path / "state.img", 256, files={"var/lib/rancher/kept": "kept\n", "usr/old": "old\n"})


def test_recovery_shell_is_there_when_asked_for_and_the_boot_goes_on_after_it(boot):
    machine = boot(log_in=False, append=f"{LOUD} rancher.recovery=true")
    machine.wait_for("as asked for by rancher.recovery")
    machine.wait_for(SHELL)
    shell(machine, "until grep -q loop /proc/modules; do sleep 0.1; done")
    assert "Linux version" in shell(machine, "dmesg | head -n 5")
    machine.type("exit\n")
    machine.wait_for("init: move into the root")


def test_required_state_disk_that_is_missing_opens_the_recovery_shell_with_the_reason(boot):
    machine = boot(log_in=False, append=f"{LOUD} rancher.state.required=true")
    machine.wait_for("The boot has stopped", 120)
    said = machine.wait_for(r"wait for the state disk: ([^\n]*)\n")[1]
    assert "LABEL=RANCHER_STATE has not appeared within 30 s" in said
    assert "boot without rancher.state.wait" in said


def test_state_disk_is_found_by_label_and_its_folders_are_in_place(boot, disk):
    machine = boot(log_in=False, disks=[disk], append=LOUD)
    machine.wait_for("disk vda: ext4, label RANCHER_STATE")
    machine.wait_for("init: move into the root")
    assert "state lives in memory" not in machine.output


def test_state_disk_is_found_by_uuid_and_folder(boot, disk):
    uuid = "11111111-2222-4333-8444-555555555555"
    subprocess.run(["tune2fs", "-U", uuid, str(disk)], check=True, capture_output=True)
    machine = boot(log_in=False, disks=[disk], append=f"{LOUD} rancher.state.dev=UUID={uuid} rancher.state.directory=os/one",
                   extra=["-no-reboot"])
    machine.wait_for("init: starting System Docker")
    restart(machine)
    assert "rancher" in list_folder(disk, "/os/one/var/lib")
    assert "docker" in list_folder(disk, "/os/one/etc")


def test_of_two_disks_with_the_label_the_first_is_taken_and_both_are_named(boot, disk, tmp_path):
    other = make_disk(tmp_path / "other.img", 64)
    machine = boot(log_in=False, disks=[disk, other], append=LOUD)
    machine.wait_for("vda and vdb both are LABEL=RANCHER_STATE; using vda")
    machine.wait_for("init: move into the root")


def test_a_disk_that_was_asked_for_and_is_not_there_is_missed_aloud(boot):
    machine = boot(log_in=False, append="rancher.state.dev=LABEL=NOWHERE")
    machine.wait_for("LABEL=NOWHERE is not there: state lives in memory")


def test_a_read_only_disk_boots_and_changes_are_kept_in_memory(boot, disk):
    before = disk.read_bytes()
    machine = boot(extra=["-drive", f"file={disk},format=raw,if=none,id=fixed,readonly=on", "-device", "virtio-blk-pci,drive=fixed"])
    assert "the state disk is read-only: changes are kept in memory" in machine.output
    assert machine.sh("cat /var/lib/rancher/kept") == "kept"
    assert machine.sh("echo new >~/new && cat ~/new; docker ps -q") == "new"
    machine.type("sudo poweroff\n")
    machine.wait_off(120)
    assert disk.read_bytes() == before


def test_a_disk_with_damage_is_repaired_or_mounted_read_only_and_boots(boot, disk):
    subprocess.run(["debugfs", "-w", "-R", "clri var/lib/rancher/kept", str(disk)], check=True, capture_output=True)
    subprocess.run(["debugfs", "-w", "-R", "ssv state 2", str(disk)], check=True, capture_output=True)
    machine = boot(log_in=False, disks=[disk], append=LOUD)
    machine.wait_for(r"state disk /dev/vda: (repaired|e2fsck -p ended)", 120)
    machine.wait_for("init: move into the root", 120)


def test_an_unknown_file_system_is_left_alone(boot, tmp_path):
    blank = tmp_path / "blank.img"
    blank.write_bytes(b"\0" * (64 << 20))
    machine = boot(log_in=False, disks=[blank], append=f"{LOUD} rancher.state.dev=/dev/vda")
    machine.wait_for("The boot has stopped", 120)
    machine.wait_for("/dev/vda: no known file system")
    machine.cut()
    assert blank.read_bytes() == b"\0" * (64 << 20)


def test_ctrl_alt_del_restarts_the_machine(boot):
    machine = boot(log_in=False, append=LOUD, extra=["-no-reboot"])
    machine.wait_for("init: starting System Docker")
    restart(machine)


def test_the_state_disk_is_clean_after_a_restart(boot, disk):
    machine = boot(log_in=False, disks=[disk], append=LOUD, extra=["-no-reboot"])
    machine.wait_for("init: starting System Docker")
    restart(machine)
    header = subprocess.run(["dumpe2fs", "-h", str(disk)], check=True, capture_output=True, text=True).stdout
    assert re.search(r"Filesystem state: +clean\n", header)
    assert "needs_recovery" not in header
    assert "old" in list_folder(disk, "/usr"), "what RancherOS left is not touched"

"""Measures boots in QEMU: boot.py OUT.json. Run by bench/run through tests/isolate."""
import json
import pathlib
import re
import shutil
import socketserver
import statistics
import subprocess
import sys
import tempfile
import threading

TOP = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TOP / "tests"))
from support.image import busybox  # noqa: E402
from support.machine import IMAGE, PROMPT, REGISTRY, Machine, Panic, make_disk  # noqa: E402

BARE_BOOTS = 5
BOOTS = 5
LEAST_MB = [96, 112, 128, 160, 192, 224, 256, 320]
ISO_BOOTS = 3
THREADS = "multi"    # of the boots that are timed; the ISO's are for the memory
ARCHIVE_PORT = 80
AUTOLOGIN = "rancher.autologin=ttyS0"   # as os/run has it; the ISO's menu too
ISO = {"kernel": None, "initrd": None, "iso": IMAGE / "paddock.iso"}


def in_use_mb(meminfo):
    values = {name: int(kb) for name, kb in re.findall(r"(MemTotal|MemAvailable): +(\d+) kB", meminfo)}
    return round((values["MemTotal"] - values["MemAvailable"]) / 1024, 1)


def without_panics(times, function):
    """That many results; a boot in which the emulated kernel panicked is done again, a few times."""
    results, panics = [], 0
    while len(results) < times:
        try:
            results.append(function())
        except Panic:
            panics += 1
            if panics > 3:
                raise
    return results, panics


def bare_initrd(folder):
    """The kernel's own cost: an initramfs with one program of a few KB."""
    root = folder / "bare"
    (root / "dev").mkdir(parents=True)
    subprocess.run(["gcc", "-O2", "-static", "-o", root / "init", TOP / "bench/init.c"], check=True)
    subprocess.run(["strip", root / "init"], check=True)
    subprocess.run(["mknod", root / "dev/console", "c", "5", "1"], check=True)
    with open(folder / "bare.cpio", "wb") as out:
        subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], input=b".\n./dev\n./dev/console\n./init\n", stdout=out, cwd=root,
                       check=True)
    return folder / "bare.cpio"


def boot_bare(folder, initrd):
    machine = Machine(folder, initrd=initrd, threads=THREADS).start()
    try:
        machine.wait_for("init runs", 60)
        seconds = machine.matched_at
        meminfo = machine.wait_for(r"MemTotal[\s\S]*\nend", 20)[0]
        return seconds, in_use_mb(meminfo)
    finally:
        machine.cut()


def serve_archive():
    """A port of this machine that gives whoever connects the archive of busybox."""
    archive = busybox().archive("busybox:latest")

    class Giver(socketserver.BaseRequestHandler):
        def handle(self):
            self.request.sendall(archive)

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Giver)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


def told(machine, command, answer, seconds):
    """Types a command and waits until it is done; returns the seconds since the machine's start."""
    # what is typed is echoed: the quotes keep the echo from being taken for the answer
    machine.type(f"{command}; echo {answer}'' now\n")
    machine.wait_for(rf"\n{answer} now\n", seconds)
    return machine.matched_at


def make_state_disk(folder):
    """A state disk that has been booted with once, when busybox was loaded."""
    disk = make_disk(folder / "state.img")
    machine = Machine(folder / "vm-first", services={ARCHIVE_PORT: serve_archive()}, disks=[disk], append=AUTOLOGIN).start()
    try:
        machine.wait_for(PROMPT, 240)
        told(machine, f"until docker load -qi <(cat </dev/tcp/{REGISTRY}/{ARCHIVE_PORT}); do sleep 0.2; done", "loaded", 120)
        machine.type("sudo poweroff\n")
        machine.wait_off()
    finally:
        machine.cut()
    return disk


def answers_at(machine):
    """When sysinit had User Docker's first answer, in seconds since the machine's start: by the guest's clock, set against ours."""
    told(machine, "sudo ros boot-time | grep 'User Docker answers'", "chart", 30)
    at, took_ms = map(float, re.findall(r"User Docker answers +([\d.]+) +([\d.]+)", machine.output)[-1])
    machine.type("cat /proc/uptime\n")
    uptime = float(machine.wait_for(r"\n([\d.]+) [\d.]+\n", 20)[1])
    return machine.matched_at - uptime + at + took_ms / 1000


def boot(folder, disk=None, patience=240, **options):
    """Seconds to User Docker's first answer, to the prompt, to the end of a container that is typed there; MB in use then, and
    what of it is User Docker's alone."""
    disks = []
    if disk:
        folder.mkdir(parents=True, exist_ok=True)
        disks = [folder / "state.img"]
        subprocess.run(["cp", "--sparse=always", "--reflink=auto", disk, disks[0]], check=True)
    machine = Machine(folder, disks=disks, **options).start()
    try:
        machine.wait_for(PROMPT, patience)
        prompt = ran = machine.matched_at
        if disk:
            ran = told(machine, "docker run --rm busybox true || echo failed", "ran", 60)
            if "failed\n" in machine.output:
                raise AssertionError(f"no container ran; console:\n{machine.tail()}")
        machine.type("cat /proc/meminfo; echo end'' now\n")
        memory = in_use_mb(machine.wait_for(r"MemTotal[\s\S]*\nend now", 20)[0])
        machine.type("sudo grep -h ^Private_ /proc/$(cat /run/user-docker.pid)/smaps_rollup; echo own'' now\n")
        private_kb = re.findall(r"Private_\w+: +(\d+) kB", machine.wait_for(r"Private_[\s\S]*\nown now", 20)[0])
        return answers_at(machine), prompt, ran, memory, round(sum(map(int, private_kb)) / 1024, 2)
    finally:
        machine.cut()


def least_memory(folder, disk):
    """The smallest of LEAST_MB with which the ISO boots by BIOS and runs a container."""
    for megabytes in LEAST_MB:
        try:
            boot(folder / f"least{megabytes}", disk, patience=75, memory=megabytes, **ISO)
            return megabytes
        except AssertionError:
            continue
    return None


def medians(result, rows, *names):
    for name, values in zip(names, zip(*rows)):
        if name:
            result[name] = round(statistics.median(values), 2)


def measure(folder):
    initrd, result = bare_initrd(folder), {}
    bare, result["bare_panics"] = without_panics(BARE_BOOTS, lambda: boot_bare(folder / "vm-bare", initrd))
    medians(result, bare, "bare_s", "bare_mb")
    if not (IMAGE / "initrd").exists():
        return result
    plain, _ = without_panics(BOOTS, lambda: boot(folder / "vm-plain", threads=THREADS, append=AUTOLOGIN))
    medians(result, plain, "diskless_answers_s", "diskless_prompt_s")
    disk = make_state_disk(folder)
    boots, result["panics"] = without_panics(BOOTS, lambda: boot(folder / "vm", disk, threads=THREADS, append=AUTOLOGIN))
    medians(result, boots, "answers_s", "prompt_s", "ran_s", "direct_mb", "daemon_mb")
    if ISO["iso"].exists():
        runs, _ = without_panics(ISO_BOOTS, lambda: boot(folder / "vm-iso", disk, **ISO))
        medians(result, runs, "iso_answers_s", "iso_prompt_s", "iso_ran_s", "iso_mb")
        result["least_mb"] = least_memory(folder, disk)
    return result


def main(out):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        pathlib.Path(out).write_text(json.dumps(measure(folder)))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


main(*sys.argv[1:])

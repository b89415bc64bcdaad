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
from support.machine import IMAGE, PROMPT, REGISTRY, Machine, Panic  # noqa: E402

BARE_BOOTS = 5
BOOTS = 5
LEAST_MB = [96, 112, 128, 160, 192, 224, 256, 320]
ARCHIVE_PORT = 80


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
    machine = Machine(folder, initrd=initrd).start()
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
    """Types a command that says answer when it is done; returns the seconds since the machine's start."""
    # what is typed is echoed: the quotes keep the echo from being taken for the answer
    machine.type(f"{command}; echo {answer}'' now\n")
    machine.wait_for(rf"\n{answer} now\n", seconds)
    return machine.matched_at


def boot(folder, archive_port, **options):
    """(seconds to the engine's first answer, to the end of the first container, MB in use then). The image is loaded in between
    by a way that costs the boot nothing; that time is not counted."""
    machine = Machine(folder, services={ARCHIVE_PORT: archive_port}, **options).start()
    try:
        machine.wait_for(PROMPT, 240)
        answers = told(machine, "until docker version >/dev/null 2>&1; do :; done", "answers", 120)
        loaded = told(machine, f"until docker load -qi <(cat </dev/tcp/{REGISTRY}/{ARCHIVE_PORT}); do sleep 0.2; done", "loaded", 120)
        ran = told(machine, "docker run --rm busybox true || echo failed", "ran", 60)
        if "failed\n" in machine.output:
            raise AssertionError(f"no container ran; console:\n{machine.tail()}")
        machine.type("cat /proc/meminfo; echo end'' now\n")
        return answers, answers + ran - loaded, in_use_mb(machine.wait_for(r"MemTotal[\s\S]*\nend now", 20)[0])
    finally:
        machine.cut()


def least_memory(folder, archive_port):
    """The smallest of LEAST_MB with which the ISO boots by BIOS and runs a container."""
    for megabytes in LEAST_MB:
        try:
            boot(folder / f"least{megabytes}", archive_port, memory=megabytes, kernel=None, initrd=None, iso=IMAGE / "paddock.iso")
            return megabytes
        except AssertionError:
            continue
    return None


def measure(folder):
    initrd, result = bare_initrd(folder), {}
    bare, result["bare_panics"] = without_panics(BARE_BOOTS, lambda: boot_bare(folder / "vm-bare", initrd))
    result["bare_s"] = round(statistics.median(seconds for seconds, _ in bare), 2)
    result["bare_mb"] = statistics.median(memory for _, memory in bare)
    if not (IMAGE / "initrd").exists():
        return result
    port = serve_archive()
    boots, result["panics"] = without_panics(BOOTS, lambda: boot(folder / "vm", port, append="rancher.autologin=ttyS0"))
    for index, name in enumerate(("answers_s", "ran_s", "direct_mb")):
        result[name] = round(statistics.median(row[index] for row in boots), 2)
    if (IMAGE / "paddock.iso").exists():
        iso = {"kernel": None, "initrd": None, "iso": IMAGE / "paddock.iso"}
        runs, _ = without_panics(3, lambda: boot(folder / "vm-iso", port, **iso))
        result["iso_ran_s"], result["iso_mb"] = (round(statistics.median(row[index] for row in runs), 2) for index in (1, 2))
        result["least_mb"] = least_memory(folder, port)
    return result


def main(out):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        pathlib.Path(out).write_text(json.dumps(measure(folder)))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


main(*sys.argv[1:])

"""A machine in QEMU: its serial console, its forwarded ports, its power button.

Always emulated (TCG), one thread for all CPUs: that is slower, but an emulator with a thread per CPU now and then breaks the
guest's kernel. The guest's network is QEMU's own, shut off from the outside but for what is forwarded.
"""
import json
import pathlib
import re
import shutil
import socket
import subprocess
import threading
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
IMAGE = TOP / "build/image"
PROMPT = r"(^|\n)[^\n]{0,60}[$#] $"
REGISTRY = "10.0.2.100"  # where a guest finds the host's forwarded services
APPEND = f"rancher.autologin=ttyS0 rancher.docker.insecure_registry=[{REGISTRY}:5000]"
MEDIA = {
    "cd": ["-device", "ide-cd,drive=iso,bootindex=0"],
    "stick": ["-device", "qemu-xhci", "-device", "usb-storage,drive=iso,bootindex=0"],
}


class Panic(AssertionError):
    """The guest's kernel gave up."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Machine:
    def __init__(self, folder, *, memory=1024, cpus=2, kernel=IMAGE / "vmlinuz", initrd=IMAGE / "initrd", append="", iso=None,
                 medium="cd", disks=(), firmware="bios", secure_boot=False, forwards=(22,), services=None,
                 nic="virtio-net-pci", threads="single", extra=()):
        """iso: boot from it instead of kernel and initrd, as a "cd" or a USB "stick". forwards: guest ports to reach from here (see port).
        services: {guest port at REGISTRY: port of 127.0.0.1 here}. firmware: "bios" or "uefi".
        threads: "multi" gives each processor a thread of the emulator; faster, but now and then the guest's kernel panics of it."""
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.memory, self.cpus, self.kernel, self.initrd, self.iso = memory, cpus, kernel, initrd, iso
        self.medium = medium
        self.append, self.disks, self.firmware, self.secure_boot = append, list(disks), firmware, secure_boot
        self.port = {guest: free_port() for guest in forwards}
        self.services, self.nic, self.threads, self.extra = services or {}, nic, threads, list(extra)
        self.process = self.serial = self.qmp_file = None
        self.before, self.matched_at = "", 0.0
        self.started = 0.0
        self._output, self._changed, self._seen, self._marks = "", threading.Condition(), 0, 0

    # ---- power

    def command(self):
        words = ["qemu-system-x86_64", "-machine", "q35", "-accel", f"tcg,thread={self.threads}", "-cpu", "max,la57=off",
                 "-smp", str(self.cpus), "-m", str(self.memory), "-display", "none", "-nodefaults", "-no-user-config",
                 "-chardev", f"socket,id=serial,path={self.folder}/serial,server=on,wait=on", "-serial", "chardev:serial",
                 "-qmp", f"unix:{self.folder}/qmp,server=on,wait=off"]
        net = "user,id=net,restrict=on" + "".join(f",hostfwd=tcp:127.0.0.1:{here}-:{guest}" for guest, here in self.port.items())
        net += "".join(f",guestfwd=tcp:{REGISTRY}:{guest}-cmd:busybox nc 127.0.0.1 {here}" for guest, here in self.services.items())
        words += ["-netdev", net, "-device", f"{self.nic},netdev=net"]
        for number, disk in enumerate(self.disks):
            words += ["-drive", f"file={disk},format=raw,if=none,id=disk{number},cache=writeback",
                      "-device", f"virtio-blk-pci,drive=disk{number}"]
        if self.firmware == "uefi":
            words += self._uefi()
        if self.iso:
            words += MEDIA[self.medium] + ["-drive", f"file={self.iso},format=raw,if=none,id=iso,readonly=on"]
        else:
            words += ["-kernel", str(self.kernel), "-append", f"console=ttyS0 quiet {self.append}".strip()]
            if self.initrd:
                words += ["-initrd", str(self.initrd)]
        return words + self.extra

    def _uefi(self):
        code = "OVMF_CODE_4M.secboot.fd" if self.secure_boot else "OVMF_CODE_4M.fd"
        variables = "OVMF_VARS_4M.ms.fd" if self.secure_boot else "OVMF_VARS_4M.fd"
        if not (self.folder / "vars.fd").exists():
            shutil.copy(f"/usr/share/OVMF/{variables}", self.folder / "vars.fd")
        return (["-global", "driver=cfi.pflash01,property=secure,value=on", "-machine", "smm=on"] if self.secure_boot else []) + [
            "-drive", f"if=pflash,format=raw,unit=0,readonly=on,file=/usr/share/OVMF/{code}",
            "-drive", f"if=pflash,format=raw,unit=1,file={self.folder}/vars.fd"]

    def start(self):
        for name in ("serial", "qmp"):
            (self.folder / name).unlink(missing_ok=True)
        self._output, self._seen = "", 0
        self.started = time.monotonic()
        log = open(self.folder / "qemu.log", "ab")
        self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.serial = self._connect("serial")
        threading.Thread(target=self._read, args=(self.serial,), daemon=True).start()
        return self

    def _connect(self, name):
        limit = time.monotonic() + 20
        while True:
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.connect(str(self.folder / name))
                return connection
            except OSError:
                connection.close()
                if self.process.poll() is not None or time.monotonic() > limit:
                    raise AssertionError("QEMU does not run:\n" + (self.folder / "qemu.log").read_text())
                time.sleep(0.005)

    def cut(self):
        """Power cut."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def wait_off(self, seconds=60):
        """Waits until the machine has switched itself off."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still on after {seconds} s; console:\n{self.tail()}")
        self.process = None

    def qmp(self, command, **arguments):
        with self._connect("qmp") as connection:
            lines = connection.makefile("rw")
            lines.readline()
            for name, values in (("qmp_capabilities", {}), (command, arguments)):
                lines.write(json.dumps({"execute": name, "arguments": values}) + "\n")
                lines.flush()
                while True:
                    answer = json.loads(lines.readline())
                    if "return" in answer or "error" in answer:
                        break
            return answer

    def press_power(self):
        self.qmp("system_powerdown")

    # ---- serial console

    def _read(self, connection):
        with open(self.folder / "console.log", "ab") as log:
            while True:
                try:
                    data = connection.recv(65536)
                except OSError:
                    data = b""
                with self._changed:
                    if not data:
                        self._changed.notify_all()
                        return
                    log.write(data)
                    log.flush()
                    self._output += data.decode(errors="replace").replace("\r", "")
                    self._changed.notify_all()

    @property
    def output(self):
        return self._output

    def tail(self, lines=40):
        return "\n".join(self._output.splitlines()[-lines:])

    def wait_for(self, pattern, seconds=120):
        """Waits until the console shows pattern, after what was waited for before; returns the match, sets before, what was
        shown until there, and matched_at, the seconds since QEMU was started. Patterns begin with something that is seldom: they
        are searched again each time a piece of output has come."""
        limit = time.monotonic() + seconds
        with self._changed:
            while True:
                text = self._output[self._seen:]
                if found := re.search(pattern, text):
                    self._seen += found.end()
                    self.before = text[:found.start()]
                    self.matched_at = time.monotonic() - self.started
                    return found
                if "Kernel panic" in text:
                    raise Panic(self.tail())
                if self.process is None or self.process.poll() is not None:
                    raise AssertionError(f"the machine is off; wanted {pattern!r}; console:\n{self.tail()}")
                left = limit - time.monotonic()
                if left <= 0:
                    raise AssertionError(f"not within {seconds} s: {pattern!r}; console:\n{self.tail()}")
                self._changed.wait(min(left, 0.2))

    def type(self, text):
        self.serial.sendall(text.encode())

    def log_in(self, seconds=180):
        """Waits for the prompt of the shell on the serial console, which logs in by itself."""
        self.wait_for(PROMPT, seconds)
        self.type("stty -echo; PS1=\n")
        self.sh("true")

    def sh(self, command, seconds=120, check=True):
        """Runs a shell command on the serial console; returns what it printed, stripped."""
        self._marks += 1
        mark = f"mark-{self._marks}"
        self.type(f"{command}\nstatus=$?; echo; echo {mark[:4]}''{mark[4:]} $status\n")
        status = int(self.wait_for(rf"{mark} (\d+)\n", seconds)[1])
        text = self.before.strip("\n")
        if check and status != 0:
            raise AssertionError(f"{command}: exit status {status}\n{text}")
        return text if check else (status, text)


def make_disk(path, megabytes=2048, label="RANCHER_STATE", files=None):
    """A raw disk that is one ext4 file system with this label. files: {path: text} to put on it."""
    with open(path, "wb") as disk:
        disk.truncate(megabytes << 20)
    tree = pathlib.Path(f"{path}.tree")
    for name, text in (files or {}).items():
        target = tree / name.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    subprocess.run(["mkfs.ext4", "-q", "-F", "-L", label, *(["-d", str(tree)] if files else []), str(path)], check=True)
    shutil.rmtree(tree, ignore_errors=True)
    return path

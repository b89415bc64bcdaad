"""A command on a terminal of its own."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time


class Terminal:
    def __init__(self, words, env, rows=24, columns=80):
        self.master, slave = pty.openpty()
        self.resize(rows, columns)
        self.process = subprocess.Popen(words, stdin=slave, stdout=slave, stderr=slave, env=env, start_new_session=True,
                                        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        self.attributes = lambda: termios.tcgetattr(slave)
        self.slave = slave
        self.text = ""

    def resize(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        if hasattr(self, "process"):
            self.process.send_signal(signal.SIGWINCH)

    def send(self, text):
        os.write(self.master, text.encode())

    def _read(self, seconds):
        if select.select([self.master], [], [], seconds)[0]:
            try:
                self.text += os.read(self.master, 65536).decode(errors="replace")
                return True
            except OSError:
                pass
        return False

    def expect(self, pattern, seconds=10):
        """Reads until the pattern is there, and forgets what came up to its end; gives the match."""
        limit = time.monotonic() + seconds
        while not (match := re.search(pattern, self.text, re.S)):
            if not self._read(0.1) and (time.monotonic() > limit or self.process.poll() is not None and not self._read(0.2)):
                raise AssertionError(f"{pattern!r} did not come, but {self.text!r}")
        self.text = self.text[match.end():]
        return match

    def wait(self, seconds=10):
        """The command's exit status; what it printed meanwhile is in text."""
        limit = time.monotonic() + seconds
        while self.process.poll() is None:
            self._read(0.05)
            if time.monotonic() > limit:
                self.process.kill()
                raise AssertionError(f"it did not end; {self.text!r}")
        while self._read(0.1):
            pass
        return self.process.returncode

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
        os.close(self.slave)

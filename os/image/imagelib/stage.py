"""Stages of the image build: one is redone only when what goes into it has changed."""

import hashlib
import os
import time


def digest_inputs(inputs):
    """One digest of files, folders (with modes and names) and plain strings ("=text")."""
    total = hashlib.sha256()
    for entry in inputs:
        if entry.startswith("="):
            total.update(entry.encode() + b"\0")
            continue
        paths = [entry]
        if os.path.isdir(entry):
            paths = sorted(os.path.join(base, name) for base, _, files in os.walk(entry) for name in files
                           if "__pycache__" not in base)
        for path in paths:
            total.update(f"{path}\0{os.access(path, os.X_OK)}\0".encode())
            if os.path.islink(path):
                total.update(os.readlink(path).encode())
            else:
                with open(path, "rb") as stream:
                    total.update(hashlib.file_digest(stream, "sha256").digest())
    return total.hexdigest()


class Stages:
    def __init__(self, folder, log):
        self.folder, self.log = folder, log
        os.makedirs(folder, exist_ok=True)

    def run(self, name, inputs, outputs, make):
        """Calls make() unless the outputs exist and were made from the same inputs."""
        stamp = os.path.join(self.folder, name)
        wanted = digest_inputs(inputs)
        try:
            with open(stamp, encoding="ascii") as stream:
                fresh = stream.read() == wanted and all(os.path.exists(path) for path in outputs)
        except FileNotFoundError:
            fresh = False
        if fresh:
            return False
        if os.path.exists(stamp):
            os.unlink(stamp)
        start = time.monotonic()
        make()
        with open(stamp, "w", encoding="ascii") as stream:
            stream.write(wanted)
        self.log(f"{name}: {time.monotonic() - start:.1f} s")
        return True

"""Debian packages: the lock file, fetching by it, unpacking into a tree.

The lock file is the build's input: one package a line, "NAME VERSION SHA256 ARCHIVE PATH", after a line "epoch SECONDS",
the time that everything in the images is stamped with. ARCHIVE is "debian" or "security", PATH lies below it.
"""

import hashlib
import io
import os
import re
import subprocess
import tarfile
from collections import namedtuple

from .tree import Tree, Node, file, folder, link, merged

Package = namedtuple("Package", "name version sha256 archive path")
HELPER = "/usr/lib/apt/apt-helper"


class LockError(Exception):
    pass


class Lock:
    def __init__(self, path):
        self.path, self.packages, self.epoch = path, {}, 0
        with open(path, encoding="ascii") as stream:
            for number, line in enumerate(stream, 1):
                words = line.split("#")[0].split()
                if len(words) == 2 and words[0] == "epoch":
                    self.epoch = int(words[1])
                elif len(words) == 5:
                    self.packages[words[0]] = Package(*words)
                elif words:
                    raise LockError(f"{path}:{number}: expected NAME VERSION SHA256 ARCHIVE PATH")

    def __getitem__(self, name):
        if name not in self.packages:
            raise LockError(f"{name} is not in {self.path}; run `make lock`")
        return self.packages[name]

    def sources(self, name):
        """The rows of a source package; none for a program of our own."""
        return [row for row in (f"{name}.orig", f"{name}.debian") if row in self.packages]

    def kernel(self):
        return next(p for n, p in sorted(self.packages.items()) if re.match(r"linux-image-\d", n))


def mirrors():
    """The base addresses of the archives, as os/buildroot/sources found them in the machine's apt."""
    script = os.path.join(os.path.dirname(__file__), "..", "..", "buildroot", "sources")
    lines = subprocess.run([script], check=True, capture_output=True, text=True).stdout.splitlines()
    addresses = {line.split()[3]: line.split()[2] for line in lines}
    return {"debian": addresses["trixie"], "security": addresses["trixie-security"]}


def digest_file(path):
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def fetch(package, cache, log):
    """The path of a package's archive in the cache, downloaded and verified when it is not there yet."""
    target = os.path.join(cache, f"{package.sha256}.deb")
    if os.path.exists(target):
        return target
    os.makedirs(cache, exist_ok=True)
    address = f"{mirrors()[package.archive]}/{package.path}"
    log(f"fetch {package.name} {package.version}")
    partial = f"{target}.partial"
    done = subprocess.run([HELPER, "-o", "APT::Sandbox::User=root", "download-file", address, partial,
                           f"SHA256:{package.sha256}"], capture_output=True, text=True)
    if done.returncode != 0 or not os.path.exists(partial) or digest_file(partial) != package.sha256:
        raise LockError(f"{package.name} {package.version} could not be fetched: {done.stderr.strip() or done.stdout.strip()}\n"
                        "Is the network all right? If the mirror does not have this version any more: `make lock` moves to those "
                        "that it has now; commit the new lock file.")
    os.replace(partial, target)
    return target


def control(deb):
    return subprocess.run(["dpkg-deb", "--field", deb], check=True, capture_output=True, text=True).stdout


def unpack(deb):
    """The files of a package. No maintainer script runs; what they would have made is in the recipes."""
    stream = subprocess.run(["dpkg-deb", "--fsys-tarfile", deb], check=True, capture_output=True).stdout
    tree = Tree()
    with tarfile.open(fileobj=io.BytesIO(stream), mode="r:") as archive:
        for member in archive:
            path = merged(os.path.normpath(member.name).lstrip("./"))
            if not path or path == ".":
                continue
            if member.isdir():
                tree.put(path, folder(member.mode, member.uid, member.gid))
            elif member.issym():
                tree.put(path, link(member.linkname))
            elif member.islnk():
                tree.put(path, tree[merged(os.path.normpath(member.linkname).lstrip("./"))])
            elif member.isfile():
                tree.put(path, file(archive.extractfile(member).read(), member.mode, member.uid, member.gid))
            elif member.ischr():
                tree.put(path, Node("c", member.mode, member.uid, member.gid, device=(member.devmajor, member.devminor)))
            else:
                raise ValueError(f"{deb}: {member.name} is of a kind that no image needs")
    return tree

"""A file tree in memory: what a package, an image layer, an initramfs or the root file system consists of.

Paths are relative ("usr/bin/sh"), owners are numbers, times are not kept: every writer stamps the epoch of the lock file.
A tree follows usrmerge: whatever a package puts in bin, sbin, lib or lib64 lands in usr.
"""

import fnmatch
import os
import re
import stat
import struct

USRMERGE = ("bin", "sbin", "lib", "lib64")


class Node:
    """One file. kind: "d" folder, "f" file, "l" symbolic link, "c" and "b" devices, "p" fifo."""

    __slots__ = ("kind", "mode", "uid", "gid", "data", "device")

    def __init__(self, kind, mode, uid=0, gid=0, data=b"", device=(0, 0)):
        self.kind, self.mode, self.uid, self.gid, self.data, self.device = kind, mode, uid, gid, data, device

    def same(self, other):
        return all(getattr(self, name) == getattr(other, name) for name in Node.__slots__)


def folder(mode=0o755, uid=0, gid=0):
    return Node("d", mode, uid, gid)


def file(data, mode=0o644, uid=0, gid=0):
    return Node("f", mode, uid, gid, data if isinstance(data, bytes) else data.encode())


def link(target):
    return Node("l", 0o777, data=target.encode())


def merged(path):
    """Where a path of a package lies on a system with /usr merged."""
    first, _, rest = path.partition("/")
    return f"usr/{first}/{rest}" if first in USRMERGE and rest else path


class Tree(dict):
    """path -> Node; iterate with walk() to get parents before children in a fixed order."""

    def put(self, path, node):
        """Adds a node and whichever of its parent folders are missing."""
        path = path.strip("/")
        parent = os.path.dirname(path)
        if parent and parent not in self:
            self.put(parent, folder())
        self[path] = node

    def update_from(self, other):
        """Lays another tree over this one; folders that are there already keep their mode and owner."""
        for path, node in other.walk():
            if node.kind == "d" and path in self:
                if self[path].kind == "d" or self[path].kind == "l":
                    continue
            self.put(path, node)

    def walk(self):
        return sorted(self.items())

    def remove(self, patterns):
        """Removes what matches, with all below it. "*" crosses slashes. Returns the patterns that matched nothing."""
        unused = []
        for pattern in patterns:
            expression = re.compile(fnmatch.translate(pattern.strip("/")))
            gone = [path for path in self if expression.match(path)]
            if not gone:
                unused.append(pattern)
            for path in gone:
                if path in self:
                    del self[path]
                for below in [p for p in self if p.startswith(path + "/")]:
                    del self[below]
        return unused

    def keep_only(self, patterns):
        """Removes every file that matches none of the patterns. Returns the patterns that matched nothing."""
        expressions = {pattern: re.compile(fnmatch.translate(pattern.strip("/"))) for pattern in patterns}
        used = set()
        for path, node in self.walk():
            matching = {pattern for pattern, expression in expressions.items() if expression.match(path)}
            used |= matching
            if node.kind != "d" and not matching:
                del self[path]
        return [pattern for pattern in patterns if pattern not in used]

    def drop_empty_folders(self):
        parents = {os.path.dirname(path) for path in self}
        for path in sorted(self, reverse=True):
            if self[path].kind == "d" and path not in parents:
                del self[path]
                parents = {os.path.dirname(p) for p in self}

    def read_folder(self, source):
        """Adds the files of a folder of the repository: owner root, mode from the executable bit alone."""
        for base, folders, files in os.walk(source):
            for name in sorted(folders + files):
                full = os.path.join(base, name)
                path = os.path.relpath(full, source)
                if os.path.islink(full):
                    self.put(path, link(os.readlink(full)))
                elif os.path.isdir(full):
                    self.put(path, self.get(path) or folder())
                else:
                    with open(full, "rb") as stream:
                        self.put(path, file(stream.read(), 0o755 if os.access(full, os.X_OK) else 0o644))

    def write_folder(self, target):
        """Makes the tree real below an empty or missing folder (needs root for owners and devices)."""
        os.makedirs(target, exist_ok=True)
        for path, node in self.walk():
            full = os.path.join(target, path)
            if node.kind == "d":
                os.makedirs(full, exist_ok=True)
            elif node.kind == "f":
                with open(full, "wb") as stream:
                    stream.write(node.data)
            elif node.kind == "l":
                os.symlink(node.data, full)
            elif node.kind == "p":
                os.mkfifo(full)
            else:
                kind = stat.S_IFCHR if node.kind == "c" else stat.S_IFBLK
                os.mknod(full, node.mode | kind, os.makedev(*node.device))
            os.chown(full, node.uid, node.gid, follow_symlinks=False)
            if node.kind != "l":
                os.chmod(full, node.mode)

    def size(self, prefix=""):
        return sum(len(node.data) for path, node in self.items() if node.kind == "f" and path.startswith(prefix))


def resolve(tree, path):
    """Follows symbolic links inside the tree; None when the path leads nowhere."""
    for _ in range(40):
        parts, done = path.strip("/").split("/"), []
        for i, part in enumerate(parts):
            if part == "..":
                done = done[:-1]
                continue
            if part in ("", "."):
                continue
            here = "/".join(done + [part])
            node = tree.get(here)
            if node is None:
                return None
            if node.kind == "l":
                target = node.data.decode()
                rest = parts[i + 1:]
                path = "/".join(([target] if target.startswith("/") else done + [target]) + rest)
                break
            done.append(part)
        else:
            return "/".join(done)
    return None


def elf_needs(data):
    """The shared libraries that an ELF file asks for, its interpreter, and its run path."""
    if data[:6] != b"\x7fELF\x02\x01":
        return [], None, ""
    offset, entry_size, count = *struct.unpack_from("<Q", data, 32), *struct.unpack_from("<HH", data, 54)
    headers = [struct.unpack_from("<IIQQQQQQ", data, offset + i * entry_size) for i in range(count)]
    loads = [h for h in headers if h[0] == 1]

    def text(address):
        for _, _, file_offset, virtual, _, file_size, _, _ in loads:
            if virtual <= address < virtual + file_size:
                start = address - virtual + file_offset
                return data[start:data.index(b"\0", start)].decode()
        raise ValueError("string outside of the file")

    interpreter, entries = None, []
    for kind, _, file_offset, _, _, file_size, _, _ in headers:
        if kind == 3:
            interpreter = data[file_offset:file_offset + file_size].rstrip(b"\0").decode()
        elif kind == 2:
            entries = list(struct.iter_unpack("<QQ", data[file_offset:file_offset + file_size // 16 * 16]))
    strings = next((value for tag, value in entries if tag == 5), 0)
    needs = [text(strings + value) for tag, value in entries if tag == 1]
    run_path = next((text(strings + value) for tag, value in entries if tag in (15, 29)), "")
    return needs, interpreter, run_path


LIBRARY_FOLDERS = ("usr/lib/x86_64-linux-gnu", "usr/lib")


def missing_libraries(tree):
    """Every (file, library) for which the loader would fail in this tree."""
    missing = []
    for path, node in tree.walk():
        if node.kind != "f" or not node.data.startswith(b"\x7fELF"):
            continue
        needs, interpreter, run_path = elf_needs(node.data)
        folders = [f.strip("/").replace("$ORIGIN", os.path.dirname(path)) for f in run_path.split(":") if f]
        if interpreter and resolve(tree, interpreter) is None:
            missing.append((path, interpreter))
        missing += [(path, name) for name in needs
                    if not any(resolve(tree, f"{f}/{name}") for f in (*folders, *LIBRARY_FOLDERS))]
    return missing

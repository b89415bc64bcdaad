"""The kernel's modules: which are taken, with all that they need, and the indexes that loaders read."""

import fnmatch
import lzma
import os
import re
import subprocess
import tempfile

from .tree import Tree, file

GROUPS = ("always", "first", "early", "only", "often", "late")
# What loaders read, ours and Debian's kmod: binary forms and the two that have none.
INDEXES = ("modules.alias.bin", "modules.builtin.bin", "modules.builtin.alias.bin", "modules.dep.bin", "modules.devname",
           "modules.softdep")


def read_list(path):
    """[(group, excluded, pattern)] of modules.list."""
    rows, group = [], "late"
    with open(path, encoding="ascii") as stream:
        for line in stream:
            word = line.split("#")[0].strip()
            if word.startswith("@"):
                group = word[1:]
                if group not in GROUPS:
                    raise ValueError(f"{path}: unknown group {word}")
            elif word:
                rows.append((group, word.startswith("-"), word.lstrip("-")))
    return rows


def depmod(modules, version, indexes=INDEXES):
    """The indexes of a set of modules (a tree with usr/lib/modules/VERSION) as a tree of the same shape."""
    with tempfile.TemporaryDirectory() as root:
        modules.write_folder(root)
        os.symlink("usr/lib", os.path.join(root, "lib"))
        subprocess.run(["depmod", "-b", root, version], check=True)
        folder = f"usr/lib/modules/{version}"
        made = Tree()
        for name in sorted(os.listdir(os.path.join(root, folder))):
            full = os.path.join(root, folder, name)
            if name in indexes and os.path.isfile(full):
                with open(full, "rb") as stream:
                    made.put(f"{folder}/{name}", file(stream.read()))
        return made


def name_of(path):
    return re.sub(r"\.ko(\.xz)?$", "", os.path.basename(path)).replace("-", "_")


class Modules:
    """All modules of the kernel package, and what each needs."""

    def __init__(self, package_tree, version):
        self.version, self.folder = version, f"usr/lib/modules/{version}"
        self.all = Tree((p, n) for p, n in package_tree.items() if p.startswith(self.folder))
        indexes = depmod(self.all, version, ("modules.dep", "modules.alias", "modules.softdep"))

        def lines(name):
            return indexes[f"{self.folder}/{name}"].data.decode().splitlines()

        self.paths, self.needs = {}, {}
        for line in lines("modules.dep"):
            path, _, needs = line.partition(":")
            self.paths[name_of(path)] = path
            self.needs[name_of(path)] = [name_of(need) for need in needs.split()]
        self.aliases = [(words[1], words[2]) for words in map(str.split, lines("modules.alias")) if words[:1] == ["alias"]]
        for line in lines("modules.softdep"):
            words = line.split()
            if words[:1] == ["softdep"]:
                for alias in (w for w in words[2:] if not w.endswith(":")):
                    self.needs[words[1]] += self.soft(alias)

    def soft(self, alias):
        """The modules behind a softdep: by name, else by alias. Of crypto algorithms the generic one is enough."""
        name = alias.replace("-", "_")
        if name in self.paths:
            return [name]
        found = [module for pattern, module in self.aliases if fnmatch.fnmatchcase(alias, pattern)]
        return sorted({m for m in found if m.endswith("_generic")}) or found[:1]

    def closure(self, names):
        seen, todo = set(), list(names)
        while todo:
            name = todo.pop()
            if name not in seen and name in self.paths:
                seen.add(name)
                todo += self.needs[name]
        return seen

    def choose(self, rows):
        """group -> set of module names, each with what it needs; a pattern that matches nothing is an error."""
        chosen, useless = {group: set() for group in GROUPS}, []
        for group, excluded, pattern in rows:
            expression = re.compile(fnmatch.translate(f"kernel/{pattern}.ko.xz"))
            found = {name for name, path in self.paths.items() if expression.match(path)}
            if not found:
                useless.append(pattern)
            for target in chosen.values() if excluded else [chosen[group]]:
                target.difference_update(found) if excluded else target.update(found)
        if useless:
            raise ValueError(f"modules.list: no module matches {' '.join(useless)}")
        return {group: self.closure(names) for group, names in chosen.items()}

    def tree(self, names, plain=(), absent=()):
        """The modules with their indexes. Names in `plain` are stored uncompressed; their signatures stay on all of them.
        Names in `absent` are in the indexes only: loaders see that they are loaded already."""
        made = Tree()
        for name in sorted({*names, *absent}):
            path = f"{self.folder}/{self.paths[name]}"
            node = self.all[path]
            if name in plain:
                made.put(path.removesuffix(".xz"), file(lzma.decompress(node.data)))
            else:
                made.put(path, file(node.data))
        for name in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
            made.put(f"{self.folder}/{name}", file(self.all[f"{self.folder}/{name}"].data))
        made.update_from(depmod(made, self.version))
        for name in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
            del made[f"{self.folder}/{name}"]
        for name in absent:
            del made[f"{self.folder}/{self.paths[name]}"]
        return made

"""Recipes: what a tree is made of, as data (recipe.toml and a folder files/ beside it)."""

import os
import subprocess
import tempfile
import tomllib

from . import debs
from .tree import folder, link, missing_libraries, resolve, Tree


class RecipeError(Exception):
    pass


def parse_mode(text):
    mode, *owner = text.split()
    uid, gid = (int(word) for word in (owner + ["0", "0"])[:2])
    return int(mode, 8), uid, gid


class Recipe:
    def __init__(self, path):
        self.path, self.name = path, os.path.basename(path)
        with open(os.path.join(path, "recipe.toml"), "rb") as stream:
            data = tomllib.load(stream)
        self.tag = data.pop("tag", None)
        self.base = data.pop("from", None)
        self.config = data.pop("config", {})
        self.packages = data.pop("packages", {})
        self.built = data.pop("built", {})
        self.drop = [pattern for patterns in data.pop("drop", {}).values() for pattern in patterns]
        self.busybox = data.pop("busybox", None)
        self.links = data.pop("links", {})
        self.folders = data.pop("folders", {})
        self.modes = data.pop("modes", {})
        if data:
            raise RecipeError(f"{path}/recipe.toml: unknown key {next(iter(data))}")

    def tree(self, fetched, lower=None, own=None):
        """The finished tree. fetched: name -> archive of a package, name -> folder of what is built from source; lower: the tree of the image that this is a layer over;
        own: what the build adds to it."""
        tree, problems = Tree(lower or {}), []
        tree.update_from(own or Tree())
        self.add_packages(tree, fetched, problems)
        for name, patterns in self.built.items():
            own = Tree()
            own.read_folder(fetched[name])
            problems += [f"{name} has no {pattern}" for pattern in own.keep_only(patterns)]
            tree.update_from(own)
        for path, mode in self.folders.items():
            tree.put(path, folder(*parse_mode(mode)))
        files = os.path.join(self.path, "files")
        if os.path.isdir(files):
            tree.read_folder(files)
        for path, target in self.links.items():
            tree.put(debs.merged(path), link(target))
        if self.busybox:
            self.add_busybox(tree, fetched)
        for path, mode in self.modes.items():
            if path not in tree:
                problems.append(f"[modes]: there is no {path}")
            else:
                tree[path].mode, tree[path].uid, tree[path].gid = parse_mode(mode)
        problems += [f"{path} needs {name}" for path, name in missing_libraries(tree)]
        problems += [f"{path} leads nowhere" for path, node in tree.items() if node.kind == "l" and self.dangles(tree, path)]
        if problems:
            raise RecipeError("\n".join(f"{self.path}: {problem}" for problem in problems))
        return tree

    @staticmethod
    def dangles(tree, path):
        """Whether a link of a package points at a file that the recipe left out (links to /run and the like are fine)."""
        target = tree[path].data.decode()
        return not target.startswith(("/run", "/proc", "/dev", "/etc", "/var")) and resolve(tree, path) is None

    def add_packages(self, tree, fetched, problems):
        unused = set(self.drop)
        for name, patterns in self.packages.items():
            package = debs.unpack(fetched[name])
            if patterns:
                problems += [f"{name} has no {pattern}" for pattern in package.keep_only(patterns)]
            unused &= set(package.remove(self.drop))
            package.drop_empty_folders()
            tree.update_from(package)
        problems += [f"[drop]: nothing matches {pattern}" for pattern in sorted(unused)]

    def add_busybox(self, tree, fetched):
        """Names for busybox wherever no package brought a program of that name."""
        program, sbin = self.busybox["program"], set(self.busybox["sbin"])
        taken = {os.path.basename(path) for path in tree if path.startswith(("usr/bin/", "usr/sbin/"))}
        for name in busybox_names(tree[program].data):
            if name not in taken and name not in self.busybox["except"]:
                if name in sbin:
                    tree.put(f"usr/sbin/{name}", link(os.path.relpath(program, "usr/sbin")))
                else:
                    tree.put(f"usr/bin/{name}", link(os.path.basename(program)))


def busybox_names(program):
    """The applets of a busybox, asked from itself."""
    with tempfile.NamedTemporaryFile(delete=False) as stream:
        stream.write(program)
    try:
        os.chmod(stream.name, 0o755)
        return subprocess.run(["busybox", "--list"], executable=stream.name, check=True, capture_output=True,
                              text=True).stdout.split()
    finally:
        os.unlink(stream.name)


def all_recipes(repository):
    folders = [os.path.join(repository, "os", "rootfs"), os.path.join(repository, "os", "initrd")]
    images = os.path.join(repository, "os", "images")
    folders += [os.path.join(images, name) for name in sorted(os.listdir(images))]
    return {os.path.basename(path): Recipe(path) for path in folders}

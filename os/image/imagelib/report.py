"""Prints what the image weighs and what is in it."""

import collections
import os


def megabytes(size):
    return f"{size / 1e6:7.2f} MB"


def show_group(title, sizes):
    print(f"  {title}")
    for name, size in sizes:
        print(f"    {megabytes(size)}  {name}")


def by_top(tree, names):
    """Sizes of a tree's content, summed under the first matching prefix."""
    sums = collections.Counter()
    for path, node in tree.items():
        if node.kind == "f":
            sums[next((name for name in names if path.startswith(name)), "the rest")] += len(node.data)
    return sums.most_common()


def show(build):
    files = ("vmlinuz", "initrd-base", "rootfs.erofs", "initrd", "paddock.iso")
    print(f"build/image (Paddock {build.version}, Linux {build.release}):")
    for name in files:
        print(f"  {megabytes(os.path.getsize(build.path(name)))}  {name}")
    print("what is in it, unpacked:")
    show_group("initrd-base", by_top(build.load_tree("initrd-tree"), ["init", "bin/busybox", "sbin/e2fsck", "lib/modules"]))
    root = by_top(build.load_tree("root-tree"), ["usr/bin/ros", "usr/bin/busybox", "usr/lib/modules"])
    images = [(name, build.load_tree(name).size()) for name in build.archives]
    show_group("rootfs.erofs", root)
    show_group("system images in it (a higher one counts the one below)", images)

"""Archives with the same bits for the same tree: cpio (newc) for the kernel, tar for layers, docker archives for images."""

import hashlib
import io
import json
import tarfile

from .tree import Tree

CPIO_KINDS = {"d": 0o040000, "f": 0o100000, "l": 0o120000, "c": 0o020000, "b": 0o060000, "p": 0o010000}
TAR_KINDS = {"d": tarfile.DIRTYPE, "f": tarfile.REGTYPE, "l": tarfile.SYMTYPE, "c": tarfile.CHRTYPE,
             "b": tarfile.BLKTYPE, "p": tarfile.FIFOTYPE}


def cpio_header(inode, mode, uid, gid, links, mtime, size, device, name):
    fields = (inode, mode, uid, gid, links, mtime, size, 0, 0, *device, len(name) + 1, 0)
    header = b"070701" + "".join(f"{f:08X}" for f in fields).encode() + name + b"\0"
    return header + b"\0" * (-len(header) % 4)


def cpio(tree, epoch):
    """The tree as an uncompressed initramfs segment."""
    out = bytearray()
    for inode, (path, node) in enumerate(tree.walk(), 1):
        links = 2 if node.kind == "d" else 1
        out += cpio_header(inode, CPIO_KINDS[node.kind] | node.mode, node.uid, node.gid, links, epoch,
                           len(node.data), node.device, path.encode())
        out += node.data + b"\0" * (-len(node.data) % 4)
    out += cpio_header(0, 0, 0, 0, 1, 0, 0, (0, 0), b"TRAILER!!!")
    return bytes(out + b"\0" * (-len(out) % 512))


def tar(tree, epoch):
    """The tree as an image layer."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:", format=tarfile.PAX_FORMAT) as archive:
        for path, node in tree.walk():
            member = tarfile.TarInfo(path)
            member.type, member.mode, member.uid, member.gid = TAR_KINDS[node.kind], node.mode, node.uid, node.gid
            member.mtime = epoch
            if node.kind == "l":
                member.linkname = node.data.decode()
            elif node.kind == "f":
                member.size = len(node.data)
            else:
                member.devmajor, member.devminor = node.device
            archive.addfile(member, io.BytesIO(node.data) if node.kind == "f" else None)
    return buffer.getvalue()


def layer_between(lower, upper):
    """What a layer over `lower` must hold so that `upper` is seen."""
    layer = Tree()
    for path, node in upper.walk():
        if path not in lower or not node.same(lower[path]):
            layer.put(path, node)
            parent = path.rpartition("/")[0]
            while parent:       # a folder's own entry, so that its mode and owner travel with the layer
                layer[parent] = upper[parent]
                parent = parent.rpartition("/")[0]
    gone = [path for path in lower if path not in upper]
    if gone:
        raise ValueError(f"a layer may not remove files of the image below it: {gone[:5]}")
    return layer


def iso_time(epoch):
    import datetime
    return datetime.datetime.fromtimestamp(epoch, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def docker_archive(tag, layers, config, epoch):
    """What `docker load` reads. layers: list of tar streams, lowest first; config: the image's "config" object."""
    diff_ids = [f"sha256:{hashlib.sha256(layer).hexdigest()}" for layer in layers]
    created = iso_time(epoch)
    document = {"architecture": "amd64", "config": config, "created": created,
                "history": [{"created": created, "created_by": f"paddock {tag.split(':')[0]}"} for _ in layers],
                "os": "linux", "rootfs": {"type": "layers", "diff_ids": diff_ids}}
    text = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    config_name = f"{hashlib.sha256(text).hexdigest()}.json"
    names = [f"{diff_id[7:]}/layer.tar" for diff_id in diff_ids]
    manifest = json.dumps([{"Config": config_name, "RepoTags": [tag], "Layers": names}]).encode()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in [(config_name, text), *zip(names, layers), ("manifest.json", manifest)]:
            member = tarfile.TarInfo(name)
            member.size, member.mtime = len(data), epoch
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()

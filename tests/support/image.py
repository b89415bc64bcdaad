"""Images made of nothing but Python and a static busybox: layers, docker-archive files, manifests."""
import gzip
import hashlib
import io
import json
import pathlib
import subprocess
import tarfile

BUSYBOX = pathlib.Path("/usr/bin/busybox")
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Layer:
    """A tar archive in the making. Entries are as deterministic as their contents."""

    def __init__(self, format=tarfile.GNU_FORMAT):
        self._bytes = io.BytesIO()
        self._tar = tarfile.open(fileobj=self._bytes, mode="w", format=format)

    def add(self, name, data=None, mode=None, type=None, link="", uid=0, gid=0, **fields):
        """A file with data, or a folder, or whatever type says."""
        entry = tarfile.TarInfo(name)
        entry.type = type or (tarfile.DIRTYPE if data is None and not link else tarfile.SYMTYPE if link else tarfile.REGTYPE)
        entry.mode = mode if mode is not None else (0o755 if data is None else 0o644)
        entry.linkname, entry.uid, entry.gid, entry.mtime = link, uid, gid, fields.pop("mtime", 1700000000)
        for key, value in fields.items():
            setattr(entry, key, value)
        if isinstance(data, str):
            data = data.encode()
        entry.size = len(data) if data is not None else 0
        self._tar.addfile(entry, io.BytesIO(data) if data is not None else None)
        return self

    def bytes(self):
        if not self._tar.closed:
            self._tar.close()
        return self._bytes.getvalue()


def busybox_layer():
    layer = Layer()
    for folder, mode in [("bin", 0o755), ("dev", 0o755), ("etc", 0o755), ("home", 0o755), ("root", 0o700), ("tmp", 0o1777),
                         ("usr", 0o755), ("usr/bin", 0o755), ("usr/sbin", 0o755), ("var", 0o755), ("var/tmp", 0o1777)]:
        layer.add(folder, mode=mode)
    layer.add("etc/passwd", "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/bin/false\n"
              "user:x:1000:1000:user:/home:/bin/sh\nnobody:x:65534:65534:nobody:/home:/bin/false\n")
    layer.add("etc/group", "root:x:0:\ndaemon:x:1:user\nusers:x:100:user\nuser:x:1000:\nnogroup:x:65534:\n")
    layer.add("bin/busybox", BUSYBOX.read_bytes(), mode=0o755)
    applets = subprocess.run([BUSYBOX, "--list"], capture_output=True, text=True, check=True).stdout.split()
    for applet in sorted(set(applets) - {"busybox"}):
        layer.add(f"bin/{applet}", type=tarfile.LNKTYPE, link="bin/busybox", mode=0o755)
    return layer.bytes()


class Image:
    """Layers (tar bytes) and a configuration; everything else follows from them."""

    def __init__(self, layers, history=None, oci=False, **config):
        self.layers, self.oci = layers, oci
        self.diff_ids = [sha256(layer) for layer in layers]
        settings = {"Env": [f"PATH={PATH}"], "Cmd": ["sh"]} | config
        history = history or [{"created": "2024-01-01T00:00:00Z", "created_by": f"layer {n}"} for n in range(len(layers))]
        self.config = json.dumps({
            "architecture": "amd64", "os": "linux", "created": "2024-01-01T00:00:00Z", "config": settings,
            "rootfs": {"type": "layers", "diff_ids": self.diff_ids}, "history": history}).encode()
        self.id = sha256(self.config)
        self.packed = [gzip.compress(layer, 6, mtime=0) for layer in layers]

    @property
    def manifest(self):
        kinds = (OCI_MANIFEST, OCI_CONFIG, OCI_LAYER) if self.oci else (DOCKER_MANIFEST, DOCKER_CONFIG, DOCKER_LAYER)
        return json.dumps({
            "schemaVersion": 2, "mediaType": kinds[0],
            "config": {"mediaType": kinds[1], "size": len(self.config), "digest": self.id},
            "layers": [{"mediaType": kinds[2], "size": len(blob), "digest": sha256(blob)} for blob in self.packed]}).encode()

    @property
    def manifest_type(self):
        return OCI_MANIFEST if self.oci else DOCKER_MANIFEST

    def blobs(self):
        return {sha256(blob): blob for blob in [self.config, *self.packed]}

    def archive(self, *tags):
        """A docker-archive, as `docker load` takes it."""
        names = [f"{diff_id.removeprefix('sha256:')}/layer.tar" for diff_id in self.diff_ids]
        config = self.id.removeprefix("sha256:") + ".json"
        manifest = [{"Config": config, "RepoTags": list(tags) or None, "Layers": names}]
        out = Layer()
        out.add(config, self.config)
        for name, layer in zip(names, self.layers):
            out.add(name.rsplit("/", 1)[0])
            out.add(name, layer)
        out.add("manifest.json", json.dumps(manifest))
        return out.bytes()


_busybox = []


def busybox():
    """The image that most tests run."""
    if not _busybox:
        _busybox.append(Image([busybox_layer()]))
    return _busybox[0]

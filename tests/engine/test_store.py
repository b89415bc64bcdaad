"""The image store beside Docker's own: same ids, same layers, same files."""
import json
import os
import pathlib
import random
import stat
import subprocess
import threading
import time

import pytest

from support.daemon import KIND, ROS, Engine
from support.image import Image, Layer
from support.wait import wait_until

DEEP = "/very/" + "x" * 120 + "/" + "y" * 120
ODD_1 = f"""set -e
rm -r /var/tmp; mkdir /var/tmp; echo x >/var/tmp/new; rm /bin/vi
echo hi >/etc/motd; ln /etc/motd /etc/motd2; chown 70000:5 /etc/motd; chmod 4711 /etc/motd
ln -s /etc/motd /s; mkfifo /f; mkdir -p {DEEP}; touch {DEEP}/file
dd if=/dev/zero of=/sparse bs=1 count=1 seek=1000000 2>/dev/null; head -c 100000 /dev/urandom >/random
ln /bin/busybox /bin/bb2"""
ODD_2 = """set -e
rm -rf /very /etc/motd; mkdir /etc/motd; echo z >/etc/motd/z; chmod 700 /root; touch /root/k"""


@pytest.fixture(scope="module")
def moby(tmp_path_factory):
    engine = Engine(tmp_path_factory.mktemp("moby"), kind="moby").start()
    engine.load()
    engine.docker("run", "--name", "c1", "busybox", "sh", "-c", ODD_1)
    engine.docker("commit", "-c", "ENV A=b", "-c", "EXPOSE 80", "-c", "LABEL x=y", "c1", "odd:1")
    engine.docker("run", "--name", "c2", "odd:1", "sh", "-c", ODD_2)
    engine.docker("commit", "c2", "odd:2")
    engine.docker("tag", "odd:2", "localhost:5000/foo/odd:x")
    yield engine
    engine.stop()


def moby_ids(engine):
    lines = engine.docker("images", "--no-trunc", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}").splitlines()
    return dict(line.split() for line in lines)


def tree(root):
    """Path -> all that can be seen of a file, but the times of whiteouts and of the root."""
    seen = {}
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            path = os.path.join(folder, name)
            st = os.lstat(path)
            whiteout = stat.S_ISCHR(st.st_mode) and st.st_rdev == 0
            labels = {key: os.getxattr(path, key, follow_symlinks=False) for key in os.listxattr(path, follow_symlinks=False)
                      if key not in ("trusted.overlay.origin", "trusted.overlay.impure", "trusted.overlay.uuid")}
            seen[os.path.relpath(path, root)] = (
                stat.filemode(st.st_mode), st.st_uid, st.st_gid, st.st_rdev, 0 if stat.S_ISDIR(st.st_mode) else st.st_nlink,
                st.st_size if stat.S_ISREG(st.st_mode) else 0, 0 if whiteout else st.st_mtime_ns // 10**9, labels,
                os.readlink(path) if stat.S_ISLNK(st.st_mode) else "")
    return seen


@pytest.fixture(scope="module")
def imported(moby, tmp_path_factory):
    """What store-import makes of Docker's archive, with the names it printed."""
    folder = tmp_path_factory.mktemp("store")
    moby.docker("save", "-o", folder / "odd.tar", "odd:1", "odd:2", "localhost:5000/foo/odd:x", "busybox")
    done = subprocess.run([ROS, "store-import", folder / "store", folder / "odd.tar"], capture_output=True, text=True, check=True)
    return folder / "store", {name: id for id, name in (line.split() for line in done.stdout.splitlines())}


def test_image_ids_are_dockers(moby, imported):
    assert imported[1] == moby_ids(moby)


def test_layers_are_dockers(moby, imported):
    layers = moby.data_root / "image/overlay2/layerdb/sha256"
    assert sorted(os.listdir(imported[0] / "layers")) == sorted(os.listdir(layers))
    for chain in os.listdir(layers):
        docker = tree(moby.data_root / "overlay2" / (layers / chain / "cache-id").read_text() / "diff")
        ours = tree(imported[0] / "layers" / chain / "fs")
        differ = {path: (docker.get(path), ours.get(path)) for path in docker.keys() | ours.keys() if docker.get(path) != ours.get(path)}
        assert not differ, chain


def test_import_gives_the_same_bits_twice(imported, tmp_path):
    def bits(folder):
        command = ["tar", "--sort=name", "--format=pax", "--xattrs", "--xattrs-include=*", "--pax-option=delete=atime,delete=ctime",
                   "-C", folder, "-cf", "-", "."]
        return subprocess.run(command, capture_output=True, check=True).stdout
    subprocess.run([ROS, "store-import", tmp_path / "again", imported[0].parent / "odd.tar"], capture_output=True, check=True)
    assert bits(imported[0]) == bits(tmp_path / "again")


def test_compressed_archives_and_layouts(imported, tmp_path):
    """The archive compressed as a whole, and an OCI layout without manifest.json."""
    archive = imported[0].parent / "odd.tar"
    for tool in ["gzip", "zstd", "xz -1"]:
        packed = tmp_path / "packed"
        with open(archive, "rb") as source, open(packed, "wb") as target:
            subprocess.run(tool.split(), stdin=source, stdout=target, check=True)
        done = subprocess.run([ROS, "store-import", tmp_path / tool, packed], capture_output=True, text=True)
        assert done.returncode == 0 and imported[1]["odd:2"] in done.stdout, done.stderr
    subprocess.run(["tar", "--delete", "-f", archive, "manifest.json"], check=True)
    done = subprocess.run([ROS, "store-import", tmp_path / "layout", archive], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert {line.split()[1]: line.split()[0] for line in done.stdout.splitlines()} == imported[1]
    names = json.loads((tmp_path / "layout/references.json").read_text())["references"]
    assert [row["name"] for row in names] == sorted("docker.io/library/" + name if "/" not in name else name for name in imported[1])


def test_no_archive_is_refused(tmp_path):
    for content, words in [(b"", "neither manifest.json"), (b"no tar at all" * 100, "checksum"), (b"\x1f\x8b\x08broken", "gzip")]:
        bad = tmp_path / "bad"
        bad.write_bytes(content)
        done = subprocess.run([ROS, "store-import", tmp_path / "store", bad], capture_output=True, text=True)
        assert done.returncode == 1 and words in done.stderr, done.stderr
    assert not any(pathlib.Path(tmp_path / "store/layers").iterdir())


# ---- with an engine ----

def test_archives_go_back_and_forth(moby, own_engine, tmp_path):
    """What our engine saves, Docker loads, with the same ids; and every layer's stream has its diff id."""
    engine, ids = own_engine(load=False), moby_ids(moby)
    moby.docker("save", "-o", tmp_path / "theirs.tar", *ids)
    engine.docker("load", "-i", tmp_path / "theirs.tar")
    assert moby_ids(engine) == ids
    for name in ids:
        ours, theirs = engine.inspect(name, "image"), moby.inspect(name, "image")
        assert ours["RootFS"] == theirs["RootFS"] and ours["Created"] == theirs["Created"] and ours["Size"] == theirs["Size"], name
        assert {key: value for key, value in ours["Config"].items() if value} == {
            key: value for key, value in theirs["Config"].items() if value}, name
        assert [row.split("|")[1:] for row in engine.docker("history", "--format", "{{.ID}}|{{.CreatedBy}}|{{.Size}}", name).splitlines()] == [
            row.split("|")[1:] for row in moby.docker("history", "--format", "{{.ID}}|{{.CreatedBy}}|{{.Size}}", name).splitlines()]
    engine.docker("save", "-o", tmp_path / "ours.tar", "odd", "localhost:5000/foo/odd:x", "busybox")
    moby.docker("rm", "-f", "c1", "c2")
    for name in "localhost:5000/foo/odd:x", "odd:2", "odd:1", "busybox:latest":
        moby.docker("rmi", "-f", name)
    assert moby_ids(moby) == {}
    moby.docker("load", "-i", tmp_path / "ours.tar")
    assert moby_ids(moby) == ids
    assert engine.docker("run", "--rm", "odd:2", "sh", "-c", "cat /etc/motd/z /var/tmp/new; ls /very 2>&1 | wc -l") == "z\nx\n1"


def layered(count, files, note=""):
    """An image of some weight: layers of many small files and a large one."""
    layers = []
    for number in range(count):
        layer = Layer()
        for file in range(files):
            layer.add(f"layer{number}/{file}", f"{note}{number} {file}\n" * 20)
        layers.append(layer.add(f"large{number}", os.urandom(500000)).bytes())
    return Image(layers)


@pytest.mark.skipif(KIND != "paddock", reason="looks into our store")
def test_sigkill_during_load(own_engine, tmp_path):
    """Whatever the moment: the images that were there work, the one that came is there whole or not at all, nothing is left over."""
    engine = own_engine()
    image = layered(4, 300)
    (tmp_path / "image.tar").write_bytes(image.archive("big:latest"))
    chance = random.Random(7)
    for _ in range(6):
        client = engine.popen("load", "-i", str(tmp_path / "image.tar"))
        time.sleep(chance.uniform(0.02, 0.25))
        engine.kill()
        client.communicate(timeout=30)
        engine.start()
        assert engine.docker("run", "--rm", "busybox", "echo", "whole") == "whole"
        there = engine.run("image", "inspect", image.id).returncode == 0  # by id: its name comes last
        wanted = 1 + len(image.layers) if there else 1
        wait_until(lambda: not list((engine.data_root / "tmp").iterdir()) and len(list((engine.data_root / "layers").iterdir())) == wanted,
                   10, "what was half done is swept")
        if there:
            engine.docker("rmi", "-f", image.id)
    engine.docker("load", "-i", tmp_path / "image.tar")
    assert engine.inspect("big", "image")["Id"] == image.id


@pytest.mark.skipif(KIND != "paddock", reason="looks into our store")
def test_full_disk(own_engine, tmp_path):
    """An error for the one who asked, nothing left behind, and the engine goes on."""
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8M", "small", small], check=True)
    try:
        engine = own_engine("--data-root", str(small / "data"))
        (tmp_path / "image.tar").write_bytes(layered(2, 4000).archive("big:latest"))
        failed = engine.run("load", "-i", tmp_path / "image.tar")
        assert failed.returncode != 0 and "No space left on device" in failed.stderr + failed.stdout, failed
        assert not list((small / "data/tmp").iterdir()) and len(list((small / "data/layers").iterdir())) == 1
        assert engine.docker("run", "--rm", "busybox", "echo", "goes on") == "goes on"
        engine.stop()
    finally:
        subprocess.run(["umount", small], check=True)


@pytest.mark.skipif(KIND != "paddock", reason="looks into our store")
def test_a_client_that_leaves_ends_a_load(own_engine, tmp_path):
    engine = own_engine()
    archive = layered(1, 100).archive("big:latest")
    client = engine.popen("load")
    client.stdin.write(archive[:300000])
    client.stdin.flush()
    wait_until(lambda: list((engine.data_root / "tmp").iterdir()), 10, "the load has begun")
    client.kill()
    client.wait()
    wait_until(lambda: not list((engine.data_root / "tmp").iterdir()), 10, "the draft is gone")
    assert engine.run("image", "inspect", "big").returncode != 0


@pytest.mark.skipif(KIND != "paddock", reason="looks into our store")
@pytest.mark.threads
def test_loads_side_by_side(own_engine, tmp_path):
    """The same image by several clients, beside others."""
    engine = own_engine()
    archives = [layered(2, 50, str(number)).archive(f"image{number}:latest") for number in range(3)]
    results = []

    def load(archive):
        results.append(engine.run("load", input=archive))
    threads = [threading.Thread(target=load, args=(archive,)) for archive in archives * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(result.returncode == 0 for result in results), [result.stderr for result in results]
    assert sorted(moby_ids(engine)) == ["busybox:latest", "image0:latest", "image1:latest", "image2:latest"]
    assert not list((engine.data_root / "tmp").iterdir()) and len(list((engine.data_root / "layers").iterdir())) == 7


@pytest.fixture
def erofs_store(imported, tmp_path):
    base = tmp_path / "base"
    base.mkdir()
    subprocess.run(["mkfs.erofs", tmp_path / "base.erofs", imported[0]], check=True, capture_output=True)
    subprocess.run(["mount", "-t", "erofs", "-o", "ro,loop", tmp_path / "base.erofs", base], check=True)
    yield base
    subprocess.run(["umount", base], check=True)


@pytest.mark.skipif(KIND != "paddock", reason="Docker has no read-only stores")
def test_a_read_only_store_on_erofs(imported, erofs_store, own_engine, tmp_path):
    """As the base image has it: nothing is copied, whiteouts and opaque folders work, its images cannot be removed."""
    engine = own_engine("--add-store", str(erofs_store), load=False)
    assert moby_ids(engine) == imported[1]
    seen = engine.docker("run", "--rm", "odd:2", "sh", "-c",
                         "cat /etc/motd/z /var/tmp/new; ls /very /bin/vi /etc/motd 2>/dev/null; stat -c %a /root")
    assert seen.split() == ["z", "x", "/etc/motd:", "z", "700"]
    assert not list((engine.data_root / "layers").iterdir())
    refused = engine.run("rmi", "-f", "odd:2")
    assert refused.returncode != 0 and "part of the system" in refused.stderr
    engine.docker("tag", "odd:2", "mine:1")
    engine.docker("rmi", "mine:1")
    engine.docker("save", "-o", tmp_path / "again.tar", "odd:2")
    names = subprocess.run(["tar", "-tf", tmp_path / "again.tar"], capture_output=True, text=True).stdout
    assert imported[1]["odd:2"].removeprefix("sha256:") in names

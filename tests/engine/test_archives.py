"""Image archives as other versions of Docker write them, made by hand, and hostile ones."""
import json
import subprocess
import tarfile

import pytest

from support.image import Image, Layer, OCI_CONFIG, OCI_LAYER, OCI_MANIFEST, busybox_layer, sha256

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_PLAIN_LAYER = "application/vnd.oci.image.layer.v1.tar"


def hexes(data):
    return sha256(data).removeprefix("sha256:")


def layered(n=2):
    """One layer comes twice, as `RUN true` makes it."""
    layers = [busybox_layer()] + [Layer().add(f"f{i}", f"content {i}").bytes() for i in range(n)]
    return Image(layers + [layers[-1]])


def docker20(image, tag):
    """ID/{VERSION,json,layer.tar} with links for layers that come again, the configuration, manifest.json and repositories."""
    out, ids, first, parent = Layer(format=tarfile.USTAR_FORMAT), [], {}, None
    for n, layer in enumerate(image.layers):
        ids.append(hexes(f"{n} {image.id}".encode()))
        out.add(ids[n]).add(f"{ids[n]}/VERSION", "1.0")
        out.add(f"{ids[n]}/json", json.dumps({"id": ids[n], "created": "1970-01-01T00:00:00Z"} | ({"parent": parent} if parent else {})))
        if layer in first:
            out.add(f"{ids[n]}/layer.tar", link=f"../{first[layer]}/layer.tar", mode=0o777)
        else:
            out.add(f"{ids[n]}/layer.tar", layer)
        first.setdefault(layer, ids[n])
        parent = ids[n]
    config = image.id.removeprefix("sha256:") + ".json"
    out.add(config, image.config)
    out.add("manifest.json", json.dumps([{"Config": config, "RepoTags": [tag], "Layers": [f"{id}/layer.tar" for id in ids]}]))
    name, version = tag.split(":")
    out.add("repositories", json.dumps({name: {version: ids[-1]}}))
    return out.bytes()


def manifest_of(image, packed):
    return json.dumps({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": {"mediaType": OCI_CONFIG, "digest": image.id, "size": len(image.config)},
        "layers": [{"mediaType": OCI_LAYER if packed else OCI_PLAIN_LAYER, "digest": sha256(blob), "size": len(blob)}
                   for blob in (image.packed if packed else image.layers)]}).encode()


def attestation_of(manifest):
    """BuildKit's: an image in shape, of which nothing can be run."""
    statement = json.dumps({"_type": "https://in-toto.io/Statement/v0.1", "predicateType": "https://slsa.dev/provenance/v0.2"}).encode()
    config = json.dumps({"architecture": "unknown", "os": "unknown", "config": {}, "rootfs": {"type": "layers", "diff_ids": [sha256(statement)]}}).encode()
    document = json.dumps({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": {"mediaType": OCI_CONFIG, "digest": sha256(config), "size": len(config)},
        "layers": [{"mediaType": "application/vnd.in-toto+json", "digest": sha256(statement), "size": len(statement)}]}).encode()
    row = {"mediaType": OCI_MANIFEST, "digest": sha256(document), "size": len(document), "platform": {"architecture": "unknown", "os": "unknown"},
           "annotations": {"vnd.docker.reference.digest": sha256(manifest), "vnd.docker.reference.type": "attestation-manifest"}}
    return row, [statement, config, document]


def layout(image, tag, packed=False, attested=False, nested=False, docker=True):
    """Docker 25 and later: without packed as the classic store saves, with it as containerd's does (an index inside)."""
    manifest = manifest_of(image, packed)
    layers = image.packed if packed else image.layers
    blobs = [image.config, manifest, *layers]
    names = {"io.containerd.image.name": f"docker.io/library/{tag}", "org.opencontainers.image.ref.name": tag.split(":")[1]}
    rows = [{"mediaType": OCI_MANIFEST, "digest": sha256(manifest), "size": len(manifest), "platform": {"architecture": "amd64", "os": "linux"}}]
    if attested:
        row, more = attestation_of(manifest)
        rows.append(row)
        blobs += more
    if nested:
        index = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": rows}).encode()
        blobs.append(index)
        rows = [{"mediaType": OCI_INDEX, "digest": sha256(index), "size": len(index)}]
    rows[0]["annotations"] = names
    out = Layer(format=tarfile.PAX_FORMAT).add("blobs").add("blobs/sha256")
    for blob in {hexes(blob): blob for blob in blobs}.values():
        out.add(f"blobs/sha256/{hexes(blob)}", blob)
    out.add("index.json", json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": rows}))
    if docker:
        out.add("manifest.json", json.dumps([{"Config": f"blobs/sha256/{image.id[7:]}", "RepoTags": [tag],
                                              "Layers": [f"blobs/sha256/{hexes(layer)}" for layer in layers]}]))
    out.add("oci-layout", json.dumps({"imageLayoutVersion": "1.0.0"}))
    return out.bytes()


KINDS = {
    "docker 20": docker20,
    "docker 25": layout,
    "docker 28": lambda image, tag: layout(image, tag, packed=True, attested=True, nested=True),
    "buildx oci": lambda image, tag: layout(image, tag, packed=True, attested=True, nested=True, docker=False),
    "buildx oci, flat": lambda image, tag: layout(image, tag, packed=True, attested=True, docker=False),
}


@pytest.mark.parametrize("kind", KINDS)
def test_archives__of_other_versions(own_engine, tmp_path, kind):
    engine, image, tag = own_engine(load=False), layered(), "app:v1"
    archive = tmp_path / "in.tar"
    archive.write_bytes(KINDS[kind](image, tag))
    assert f"Loaded image: {tag}" in engine.docker("load", "-i", archive)
    shown = engine.inspect(tag, "image")
    assert shown["Id"] == image.id and shown["RootFS"]["Layers"] == image.diff_ids and shown["RepoTags"] == [tag]
    assert engine.docker("run", "--rm", tag, "cat", "/f1") == "content 1"
    engine.docker("save", "-o", tmp_path / "out.tar", tag)
    with tarfile.open(tmp_path / "out.tar") as saved:
        [row] = json.load(saved.extractfile("manifest.json"))
        assert row["RepoTags"] == [tag] and sha256(saved.extractfile(row["Config"]).read()) == image.id
        assert [sha256(saved.extractfile(name).read()) for name in row["Layers"]] == image.diff_ids
    engine.docker("rmi", tag)
    assert f"Loaded image: {tag}" in engine.docker("load", "-i", tmp_path / "out.tar")
    assert engine.inspect(tag, "image")["Id"] == image.id


def test_archives__of_more_layers_than_there_are_descriptors(own_engine, tmp_path):
    engine = own_engine(load=False)
    images = [Image([Layer().add(f"f{n}-{i}", f"{n} {i}").bytes() for i in range(50)]) for n in range(6)]
    out, manifest = Layer(), []
    for n, image in enumerate(images):
        for layer in image.layers:
            out.add(hexes(layer) + ".tar", layer)
        out.add(f"{n}.json", image.config)
        manifest.append({"Config": f"{n}.json", "RepoTags": [f"many:{n}"], "Layers": [hexes(layer) + ".tar" for layer in image.layers]})
    out.add("manifest.json", json.dumps(manifest))
    (tmp_path / "many.tar").write_bytes(out.bytes())
    subprocess.run(["prlimit", "--pid", str(engine.process.pid), "--nofile=256:"], check=True)
    assert engine.docker("load", "-i", tmp_path / "many.tar").count("Loaded image") == 6
    assert len(engine.docker("images", "-q").split()) == 6


def refused(engine, tmp_path, archive, words):
    (tmp_path / "bad.tar").write_bytes(archive)
    done = engine.run("load", "-i", tmp_path / "bad.tar")
    assert done.returncode == 1 and words in done.stderr, done
    assert not engine.docker("images", "-q")
    assert not list((engine.data_root / "layers").iterdir()) and not list((engine.data_root / "tmp").iterdir())


def test_archives__hostile_ones_are_refused_and_leave_nothing(own_engine, tmp_path):
    engine = own_engine(load=False)
    good = Image([Layer().add("f", "x").bytes()])
    many = json.dumps({"rootfs": {"type": "layers", "diff_ids": []}, "x": [[] for _ in range(100_000)]})
    loop = Layer().add("a.tar", link="b.tar").add("b.tar", link="a.tar").add("c.json", good.config)
    loop.add("manifest.json", json.dumps([{"Config": "c.json", "RepoTags": None, "Layers": ["a.tar"]}]))
    names = Layer(format=tarfile.PAX_FORMAT)
    for n in range(9000):
        names.add(f"{n}" + "x" * 4000, link="y" * 4000)
    cases = [
        (names.bytes(), "names and documents"),
        (Image([Layer().add("../f", "x").bytes()]).archive("x:1"), "leads out"),
        (Image([good.layers[0][:700]]).archive("x:1"), "cut short"),
        (loop.bytes(), "is not in the archive"),
        (Layer().add("c.json", many).add("manifest.json", json.dumps([{"Config": "c.json", "RepoTags": ["x:1"], "Layers": []}])).bytes(), "too many values"),
        (Layer().add("manifest.json", "[" + "{}," * 100_000 + "{}]").bytes(), "too many values"),
    ]
    for archive, words in cases:
        refused(engine, tmp_path, archive, words)

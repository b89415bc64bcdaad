"""Pulling: from Debian's registry, and from one that lies, stalls and wants credentials."""
import json
import os
import random
import re
import subprocess
import threading
import time

import pytest

from support.daemon import KIND
from support.image import DOCKER_MANIFEST, Image, Layer, OCI_MANIFEST, busybox, sha256
from support.liar import Liar, cut_short, send, stall, status
from support.registry import Registry, htpasswd
from support.wait import wait_until


@pytest.fixture
def liar():
    liar = Liar()
    yield liar
    liar.stop()


def noise(n):
    return os.urandom(n)


def layered(count=3, size=200_000, oci=False):
    """An image whose layers do not compress."""
    return Image([Layer().add(f"file{i}", noise(size)).bytes() for i in range(count)], oci=oci)


def pull_fails(engine, reference, words, timeout=60):
    done = engine.run("pull", reference, timeout=timeout)
    assert done.returncode == 1, done.stdout
    assert re.search(words, done.stderr, flags=re.I), done.stderr
    return done


def nothing_stays(engine):
    """No image, no layer and no half a layer beside those of busybox."""
    assert set(engine.docker("images", "-aq", "--no-trunc").split()) == {busybox().id}
    layers = list((engine.data_root / "layers").iterdir()) if engine.kind == "paddock" else []
    assert len(layers) <= 1, layers
    assert engine.kind != "paddock" or not list((engine.data_root / "tmp").iterdir())


def test_pull__runs_what_it_pulled(engine, registry):
    engine.docker("rmi", "-f", "busybox:latest")
    try:
        out = engine.docker("run", "--rm", f"{registry.name}/busybox", "echo", "hello")
        assert out.endswith("hello"), out
        assert engine.docker("images", "-q", "--no-trunc", f"{registry.name}/busybox") == busybox().id
        again = engine.docker("pull", f"{registry.name}/busybox")
        assert "Image is up to date for" in again and re.search(r"Digest: sha256:[0-9a-f]{64}", again), again
    finally:
        engine.load()


def test_pull__by_digest_and_of_oci_images(engine, liar):
    image = layered(oci=True)
    liar.add(image, "team/app", "v1")
    digest = sha256(image.manifest)
    out = engine.docker("pull", f"{liar.name}/team/app@{digest}")
    assert f"Digest: {digest}" in out
    assert engine.inspect(image.id, "image")["RepoDigests"] == [f"{liar.name}/team/app@{digest}"]
    engine.docker("rmi", "-f", image.id)


def test_pull__shows_dockers_progress(engine, liar):
    image = layered(2)
    liar.add(image, "app")
    out = engine.docker("pull", f"{liar.name}/app")
    assert f"Pulling from app" in out
    for blob in image.packed:
        short = sha256(blob).removeprefix("sha256:")[:12]
        for word in ["Pulling fs layer", "Download complete", "Pull complete"]:
            assert f"{short}: {word}" in out, out
    assert f"Status: Downloaded newer image for {liar.name}/app:latest" in out
    second = Image(image.layers + [Layer().add("more", b"x").bytes()])
    liar.add(second, "app", "two")
    out = engine.docker("pull", f"{liar.name}/app:two")
    assert out.count("Already exists") == 2, out
    engine.docker("rmi", "-f", image.id, second.id)


def test_pull__fetches_nothing_when_the_image_is_there(engine, liar):
    image = layered(2)
    liar.add(image, "app")
    engine.docker("pull", f"{liar.name}/app")
    out = engine.docker("pull", f"{liar.name}/app")
    assert f"Status: Image is up to date for {liar.name}/app:latest" in out and "Already exists" not in out, out
    done = engine.run("pull", "--platform", "linux/s390x", f"{liar.name}/app")
    assert done.returncode == 1 and "does not match the specified platform: wanted linux/s390x, actual: linux/amd64" in done.stderr
    engine.docker("rmi", "-f", image.id)


def test_pull__says_what_is_missing_as_docker_does(engine, liar):
    done = engine.run("pull", f"{liar.name}/nosuch:1")
    assert done.returncode == 1 and f"manifest for {liar.name}/nosuch:1 not found: manifest unknown: " in done.stderr and "manifests/" not in done.stderr, done.stderr


def test_pull__does_not_wait_for_nobody(engine):
    started = time.monotonic()
    assert engine.run("pull", "127.0.0.1:1/app").returncode == 1
    assert time.monotonic() - started < 2


def test_pull__chooses_the_platform(engine, liar):
    ours, other = layered(1), layered(1)
    for image in (ours, other):
        liar.add(image, "app", sha256(image.manifest))
    index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [
        {"mediaType": DOCKER_MANIFEST, "digest": sha256(image.manifest), "size": len(image.manifest),
         "platform": {"os": "linux", "architecture": architecture}}
        for image, architecture in ((other, "arm64"), (ours, "amd64"))]}
    digest = liar.add_document("app", "latest", index, index["mediaType"])
    out = engine.docker("pull", f"{liar.name}/app")
    assert f"Digest: {digest}" in out
    assert engine.inspect(f"{liar.name}/app", "image")["Id"] == ours.id
    done = engine.run("pull", "--platform", "linux/s390x", f"{liar.name}/app")
    assert done.returncode == 1 and "s390x" in done.stderr, done.stderr
    engine.docker("rmi", "-f", ours.id)


def test_pull__resumes_a_layer_that_broke_off(engine, liar):
    image = layered(1, 500_000)
    liar.add(image, "app")
    blob, path = image.packed[0], f"/v2/app/blobs/{sha256(image.packed[0])}"
    liar.answers[path] = cut_short(blob, 300_000)
    engine.docker("pull", f"{liar.name}/app")
    ranges = [headers.get("Range") for asked, headers in liar.log if asked == path]
    assert len(ranges) == 2 and ranges[0] is None, ranges
    assert engine.kind == "moby" or ranges[1].startswith("bytes="), ranges
    engine.docker("rmi", "-f", image.id)


def test_pull__waits_out_a_busy_registry(engine, liar):
    image = layered(1)
    liar.add(image, "app")
    liar.answers[f"/v2/app/blobs/{sha256(image.packed[0])}"] = status(503, 2)
    engine.docker("pull", f"{liar.name}/app")
    engine.docker("rmi", "-f", image.id)


@pytest.mark.parametrize("what", ["manifest", "config", "layer", "size", "garbage", "not tar", "diff id"])
def test_pull__refuses_lies_and_leaves_nothing(engine, liar, what):
    image = layered(2)
    words = "digest|sha256|bytes announced|were announced"
    if what == "diff id":
        image.diff_ids[1] = sha256(b"something else")
        config = json.loads(image.config)
        config["rootfs"]["diff_ids"] = image.diff_ids
        image.config = json.dumps(config).encode()
        image.id = sha256(image.config)
    liar.add(image, "app")
    layer_path = f"/v2/app/blobs/{sha256(image.packed[1])}"
    reference = f"{liar.name}/app"
    if what == "manifest":
        reference += "@" + sha256(image.manifest)
        liar.documents[f"/v2/app/manifests/{sha256(image.manifest)}"] = (image.manifest + b" ", DOCKER_MANIFEST)
    elif what == "config":
        liar.blobs[f"/v2/app/blobs/{image.id}"] = image.config.replace(b"amd64", b"arm64")
    elif what == "layer":
        liar.blobs[layer_path] = layered(1).packed[0]
    elif what == "size":
        liar.blobs[layer_path] = image.packed[1] + b"more"
    elif what == "garbage":
        liar.documents["/v2/app/manifests/latest"] = (b"{\"schemaVersion\": 2, ", DOCKER_MANIFEST)
        words = "JSON|json|unexpected|manifest"
    elif what == "not tar":
        lie = json.loads(image.manifest)
        lie["layers"][1] |= {"digest": sha256(b"no tar at all" * 100), "size": 1300}
        liar.blobs[f"/v2/app/blobs/{lie['layers'][1]['digest']}"] = b"no tar at all" * 100
        liar.documents["/v2/app/manifests/latest"] = (json.dumps(lie).encode(), DOCKER_MANIFEST)
        words = "tar|archive|header|layer"
    pull_fails(engine, reference, words)
    nothing_stays(engine)


@pytest.mark.parametrize("code, words", [(404, "not found|manifest unknown"), (401, "denied|unauthorized|authentication"), (403, "denied|forbidden"),
                                         (429, "toomanyrequests"), (500, "500|internal server error")])
def test_pull__says_what_the_registry_answered(engine, liar, code, words):
    liar.answers["*"] = status(code, 1000)
    pull_fails(engine, f"{liar.name}/app", words, timeout=90)
    nothing_stays(engine)


def test_pull__refuses_what_is_no_image(engine, liar):
    image = layered(1)
    lie = json.loads(image.manifest) | {"mediaType": OCI_MANIFEST}
    lie["config"]["mediaType"] = "application/vnd.cncf.helm.config.v1+json"
    liar.add(image, "chart")
    liar.add_document("chart", "latest", lie, OCI_MANIFEST)
    pull_fails(engine, f"{liar.name}/chart", "helm")
    nothing_stays(engine)


@pytest.mark.parametrize("what, words", [("foreign", "foreign"), ("sha512", "sha256"), ("empty", "no bytes")])
def test_pull__refuses_layers_by_name(engine, liar, what, words):
    """Layers that lie elsewhere, digests that are not verified, sizes that stand for anything."""
    image = layered(2)
    liar.add(image, "app")
    lie = json.loads(image.manifest)
    if what == "foreign":
        lie["layers"][1] |= {"mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
                             "urls": [f"http://{liar.name}/elsewhere"]}
    elif what == "sha512":
        lie["layers"][1]["digest"] = "sha512:" + "0" * 128
    else:
        lie["layers"][1]["size"] = 0
    liar.add_document("app", "latest", lie, DOCKER_MANIFEST)
    if engine.kind == "paddock":
        pull_fails(engine, f"{liar.name}/app", words)
        nothing_stays(engine)
    assert not liar.asked("elsewhere")


def test_pull__waits_as_long_as_it_is_told(engine, liar):
    image = layered(1)
    liar.add(image, "app")
    path = f"/v2/app/blobs/{sha256(image.packed[0])}"
    liar.answers[path] = status(429, 1, {"Retry-After": "3"})
    began = time.monotonic()
    engine.docker("pull", f"{liar.name}/app")
    assert len(liar.asked(path)) == 2 and 3 <= time.monotonic() - began < 15
    engine.docker("rmi", "-f", image.id)


def test_pull__gets_over_a_stall(engine, liar):
    """Nothing comes for half a minute: it asks again, for the rest."""
    image, done = layered(1), []
    liar.add(image, "app")
    blob, path = image.packed[0], f"/v2/app/blobs/{sha256(image.packed[0])}"

    def stall_once(handler):
        if done:
            return False
        done.append(True)
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(blob)))
        handler.end_headers()
        handler.wfile.write(blob[:100_000])
        handler.wfile.flush()
        time.sleep(60)

    liar.answers[path] = stall_once
    engine.docker("pull", f"{liar.name}/app", timeout=55)
    ranges = [headers.get("Range") for asked, headers in liar.log if asked == path]
    assert ranges == [None, "bytes=100000-"], ranges
    engine.docker("rmi", "-f", image.id)


def test_pull__with_credentials(engine, tmp_path):
    registry = Registry(tmp_path / "private", port=5001, auth=htpasswd("user", "secret")).start()
    try:
        image = layered(1)
        registry.push(image, "private/app", credentials=("user", "secret"))
        reference = f"{registry.name}/private/app"
        pull_fails(engine, reference, "no basic auth credentials|denied|unauthorized")
        wrong = engine.run("login", "-u", "user", "-p", "wrong", registry.name)
        assert wrong.returncode == 1 and re.search("denied|unauthorized|401", wrong.stderr, flags=re.I), wrong.stderr
        assert "Login Succeeded" in engine.docker("login", "-u", "user", "-p", "secret", registry.name)
        engine.docker("pull", reference)
        engine.docker("rmi", "-f", image.id)
        engine.docker("logout", registry.name)
    finally:
        registry.stop()


def test_pull__with_a_token(engine, liar):
    image = layered(1)
    liar.add(image, "app")
    seen = []

    def guard(handler):
        if handler.path.startswith("/token"):
            seen.append(handler.path)
            send(handler, 200, json.dumps({"token": "let-me-in"}).encode())
        elif handler.headers.get("Authorization") != "Bearer let-me-in":
            send(handler, 401, b"", {"WWW-Authenticate": f'Bearer realm="http://{liar.name}/token",service="liar",scope="repository:app:pull"'})
        else:
            return False

    liar.answers["*"] = guard
    engine.docker("pull", f"{liar.name}/app")
    assert seen and "service=liar" in seen[0] and "scope=repository%3Aapp%3Apull" in seen[0], seen
    engine.docker("rmi", "-f", image.id)


def test_pull__over_tls_with_a_ca_of_its_own(own_engine, tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key,
                    "-out", certificate, "-days", "2", "-subj", "/CN=registry", "-addext", "subjectAltName=IP:10.9.8.7"],
                   check=True, capture_output=True)
    subprocess.run(["ip", "addr", "add", "10.9.8.7/32", "dev", "lo"], check=True)
    registry = Registry(tmp_path / "tls", port=5443, host="10.9.8.7", tls=(certificate, key)).start()
    folder = f"/etc/docker/certs.d/{registry.name}"
    try:
        engine = own_engine()
        image = layered(1)
        registry.push(image, "app")
        pull_fails(engine, f"{registry.name}/app", "certificate|x509|SSL", timeout=90)
        os.makedirs(folder)
        with open(f"{folder}/ca.crt", "w") as ca:
            ca.write(certificate.read_text())
        engine.docker("pull", f"{registry.name}/app")
    finally:
        registry.stop()
        subprocess.run(["ip", "addr", "del", "10.9.8.7/32", "dev", "lo"])
        subprocess.run(["rm", "-rf", folder])


def test_pull__two_clients_share_one_download(engine, liar):
    image = layered(1, 2_000_000)
    liar.add(image, "app")
    path = f"/v2/app/blobs/{sha256(image.packed[0])}"
    go_on = threading.Event()

    def wait(handler):
        go_on.wait(20)
        return False

    liar.answers[path] = wait
    clients = [engine.popen("pull", f"{liar.name}/app") for _ in range(2)]
    wait_until(lambda: liar.asked(path), 10, "the layer is asked for")
    time.sleep(0.5)
    go_on.set()
    for client in clients:
        out = client.communicate(timeout=30)[0].decode()
        assert client.returncode == 0 and "Pull complete" in out, out
    assert len(liar.asked(path)) == 1, liar.log
    engine.docker("rmi", "-f", image.id)


def test_pull__ends_when_its_last_client_leaves(engine, liar):
    image = layered(2, 2_000_000)
    liar.add(image, "app")
    path = f"/v2/app/blobs/{sha256(image.packed[0])}"
    liar.answers[path] = stall(60)
    client = engine.popen("pull", f"{liar.name}/app")
    wait_until(lambda: liar.asked(path), 10, "the layer is asked for")
    client.kill()
    client.wait()
    if engine.kind == "paddock":
        wait_until(lambda: not list((engine.data_root / "tmp").iterdir()), 10, "the pull leaves nothing behind")
    nothing_stays(engine)
    del liar.answers[path]
    engine.docker("pull", f"{liar.name}/app", timeout=60)
    engine.docker("rmi", "-f", image.id)


@pytest.mark.skipif(KIND != "paddock", reason="looks into our store")
def test_pull__engine_killed(own_engine, liar):
    """Whatever the moment: the image is there whole or not at all, nothing is left over, and the next pull brings it."""
    engine, image = own_engine(), layered(4, 400_000)
    liar.add(image, "app")
    chance = random.Random(11)
    for _ in range(6):
        client = engine.popen("pull", f"{liar.name}/app")
        time.sleep(chance.uniform(0.03, 0.3))
        engine.kill()
        client.communicate(timeout=30)
        engine.start()
        there = engine.run("image", "inspect", image.id).returncode == 0
        wanted = 1 + len(image.layers) if there else 1
        wait_until(lambda: not list((engine.data_root / "tmp").iterdir()) and len(list((engine.data_root / "layers").iterdir())) == wanted,
                   10, "what was half done is swept")
        if there:
            engine.docker("rmi", "-f", image.id)
    engine.docker("pull", f"{liar.name}/app")
    assert engine.inspect(f"{liar.name}/app", "image")["RootFS"]["Layers"] == image.diff_ids


@pytest.mark.skipif(KIND != "paddock", reason="looks into our store")
def test_pull__full_disk(own_engine, liar, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8M", "small", small], check=True)
    try:
        engine = own_engine("--data-root", str(small / "data"))
        engine.data_root = small / "data"
        big, fits = layered(3, 4_000_000), layered(2, 100_000)
        liar.add(big, "big")
        liar.add(fits, "fits")
        pull_fails(engine, f"{liar.name}/big", "No space left on device")
        nothing_stays(engine)
        engine.docker("pull", f"{liar.name}/fits")
        engine.docker("rmi", "-f", fits.id)
        engine.stop()
    finally:
        subprocess.run(["umount", small], check=True)


def test_pull__of_an_unreachable_registry(engine):
    pull_fails(engine, "127.0.0.1:1/app", "refused|connect", timeout=90)
    pull_fails(engine, "no-such-host.invalid/app", "resolve|lookup|host", timeout=90)

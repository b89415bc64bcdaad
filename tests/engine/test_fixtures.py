"""The tools of the other tests: if these fail, nothing else means anything."""
import gzip
import json

from support.image import busybox, sha256
from support.registry import Registry, htpasswd


def test_registry_serves_what_was_pushed(registry):
    image = busybox()
    status, headers, body = registry.request("GET", "/v2/busybox/manifests/latest", Accept=image.manifest_type)
    assert status == 200 and body == image.manifest
    layer = json.loads(body)["layers"][0]
    status, _, blob = registry.request("GET", f"/v2/busybox/blobs/{layer['digest']}")
    assert status == 200 and sha256(gzip.decompress(blob)) == image.diff_ids[0]


def test_registry_asks_for_a_password(tmp_path):
    registry = Registry(tmp_path, port=5001, auth=htpasswd("tester", "secret")).start()
    try:
        assert registry.request("GET", "/v2/")[0] == 401
        assert registry.request("GET", "/v2/", credentials=("tester", "wrong"))[0] == 401
        assert registry.request("GET", "/v2/", credentials=("tester", "secret"))[0] == 200
    finally:
        registry.stop()


def test_busybox_runs(engine):
    assert engine.docker("run", "--rm", "busybox", "echo", "hello") == "hello"


def test_image_id_is_the_digest_of_its_configuration(engine):
    assert engine.inspect("busybox")["Id"] == busybox().id

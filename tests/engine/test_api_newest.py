"""What API versions after Docker 26's have changed (1.46 to 1.52)."""
import json
import time
import urllib.parse

import pytest

from support.http import UnixConnection
from support.image import busybox


@pytest.fixture(autouse=True)
def newer_than_moby(is_moby):
    if is_moby:
        pytest.skip("Docker 26.1 speaks 1.45")


def both(engine, before, since, path):
    return engine.api("GET", f"/v{before}{path}").json, engine.api("GET", f"/v{since}{path}").json


@pytest.fixture
def up(engine):
    return engine.docker("run", "-d", "--name", "up", "busybox", "sleep", "1000")


def test_container(engine, up):
    old, new = both(engine, "1.51", "1.52", "/containers/up/json")
    assert old["NetworkSettings"]["IPAddress"] and old["NetworkSettings"]["Gateway"] and old["Config"]["OnBuild"] is None
    assert set(new["NetworkSettings"]) == {"SandboxID", "SandboxKey", "Ports", "Networks"} and "OnBuild" not in new["Config"]
    old, new = both(engine, "1.47", "1.48", "/containers/up/json")
    assert "GwPriority" not in old["NetworkSettings"]["Networks"]["bridge"] and new["NetworkSettings"]["Networks"]["bridge"]["GwPriority"] == 0


def test_image(engine):
    old, new = both(engine, "1.49", "1.50", "/images/busybox/json")
    assert "Hostname" in old["Config"] and "Hostname" not in new["Config"]
    old, new = both(engine, "1.51", "1.52", "/images/busybox/json")
    assert old["Config"]["User"] == "" and old["Author"] == "" and "User" not in new["Config"] and "Author" not in new
    assert new["Config"]["Cmd"] == ["sh"]


def test_images_count_their_containers(engine, up):
    old, new = both(engine, "1.50", "1.51", "/images/json")
    assert old[0]["Containers"] == -1 and new[0]["Containers"] == 1


def test_info(engine):
    old, new = both(engine, "1.48", "1.49", "/info")
    assert "FirewallBackend" not in old and new["FirewallBackend"] == {"Driver": "nftables"}
    old, new = both(engine, "1.49", "1.50", "/info")
    assert "BridgeNfIptables" in old and "BridgeNfIptables" not in new


def test_network(engine, up):
    old, new = both(engine, "1.51", "1.52", "/networks/bridge")
    subnet = new["IPAM"]["Config"][0]["Subnet"]
    assert "Status" not in old and new["Status"] == {"IPAM": {"Subnets": {subnet: {"IPsInUse": 4, "DynamicIPsAvailable": 65532}}}}
    old, new = both(engine, "1.47", "1.48", "/networks")
    assert "EnableIPv4" not in old[0] and new[0]["EnableIPv4"] is True


def test_disk_usage(engine, up):
    old, new = both(engine, "1.51", "1.52", "/system/df")
    assert "ImageUsage" not in old and old["Images"][0]["Id"] == new["Images"][0]["Id"] == busybox().id
    usage = new["ImageUsage"]
    assert (usage["TotalCount"], usage["ActiveCount"], usage["Reclaimable"]) == (1, 1, 0) and usage["TotalSize"] > 100000
    assert new["ContainerUsage"]["ActiveCount"] == 1 and "Items" not in usage
    verbose = engine.api("GET", "/v1.52/system/df?verbose=1&type=image").json
    assert set(verbose) == {"ImageUsage"} and verbose["ImageUsage"]["Items"][0]["Id"] == busybox().id


def test_stats(engine, up):
    old, new = both(engine, "1.51", "1.52", "/containers/up/stats?stream=0&one-shot=1")
    assert "os_type" not in old and new["os_type"] == "linux"


def test_events_have_lost_old_members(engine):
    since = time.time()
    engine.docker("create", "--name", "one", "busybox")
    query = f"/events?since={since:.6f}&until={time.time() + 0.2:.6f}&filters=" + urllib.parse.quote('{"event":["create"]}')
    old, new = (json.loads(engine.api("GET", f"/v{version}{query}").body) for version in ("1.51", "1.52"))
    assert old["status"] == "create" and not {"status", "id", "from"} & set(new) and new["Action"] == "create"


@pytest.mark.parametrize("version, accept, content_type, begin", [
    ("1.52", "application/json-seq", "application/json-seq", b"\x1e{"),
    ("1.52", "application/x-ndjson, application/json;q=0.5", "application/x-ndjson", b"{"),
    ("1.52", "*/*", "application/json", b"{"),
    ("1.51", "application/json-seq", "application/json", b"{"),
])
def test_events_choose_their_framing(engine, version, accept, content_type, begin):
    connection = UnixConnection(engine.socket, timeout=10)
    connection.request("GET", f"/v{version}/events", headers={"Accept": accept})
    response = connection.getresponse()
    engine.docker("volume", "create", "seen")
    line = response.readline()
    connection.close()
    assert response.headers["Content-Type"] == content_type and line.startswith(begin) and line.endswith(b"}\n")


def test_platforms(engine):
    right, wrong = (urllib.parse.quote(json.dumps({"os": "linux", "architecture": name})) for name in ("amd64", "arm64"))
    for path in "json", "history":
        assert engine.api("GET", f"/v1.52/images/busybox/{path}?platform={right}").status == 200
        answer = engine.api("GET", f"/v1.52/images/busybox/{path}?platform={wrong}")
        assert answer.status == 404 and "does not provide the specified platform" in answer.message
        assert engine.api("GET", f"/v1.45/images/busybox/{path}?platform={wrong}").status == 200
        assert engine.api("GET", f"/v1.52/images/busybox/{path}?platform=linux").status == 400

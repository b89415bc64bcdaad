"""Routes of images, volumes, networks and the system, as clients other than the docker command use them."""
import io
import json
import tarfile
import time
import urllib.parse

import pytest

from support.http import UnixConnection
from support.image import Image, Layer, busybox


def filters(**values):
    return urllib.parse.quote(json.dumps({key: value if isinstance(value, list) else [value] for key, value in values.items()}))


def small_image(**config):
    return Image([Layer().add("file", json.dumps(config, sort_keys=True)).bytes()], **config)


def lines(answer):
    return [json.loads(line) for line in answer.body.decode().splitlines() if line.strip()]


# ---- images ----

def test_list(engine):
    rows = engine.api("GET", "/images/json").json
    assert [row["RepoTags"] for row in rows] == [["busybox:latest"]] and rows[0]["Id"] == busybox().id
    assert rows[0]["Created"] == 1704067200 and rows[0]["Size"] > 100000 and rows[0]["SharedSize"] == -1


def test_list_filters(engine):
    engine.load(small_image(Labels={"color": "red"}), "red:1")
    engine.load(small_image(Labels={"color": "blue"}), "blue:2")
    names = lambda **these: sorted(tag for row in engine.api("GET", f"/images/json?filters={filters(**these)}").json for tag in row["RepoTags"])
    assert names(label="color=red") == ["red:1"] and names(label="color") == ["blue:2", "red:1"]
    assert names(reference="red") == ["red:1"] and names(reference="*:2") == ["blue:2"] and names(reference="nosuch") == []
    assert names(dangling="true") == [] and "red:1" in names(dangling="false")
    assert engine.api("GET", f"/images/json?filters={filters(nosuch='x')}").status == 400
    for name in "red:1", "blue:2":
        assert engine.api("DELETE", f"/images/{name}").status == 200


def test_inspect(engine):
    for name in "busybox", "busybox:latest", "docker.io/library/busybox:latest", busybox().id, busybox().id[7:19]:
        answer = engine.api("GET", f"/images/{name}/json")
        assert answer.status == 200 and answer.json["Id"] == busybox().id, name
    info = answer.json
    assert info["RootFS"] == {"Type": "layers", "Layers": busybox().diff_ids} and info["Config"]["Cmd"] == ["sh"]
    assert (info["Os"], info["Architecture"], info["RepoTags"]) == ("linux", "amd64", ["busybox:latest"])
    answer = engine.api("GET", "/images/nosuch/json")
    assert answer.status == 404 and answer.message == "No such image: nosuch:latest"


def test_history(engine):
    rows = engine.api("GET", "/images/busybox/history").json
    assert [row["CreatedBy"] for row in rows] == ["layer 0"] and rows[0]["Id"] == busybox().id and rows[0]["Tags"] == ["busybox:latest"]


def test_tag_and_untag(engine):
    assert engine.api("POST", "/images/busybox/tag?repo=registry.example:5000/some/name&tag=v1").status == 201
    name = "registry.example:5000/some/name:v1"
    assert engine.api("GET", f"/images/{name}/json").json["Id"] == busybox().id
    assert engine.api("POST", "/images/busybox/tag?repo=UPPER").status == 400
    assert engine.api("POST", "/images/nosuch/tag?repo=x").status == 404
    assert engine.api("DELETE", f"/images/{name}").json == [{"Untagged": name}]
    assert engine.api("GET", f"/images/{name}/json").status == 404


def test_delete(engine):
    image = small_image(Env=["TO=delete"])
    engine.load(image, "gone:1")
    engine.api("POST", "/images/gone:1/tag?repo=also")
    answer = engine.api("DELETE", f"/images/{image.id}")
    assert answer.status == 409 and "must be forced" in answer.message
    removed = engine.api("DELETE", f"/images/{image.id}?force=1").json
    assert {"Untagged": "gone:1"} in removed and {"Untagged": "also:latest"} in removed and {"Deleted": image.id} in removed
    assert engine.api("DELETE", "/images/gone:1").status == 404


def test_delete_of_an_image_in_use(engine):
    made = engine.api("POST", "/containers/create", {"Image": "busybox"}).json["Id"]
    answer = engine.api("DELETE", "/images/busybox")
    assert answer.status == 409 and made[:12] in answer.message and "must force" in answer.message


def test_load_tells_its_progress(engine):
    image = small_image(Env=["LOAD=1"])
    answer = engine.api("POST", "/images/load", image.archive("loaded:1"), headers={"Content-Type": "application/x-tar"})
    assert answer.status == 200 and answer.headers["Content-Type"] == "application/json"
    assert {"stream": "Loaded image: loaded:1\n"} in lines(answer)
    quiet = engine.api("POST", "/images/load?quiet=1", small_image(Env=["LOAD=2"]).archive(), headers={"Content-Type": "application/x-tar"})
    assert [line["stream"].startswith("Loaded image ID: sha256:") for line in lines(quiet)] == [True]
    assert engine.api("DELETE", "/images/loaded:1").status == 200


def test_load_refuses_rubbish(engine):
    before = engine.api("GET", "/images/json").json
    for body in b"", b"rubbish" * 1000, busybox().archive("cut:1")[:50000]:
        answer = engine.api("POST", "/images/load", body, headers={"Content-Type": "application/x-tar"})
        assert answer.status >= 400 or "error" in lines(answer)[-1], answer
    assert engine.api("GET", "/images/json").json == before


@pytest.mark.parametrize("path", ["/images/busybox/get", "/images/get?names=busybox:latest"])
def test_save_and_load_again(engine, path):
    answer = engine.api("GET", path)
    assert answer.status == 200 and answer.headers["Content-Type"] == "application/x-tar"
    with tarfile.open(fileobj=io.BytesIO(answer.body)) as tar:
        manifest = json.load(tar.extractfile("manifest.json"))
        assert manifest[0]["RepoTags"] == ["busybox:latest"] and json.load(tar.extractfile(manifest[0]["Config"]))
    answer = engine.api("POST", "/images/load", answer.body, headers={"Content-Type": "application/x-tar"})
    assert {"stream": "Loaded image: busybox:latest\n"} in lines(answer)
    assert engine.api("GET", "/images/nosuch/get").status in (404, 500)


def test_prune(engine):
    first, second = small_image(Env=["P=1"]), small_image(Env=["P=2"])
    engine.load(first, "moves:1")
    engine.load(second, "moves:1")
    answer = engine.api("POST", "/images/prune").json
    assert {"Deleted": first.id} in answer["ImagesDeleted"] and answer["SpaceReclaimed"] > 0
    assert engine.api("GET", "/images/moves:1/json").json["Id"] == second.id
    answer = engine.api("POST", f"/images/prune?filters={filters(dangling='false')}").json
    assert {"Deleted": second.id} in answer["ImagesDeleted"]
    engine.load()  # it went too


def test_pull(engine, registry):
    answer = engine.api("POST", f"/images/create?fromImage={registry.name}/busybox&tag=latest")
    assert answer.status == 200 and answer.headers["Content-Type"] == "application/json"
    statuses = [line.get("status", "") for line in lines(answer)]
    assert statuses[0] == "Pulling from busybox" and statuses[-1].startswith("Status: ")
    assert any(status.startswith("Digest: sha256:") for status in statuses)
    assert engine.api("GET", f"/images/{registry.name}/busybox/json").json["Id"] == busybox().id
    engine.api("DELETE", f"/images/{registry.name}/busybox")


def test_pull_that_fails(engine, registry):
    answer = engine.api("POST", f"/images/create?fromImage={registry.name}/nosuch&tag=latest")
    assert answer.status == 404 and "nosuch" in answer.message
    assert engine.api("POST", "/images/create?fromImage=UPPER&tag=x").status in (400, 500)
    assert engine.api("POST", "/images/create?fromImage=127.0.0.1:1/x&tag=x").status in (500, 503)


# ---- volumes ----

def test_volumes(engine):
    made = engine.api("POST", "/volumes/create", {"Name": "vol", "Labels": {"color": "red"}})
    assert made.status == 201 and made.json["Mountpoint"].endswith("/volumes/vol/_data") and made.json["Scope"] == "local"
    again = engine.api("POST", "/volumes/create", {"Name": "vol"})
    assert again.status == 201 and again.json["CreatedAt"] == made.json["CreatedAt"]
    anonymous = engine.api("POST", "/volumes/create", {}).json
    assert len(anonymous["Name"]) == 64
    assert engine.api("GET", "/volumes/vol").json["Labels"] == {"color": "red"}
    names = lambda **these: sorted(v["Name"] for v in engine.api("GET", f"/volumes?filters={filters(**these)}").json["Volumes"])
    assert names(label="color=red") == ["vol"] and names(name="vol") == ["vol"] and names(driver="nosuch") == []
    engine.api("POST", "/containers/create", {"Image": "busybox", "HostConfig": {"Binds": ["vol:/data"]}})
    assert names(dangling="true") == [anonymous["Name"]] and names(dangling="false") == ["vol"]
    answer = engine.api("DELETE", "/volumes/vol")
    assert answer.status == 409 and "volume is in use" in answer.message
    assert engine.api("DELETE", f"/volumes/{anonymous['Name']}").status == 204
    assert engine.api("DELETE", "/volumes/nosuch").status == 404
    assert engine.api("DELETE", "/volumes/nosuch?force=1").status == 204
    assert engine.api("GET", "/volumes/nosuch").status == 404
    assert engine.api("POST", "/volumes/create", {"Name": "a b"}).status == 400
    assert engine.api("POST", "/volumes/create", {"Driver": "nosuch"}).status in (400, 404)
    assert engine.api("POST", "/volumes/create", {"Labels": {"a": 1}}).status == 400


def test_volume_prune(engine):
    engine.api("POST", "/volumes/create", {"Name": "named"})
    anonymous = engine.api("POST", "/volumes/create", {}).json["Name"]
    assert engine.api("POST", "/v1.45/volumes/prune").json["VolumesDeleted"] == [anonymous]
    assert engine.api("POST", f"/v1.45/volumes/prune?filters={filters(all='true')}").json["VolumesDeleted"] == ["named"]
    engine.api("POST", "/volumes/create", {"Name": "named"})
    assert engine.api("POST", "/v1.41/volumes/prune").json["VolumesDeleted"] == ["named"]


# ---- networks ----

def test_networks(engine):
    rows = {row["Name"]: row for row in engine.api("GET", "/networks").json}
    assert {name: row["Driver"] for name, row in rows.items()} == {"bridge": "bridge", "host": "host", "none": "null"}
    bridge = engine.api("GET", "/networks/bridge").json
    assert bridge["Id"] == rows["bridge"]["Id"] == engine.api("GET", f"/networks/{bridge['Id']}").json["Id"]
    assert bridge["IPAM"]["Config"][0]["Subnet"].endswith("/16")
    up = engine.api("POST", "/containers/create?name=member", {"Image": "busybox", "Cmd": ["sleep", "100"]}).json["Id"]
    engine.api("POST", f"/containers/{up}/start")
    member = engine.api("GET", "/networks/bridge").json["Containers"][up]
    own = engine.api("GET", f"/containers/{up}/json").json["NetworkSettings"]["Networks"]["bridge"]
    assert member["Name"] == "member" and member["IPv4Address"] == own["IPAddress"] + "/16" and member["MacAddress"] == own["MacAddress"]
    answer = engine.api("GET", "/networks/nosuch")
    assert answer.status == 404 and answer.message == "network nosuch not found"
    names = lambda **these: sorted(row["Name"] for row in engine.api("GET", f"/networks?filters={filters(**these)}").json)
    assert names(driver="bridge") == ["bridge"] and names(name="ho") == ["host"] and names(type="builtin") == ["bridge", "host", "none"]


# ---- system ----

def test_version(engine):
    version = engine.api("GET", "/version").json
    assert version["MinAPIVersion"] == "1.24" and version["Os"] == "linux" and version["Arch"] == "amd64"
    assert version["Components"][0]["Name"] == "Engine" and version["Components"][0]["Details"]["ApiVersion"] == version["ApiVersion"]


def test_info(engine):
    info = engine.api("GET", "/info").json
    assert info["Images"] >= 1 and info["Containers"] == 0 and info["OSType"] == "linux" and info["CgroupVersion"] == "2"
    assert info["DockerRootDir"] == str(engine.data_root) and info["NCPU"] >= 1 and info["MemTotal"] > 1 << 26
    assert "name=seccomp,profile=builtin" in info["SecurityOptions"]


def test_events(engine):
    since = time.time()
    made = engine.api("POST", "/containers/create?name=eventful", {"Image": "busybox", "Cmd": ["true"], "Labels": {"a": "b"}}).json["Id"]
    engine.api("POST", f"/containers/{made}/start")
    engine.api("POST", f"/containers/{made}/wait")
    engine.api("DELETE", f"/containers/{made}")
    wanted = filters(type="container", container="eventful")
    found = lines(engine.api("GET", f"/v1.45/events?since={since:.6f}&until={time.time() + 0.5:.6f}&filters={wanted}"))
    assert [event["Action"] for event in found] == ["create", "start", "die", "destroy"]
    create, die = found[0], found[2]
    assert create["Type"] == "container" and create["Actor"]["ID"] == made and create["scope"] == "local"
    assert create["Actor"]["Attributes"] == {"a": "b", "image": "busybox", "name": "eventful"}
    assert die["Actor"]["Attributes"]["exitCode"] == "0" and die["timeNano"] // 10 ** 9 == die["time"]
    assert (create["status"], create["id"], create["from"]) == ("create", made, "busybox")


def test_events_come_at_once(engine):
    connection = UnixConnection(engine.socket, timeout=10)
    connection.request("GET", f"/events?filters={filters(event='create', type='volume')}")
    response = connection.getresponse()  # the head comes before the first event
    engine.api("POST", "/volumes/create", {"Name": "seen"})
    event = json.loads(response.readline())
    connection.close()
    assert (event["Type"], event["Action"], event["Actor"]["ID"]) == ("volume", "create", "seen")


def test_disk_usage(engine):
    engine.api("POST", "/volumes/create", {"Name": "used"})
    usage = engine.api("GET", "/v1.45/system/df").json
    assert usage["LayersSize"] > 100000 and usage["Images"][0]["Id"] == busybox().id and usage["Containers"] == []
    assert usage["Volumes"][0]["UsageData"]["RefCount"] == 0
    only = engine.api("GET", "/v1.45/system/df?type=volume").json
    assert only["Volumes"] and not only["Images"]
    assert engine.api("GET", "/v1.45/system/df?type=nosuch").status == 400

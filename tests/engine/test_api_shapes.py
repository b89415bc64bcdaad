"""Every answer has the members, of the types, that Docker 26.1's has, in each API version.

shapes.json was written by Debian's dockerd: PADDOCK_ENGINE=moby PADDOCK_WRITE_SHAPES=1 runs this file and writes it again.
"""
import json
import os
import pathlib

import pytest

SHAPES = pathlib.Path(__file__).with_name("shapes.json")
VERSIONS = ["1.24", "1.30", "1.40", "1.41", "1.42", "1.43", "1.44", "1.45"]
WRITE = bool(os.environ.get("PADDOCK_WRITE_SHAPES"))

# Where ours may differ: what only Moby's parts have, and what depends on the machine. A path's end "." or "[" means all below it.
DIFFERENT = {
    "info": {"DriverStatus[", "Runtimes.", "Containerd", "Plugins.", "RegistryConfig.Allow", "Warnings[", "SecurityOptions[", "ClusterStore",
             "RegistryConfig.Mirrors"},
    "container": {"GraphDriver.Data.", "ExecIDs["},
    "image": {"GraphDriver.Data.", "RepoDigests["},
    "df": {"Images[].RepoDigests[", "Containers[].SizeRw"},
    "stats": {"blkio_stats.", "memory_stats.", "pids_stats."},
}


def kind(value):
    return {dict: "object", list: "list", str: "text", bool: "flag", type(None): "null"}.get(type(value), "number")


NAMED = {"Labels", "Networks", "Ports", "ExposedPorts", "Containers", "networks", "IndexConfigs", "Sysctls", "Annotations", "PortBindings",
         "Options", "stats"}


def shape(value, path=""):
    """{path of a member: its type}; keys that are names, not members, count as one."""
    found = {path or ".": kind(value)}
    if isinstance(value, dict):
        named = path.split(".")[-1] in NAMED
        for key, member in value.items():
            found |= shape(member, f"{path}.{'*' if named else key}" if path else key)
    elif isinstance(value, list):
        for member in value:
            for at, one in shape(member, f"{path}[]").items():
                found[at] = "|".join(sorted(set(found.get(at, one).split("|")) | {one}))
    return found


@pytest.fixture(scope="module")
def answers(shared_engine):
    """What each route answers, by name and version."""
    engine = shared_engine
    engine.docker("volume", "create", "--label", "a=b", "shapevolume")
    up = engine.docker("run", "-d", "--name", "up", "--label", "a=b", "-p", "127.0.0.1:8099:80", "-v", "shapevolume:/data", "-v", "/tmp:/host:ro",
                       "--memory", "64m", "busybox", "sleep", "1000")
    engine.run("run", "--name", "ended", "busybox", "false")
    exec_id = engine.api("POST", f"/containers/{up}/exec", {"Cmd": ["true"]}).json["Id"]
    routes = {
        "version": "/version", "info": "/info", "container-list": "/containers/json?all=1&size=1", "container": "/containers/up/json?size=1",
        "container-ended": "/containers/ended/json", "image-list": "/images/json", "image": "/images/busybox/json",
        "history": "/images/busybox/history", "volume-list": "/volumes", "volume": "/volumes/shapevolume", "network-list": "/networks",
        "network": "/networks/bridge", "exec": f"/exec/{exec_id}/json", "stats": "/containers/up/stats?stream=0", "top": "/containers/up/top",
        "df": "/system/df", "changes": "/containers/up/changes",
    }
    found = {}
    for version in VERSIONS:
        for name, path in routes.items():
            answer = engine.api("GET", f"/v{version}{path}")
            if answer.status == 200:
                found[f"{version} {name}"] = shape(answer.json)
            else:
                found[f"{version} {name}"] = {"status": answer.status}
    if WRITE:
        SHAPES.write_text(json.dumps(compress(found), indent=0, sort_keys=True) + "\n")
    engine.clean()
    return found


def compress(found):
    """Only what changed from one version to the next."""
    out, last = {}, {}
    for key, value in found.items():
        name = key.split(" ")[1]
        if last.get(name) != value:
            out[key] = value
        last[name] = value
    return out


def wanted_shape(name, version):
    shapes = json.loads(SHAPES.read_text())
    known = [v for v in VERSIONS[:VERSIONS.index(version) + 1] if f"{v} {name}" in shapes]
    return shapes[f"{known[-1]} {name}"]


def ignored(name, path):
    names = DIFFERENT.get(name.removesuffix("-ended").removesuffix("-list"), set())
    return any(path.removeprefix("[].").startswith(one) for one in names)


@pytest.mark.parametrize("version", VERSIONS)
def test_answers_have_dockers_shape(answers, version):
    wrong = []
    for key, got in answers.items():
        if key.split(" ")[0] != version:
            continue
        name = key.split(" ")[1]
        want = wanted_shape(name, version)
        for path in sorted(set(got) | set(want)):
            if ignored(name, path):
                continue
            one, other = want.get(path), got.get(path)
            if one == other or {one, other} <= {"null", "list", "object"} and None not in (one, other):
                continue
            wrong.append(f"{name} {path}: Docker {one}, here {other}")
    assert not wrong, "\n".join(wrong)

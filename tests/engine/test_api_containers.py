"""Routes of containers, as clients other than the docker command use them."""
import base64
import io
import json
import os
import socket
import struct
import tarfile
import time

import pytest

from support.http import UnixConnection
from support.wait import wait_until


def create(engine, *cmd, name=None, start=True, **config):
    host = config.pop("HostConfig", {})
    query = f"?name={name}" if name else ""
    answer = engine.api("POST", f"/containers/create{query}", {"Image": "busybox", "Cmd": list(cmd), "HostConfig": host} | config)
    assert answer.status == 201, answer
    if start:
        assert engine.api("POST", f"/containers/{answer.json['Id']}/start").status == 204
    return answer.json["Id"]


def frames(data):
    """Docker's frames as a list of (stream, bytes)."""
    found = []
    while data:
        stream, size = struct.unpack(">BxxxI", data[:8])
        found.append((stream, data[8:8 + size]))
        data = data[8 + size:]
    return found


def text(data, stream=None):
    return b"".join(piece for number, piece in frames(data) if stream in (None, number)).decode()


class Stream:
    """A hijacked connection."""

    def __init__(self, engine, path, body=b"", headers=None, upgrade=True):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(20)
        self.socket.connect(str(engine.socket))
        lines = [f"POST {path} HTTP/1.1", "Host: docker", f"Content-Length: {len(body)}"]
        lines += ["Connection: Upgrade", "Upgrade: tcp"] if upgrade else []
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        self.socket.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = self.socket.recv(1)
            assert byte, head
            head += byte
        self.status = int(head[9:12])
        self.head = head.decode()

    def send(self, data):
        self.socket.sendall(data)

    def end(self):
        self.socket.shutdown(socket.SHUT_WR)

    def read(self):
        data = b""
        while piece := self.socket.recv(65536):
            data += piece
        return data

    def close(self):
        self.socket.close()


# ---- create, inspect, list ----

def test_create_answers_with_id_and_warnings(engine):
    answer = engine.api("POST", "/v1.24/containers/create?name=made", {"Image": "busybox"})
    assert answer.status == 201 and len(answer.json["Id"]) == 64 and answer.json["Warnings"] == []
    assert engine.api("GET", "/containers/made/json").json["State"]["Status"] == "created"


@pytest.mark.parametrize("body, status, words", [
    ({"Image": "nosuch"}, 404, "No such image: nosuch:latest"),
    ({"Image": ""}, 400, ""),
    ({"Image": "busybox", "HostConfig": {"Memory": 1000}}, 400, "Minimum memory limit allowed is 6MB"),
    ({"Image": "busybox", "HostConfig": {"RestartPolicy": {"Name": "sometimes"}}}, 400, "sometimes"),
    ({"Image": "busybox", "HostConfig": {"Binds": ["relative/path:"]}}, 400, "invalid volume specification: 'relative/path:'"),
    ({"Image": "busybox", "HostConfig": {"AutoRemove": True, "RestartPolicy": {"Name": "always"}}}, 400, "AutoRemove"),
])
def test_create_refuses(engine, is_moby, body, status, words):
    if "Memory" in body.get("HostConfig", {}) and not engine.api("GET", "/info").json["MemoryLimit"]:
        pytest.skip("no memory controller here")
    answer = engine.api("POST", "/containers/create", body)
    assert answer.status == status or (is_moby and answer.status == 500), answer
    assert words in answer.message


def test_names_are_taken_once(engine):
    create(engine, "true", name="twice", start=False)
    answer = engine.api("POST", "/containers/create?name=twice", {"Image": "busybox"})
    assert answer.status == 409 and 'The container name "/twice" is already in use by container' in answer.message
    assert engine.api("POST", "/containers/create?name=a%20b", {"Image": "busybox"}).status == 400


def test_inspect_by_name_id_and_prefix(engine, is_moby):
    made = create(engine, "sleep", "100", name="findme")
    for name in "findme", "findme" if is_moby else "/findme", made, made[:12], made[:4]:
        assert engine.api("GET", f"/containers/{name}/json").json["Id"] == made, name
    assert engine.api("GET", "/containers/indme/json").status == 404


def test_state_of_a_running_container(engine):
    made = create(engine, "sleep", "100")
    state = engine.api("GET", f"/containers/{made}/json").json["State"]
    assert (state["Status"], state["Running"], state["Paused"], state["ExitCode"]) == ("running", True, False, 0)
    assert state["Pid"] > 1 and state["StartedAt"] > "2020" and state["FinishedAt"] == "0001-01-01T00:00:00Z"


def test_sizes_only_when_asked_for(engine):
    made = create(engine, "sh", "-c", "dd if=/dev/zero of=/big bs=1000 count=100 && sleep 100")
    wait_until(lambda: engine.api("GET", f"/containers/{made}/json?size=1").json["SizeRw"] >= 100000, 5)
    assert "SizeRw" not in engine.api("GET", f"/containers/{made}/json").json
    assert engine.api("GET", "/containers/json?size=1").json[0]["SizeRw"] >= 100000
    assert "SizeRw" not in engine.api("GET", "/containers/json").json[0]


def listed(engine, query="", **filters):
    path = "/containers/json?" + query
    if filters:
        path += "&filters=" + json.dumps({key: value if isinstance(value, list) else [value] for key, value in filters.items()}).replace(" ", "")
    answer = engine.api("GET", path.replace('"', "%22").replace("{", "%7B").replace("}", "%7D").replace("#", "%23"))
    assert answer.status == 200, answer
    return [row["Names"][0][1:] for row in answer.json]


def test_list_and_filters(engine):
    create(engine, "sleep", "100", name="one", Labels={"color": "red", "size": "big"})
    create(engine, "sleep", "100", name="two", Labels={"color": "blue"}, HostConfig={"Binds": ["listvolume:/data"]})
    create(engine, "sh", "-c", "exit 3", name="three")
    create(engine, "true", name="four", start=False, ExposedPorts={"80/tcp": {}})
    wait_until(lambda: "three" in listed(engine, "all=1", status="exited"))
    assert listed(engine) == ["two", "one"]
    assert listed(engine, "all=1") == ["four", "three", "two", "one"]
    assert listed(engine, "limit=2") == ["four", "three"]
    assert listed(engine, label="color=red") == ["one"]
    assert listed(engine, label=["color=red", "size"]) == ["one"]
    assert listed(engine, label="color") == ["two", "one"]
    assert listed(engine, name="t") == ["two"]
    assert listed(engine, "all=1", name="^t") == ["three", "two"]
    assert listed(engine, status="created") == ["four"]
    assert listed(engine, status=["exited", "created"]) == ["four", "three"]
    assert listed(engine, "all=1", exited="3") == ["three"]
    assert listed(engine, "all=1", exited="4") == []
    assert listed(engine, volume="listvolume") == ["two"]
    assert listed(engine, volume="/data") == ["two"]
    assert listed(engine, "all=1", ancestor="busybox") == ["four", "three", "two", "one"]
    assert listed(engine, "all=1", ancestor="busybox:other") == []
    assert listed(engine, "all=1", before="two") == ["one"]
    assert listed(engine, "all=1", since="two") == ["four", "three"]
    assert listed(engine, "all=1", network="bridge") == ["four", "three", "two", "one"]
    assert listed(engine, "all=1", **{"is-task": "true"}) == []
    assert listed(engine, "all=1", health="none") == ["four", "three", "two", "one"]
    for name, value, status in [("status", "sleeping", 400), ("exited", "x", 400), ("nosuch", "x", 400), ("before", "nosuch", 404)]:
        assert engine.api("GET", f"/containers/json?filters=%7B%22{name}%22:%5B%22{value}%22%5D%7D").status == status, name


def test_filters_of_old_clients(engine):
    create(engine, "sleep", "100", name="one", Labels={"color": "red"})
    create(engine, "sleep", "100", name="two")
    answer = engine.api("GET", "/v1.24/containers/json?filters=%7B%22label%22:%7B%22color=red%22:true%7D%7D")
    assert [row["Names"] for row in answer.json] == [["/one"]]
    assert engine.api("GET", "/containers/json?filters=nonsense").status == 400


# ---- life ----

def test_start_and_stop_twice(engine):
    made = create(engine, "sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done")
    assert engine.api("POST", f"/containers/{made}/start").status == 304
    assert engine.api("POST", f"/containers/{made}/stop?t=5").status == 204
    assert engine.api("POST", f"/containers/{made}/stop").status == 304
    assert engine.api("POST", f"/containers/{made}/kill").status == 409
    assert engine.api("POST", f"/containers/{made}/restart?t=0").status == 204
    assert engine.api("GET", f"/containers/{made}/json").json["State"]["Running"]


def test_missing_containers_are_404(engine):
    for method, path in [("POST", "start"), ("POST", "stop"), ("POST", "kill"), ("POST", "restart"), ("POST", "pause"), ("POST", "unpause"),
                         ("POST", "wait"), ("GET", "logs?stdout=1"), ("POST", "attach?stream=1&stdout=1"), ("POST", "resize?h=1&w=1"),
                         ("GET", "top"), ("GET", "stats?stream=0"), ("GET", "changes"), ("GET", "archive?path=/"), ("POST", "rename?name=x")]:
        answer = engine.api(method, f"/containers/nosuch/{path}")
        assert answer.status == 404 and b"No such container: nosuch" in answer.body, (path, answer)
    assert engine.api("POST", "/containers/nosuch/exec", {"Cmd": ["true"]}).status == 404
    assert engine.api("DELETE", "/containers/nosuch").status == 404
    assert engine.api("HEAD", "/containers/nosuch/archive?path=/").status == 404


def test_wait_conditions(engine):
    made = create(engine, "sh", "-c", "exit 7", start=False)
    assert engine.api("POST", f"/containers/{made}/wait").json["StatusCode"] == 0  # it does not run
    assert engine.api("POST", f"/containers/{made}/wait?condition=sometimes").status == 400
    connection = UnixConnection(engine.socket)
    connection.request("POST", f"/containers/{made}/wait?condition=next-exit")
    response = connection.getresponse()  # the head comes at once: from now on no exit can be missed
    assert response.status == 200
    engine.api("POST", f"/containers/{made}/start")
    assert json.loads(response.read()) == {"StatusCode": 7}
    connection.close()
    assert engine.api("POST", f"/v1.24/containers/{made}/wait").json["StatusCode"] == 7


def test_wait_for_removal(engine):
    made = create(engine, "sh", "-c", "exit 5", start=False, HostConfig={"AutoRemove": True})
    connection = UnixConnection(engine.socket)
    connection.request("POST", f"/containers/{made}/wait?condition=removed")
    response = connection.getresponse()
    engine.api("POST", f"/containers/{made}/start")
    assert json.loads(response.read())["StatusCode"] == 5
    connection.close()
    assert engine.api("GET", f"/containers/{made}/json").status == 404


def test_kill_and_signals(engine):
    made = create(engine, "sh", "-c", "trap 'echo got; exit 9' USR1; echo ready; while :; do sleep 0.05; done")
    wait_until(lambda: b"ready" in engine.api("GET", f"/containers/{made}/logs?stdout=1").body)
    assert engine.api("POST", f"/containers/{made}/kill?signal=NOSUCH").status == 400
    assert engine.api("POST", f"/containers/{made}/kill?signal=SIGUSR1").status == 204
    assert engine.api("POST", f"/containers/{made}/wait").json["StatusCode"] == 9


def test_pause_and_unpause(engine):
    made = create(engine, "sleep", "100")
    assert engine.api("POST", f"/containers/{made}/unpause").status in (409, 500)
    assert engine.api("POST", f"/containers/{made}/pause").status == 204
    state = engine.api("GET", f"/containers/{made}/json").json["State"]
    assert (state["Status"], state["Running"], state["Paused"]) == ("paused", True, True)
    assert engine.api("POST", f"/containers/{made}/exec", {"Cmd": ["true"]}).status == 409
    assert engine.api("POST", f"/containers/{made}/unpause").status == 204


def test_rename(engine):
    made = create(engine, "true", name="before", start=False)
    create(engine, "true", name="taken", start=False)
    assert engine.api("POST", f"/containers/{made}/rename?name=after").status == 204
    assert engine.api("GET", "/containers/after/json").json["Id"] == made
    assert engine.api("GET", "/containers/before/json").status == 404
    assert engine.api("POST", f"/containers/{made}/rename?name=taken").status == 409
    assert engine.api("POST", f"/containers/{made}/rename?name=").status == 400


def test_delete(engine):
    made = create(engine, "sleep", "100")
    assert engine.api("DELETE", f"/containers/{made}").status == 409
    assert engine.api("DELETE", f"/containers/{made}?force=1&v=1").status == 204
    assert engine.api("GET", f"/containers/{made}/json").status == 404


def test_update(engine):
    made = create(engine, "sleep", "100")
    policy = {"Name": "on-failure", "MaximumRetryCount": 2}
    answer = engine.api("POST", f"/containers/{made}/update", {"RestartPolicy": policy})
    assert answer.status == 200 and "Warnings" in answer.json
    assert engine.api("GET", f"/containers/{made}/json").json["HostConfig"]["RestartPolicy"] == policy
    assert engine.api("POST", f"/containers/{made}/update", {"RestartPolicy": {"Name": "sometimes"}}).status == 400


def test_update_memory(engine):
    if not engine.api("GET", "/info").json["MemoryLimit"]:
        pytest.skip("no memory controller here")
    made = create(engine, "sleep", "100", HostConfig={"Memory": 64 << 20, "MemorySwap": 128 << 20})
    assert engine.api("POST", f"/containers/{made}/update", {"Memory": 96 << 20}).status == 200
    assert engine.api("GET", f"/containers/{made}/json").json["HostConfig"]["Memory"] == 96 << 20
    assert engine.api("POST", f"/containers/{made}/update", {"Memory": 1}).status == 400


def test_prune(engine):
    create(engine, "sleep", "100", name="up")
    done = create(engine, "true", name="done", Labels={"keep": "no"})
    engine.api("POST", f"/containers/{done}/wait")
    kept = create(engine, "true", name="kept", start=False, Labels={"keep": "yes"})
    answer = engine.api("POST", "/containers/prune?filters=%7B%22label!%22:%5B%22keep=yes%22%5D%7D")
    assert answer.status == 200 and answer.json["ContainersDeleted"] == [done]
    assert {row["Id"] for row in engine.api("GET", "/containers/json?all=1").json} > {kept}


# ---- logs ----

def test_logs(engine):
    made = create(engine, "sh", "-c", "echo one; echo two >&2; printf three")
    engine.api("POST", f"/containers/{made}/wait")
    get = lambda query: engine.api("GET", f"/containers/{made}/logs?{query}")
    assert get("").status == 400
    both = get("stdout=1&stderr=1")
    assert both.headers["Content-Type"] == "application/vnd.docker.multiplexed-stream"
    assert text(both.body, 1) == "one\nthree" and text(both.body, 2) == "two\n"
    assert frames(get("stderr=1").body) == [(2, b"two\n")]
    assert text(get("stdout=1&tail=1").body) == "three"
    assert text(get("stdout=1&tail=0").body) == ""
    assert text(get("stdout=1&tail=all").body) == "one\nthree"
    stamped = text(get("stdout=1&timestamps=1&tail=1").body)
    stamp, word = stamped.split(" ")
    assert word == "three" and len(stamp) == 30 and stamp.endswith("Z")
    assert text(get(f"stdout=1&until={int(time.time()) - 1000}").body) == ""
    assert text(get(f"stdout=1&since={int(time.time()) + 1000}").body) == ""
    assert text(get(f"stdout=1&since={int(time.time()) - 1000}.5").body) == "one\nthree"
    assert get("stdout=1&since=nonsense").status in (400, 500)


def test_logs_with_a_terminal_are_raw(engine):
    made = create(engine, "echo", "hello", Tty=True)
    engine.api("POST", f"/containers/{made}/wait")
    answer = engine.api("GET", f"/containers/{made}/logs?stdout=1")
    assert answer.headers["Content-Type"] == "application/vnd.docker.raw-stream" and answer.body == b"hello\r\n"


def test_logs_follow_until_the_end(engine):
    made = create(engine, "sh", "-c", "for n in 1 2 3; do echo $n; sleep 0.2; done")
    started = time.monotonic()
    assert text(engine.api("GET", f"/containers/{made}/logs?stdout=1&follow=1").body) == "1\n2\n3\n"
    assert time.monotonic() - started < 5


def test_logs_follow_line_by_line(engine):
    made = create(engine, "sh", "-c", "echo first; sleep 100")
    connection = UnixConnection(engine.socket, timeout=3)
    connection.request("GET", f"/containers/{made}/logs?stdout=1&follow=1")
    response = connection.getresponse()
    assert response.read(14) == b"\1\0\0\0\0\0\0\6first\n"
    connection.close()


# ---- attach ----

def test_attach_before_start_misses_nothing(engine):
    made = create(engine, "sh", "-c", "echo out; echo err >&2", start=False)
    stream = Stream(engine, f"/containers/{made}/attach?stream=1&stdout=1&stderr=1")
    assert stream.status == 101 and "Upgrade: tcp" in stream.head
    assert "application/vnd.docker.multiplexed-stream" in stream.head
    engine.api("POST", f"/containers/{made}/start")
    data = stream.read()
    assert text(data, 1) == "out\n" and text(data, 2) == "err\n"


def test_attach_without_upgrade(engine):
    made = create(engine, "echo", "out", start=False)
    stream = Stream(engine, f"/v1.24/containers/{made}/attach?stream=1&stdout=1", upgrade=False)
    assert stream.status == 200 and "application/vnd.docker.raw-stream" in stream.head
    engine.api("POST", f"/containers/{made}/start")
    assert text(stream.read()) == "out\n"


def test_attach_stdin_and_half_close(engine):
    made = create(engine, "sh", "-c", "cat; echo end", start=False, OpenStdin=True, StdinOnce=True)
    stream = Stream(engine, f"/containers/{made}/attach?stream=1&stdin=1&stdout=1")
    engine.api("POST", f"/containers/{made}/start")
    stream.send(b"some input\n")
    stream.end()
    assert text(stream.read()) == "some input\nend\n"
    assert engine.api("POST", f"/containers/{made}/wait").json["StatusCode"] == 0


def test_attach_input_sent_with_the_request(engine, is_moby):
    """What the client sends right behind its request belongs to the stream."""
    if is_moby:
        pytest.skip("Moby loses it")
    made = create(engine, "cat", OpenStdin=True, StdinOnce=True)
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(10)
    connection.connect(str(engine.socket))
    connection.sendall(f"POST /containers/{made}/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
                       "Upgrade: tcp\r\n\r\nearly bird\n".encode())
    connection.shutdown(socket.SHUT_WR)
    data = b""
    while piece := connection.recv(65536):
        data += piece
    assert text(data.split(b"\r\n\r\n", 1)[1]) == "early bird\n"


def test_attach_with_a_terminal(engine):
    made = create(engine, "sh", start=False, Tty=True, OpenStdin=True)
    stream = Stream(engine, f"/containers/{made}/attach?stream=1&stdin=1&stdout=1")
    assert "application/vnd.docker.raw-stream" in stream.head
    engine.api("POST", f"/containers/{made}/start")
    assert engine.api("POST", f"/containers/{made}/resize?h=33&w=99").status == 200
    stream.send(b"stty size; exit\n")
    assert b"33 99" in stream.read()


def test_detach_keys(engine):
    made = create(engine, "cat", start=True, Tty=True, OpenStdin=True)
    stream = Stream(engine, f"/containers/{made}/attach?stream=1&stdin=1&stdout=1&detachKeys=ctrl-x,q")
    stream.send(b"\x18q")
    stream.read()  # ends
    assert engine.api("GET", f"/containers/{made}/json").json["State"]["Running"]


def test_attach_logs(engine):
    made = create(engine, "echo", "past")
    engine.api("POST", f"/containers/{made}/wait")
    stream = Stream(engine, f"/containers/{made}/attach?logs=1&stdout=1")
    assert text(stream.read()) == "past\n"


# ---- exec ----

def run_exec(engine, container, *cmd, **config):
    made = engine.api("POST", f"/containers/{container}/exec", {"Cmd": list(cmd), "AttachStdout": True, "AttachStderr": True} | config)
    assert made.status == 201, made
    body = json.dumps({"Detach": False, "Tty": config.get("Tty", False)}).encode()
    stream = Stream(engine, f"/exec/{made.json['Id']}/start", body, {"Content-Type": "application/json"})
    return made.json["Id"], stream


def test_exec(engine):
    up = create(engine, "sleep", "100")
    made, stream = run_exec(engine, up, "sh", "-c", "echo out; echo err >&2; pwd; exit 4", WorkingDir="/tmp", Env=["A=b"])
    assert stream.status == 101
    data = stream.read()
    assert text(data, 1) == "out\n/tmp\n" and text(data, 2) == "err\n"
    info = wait_until(lambda: (lambda one: one if not one["Running"] else None)(engine.api("GET", f"/exec/{made}/json").json))
    assert info["ExitCode"] == 4 and info["ContainerID"] == up and info["ProcessConfig"]["entrypoint"] == "sh"
    again = engine.api("POST", f"/exec/{made}/start", {})  # Moby says so in the stream
    assert again.status in (200, 409) and b"already" in again.body
    assert engine.api("GET", "/exec/nosuch/json").status == 404


def test_exec_with_stdin(engine):
    up = create(engine, "sleep", "100")
    _, stream = run_exec(engine, up, "cat", AttachStdin=True)
    stream.send(b"to and fro")
    stream.end()
    assert text(stream.read()) == "to and fro"


def test_exec_with_a_terminal(engine):
    up = create(engine, "sleep", "100")
    made, stream = run_exec(engine, up, "sh", AttachStdin=True, Tty=True)
    assert engine.api("POST", f"/exec/{made}/resize?h=12&w=34").status in (200, 201)
    stream.send(b"stty size; exit\n")
    assert b"12 34" in stream.read()


def test_exec_detached(engine, is_moby):
    if is_moby:
        pytest.skip("runc, in a chroot, enters the namespace but not the container's root")
    up = create(engine, "sleep", "100")
    made = engine.api("POST", f"/containers/{up}/exec", {"Cmd": ["touch", "/made"]}).json["Id"]
    assert engine.api("POST", f"/exec/{made}/start", {"Detach": True}).status == 200
    _, stream = run_exec(engine, up, "sh", "-c", "while [ ! -e /made ]; do sleep 0.01; done; echo there")
    assert text(stream.read()) == "there\n"


def test_exec_of_what_is_not_there(engine):
    up = create(engine, "sleep", "100")
    made, stream = run_exec(engine, up, "/nosuch")
    assert "/nosuch" in stream.read().decode(errors="replace")
    info = wait_until(lambda: (lambda one: one if not one["Running"] else None)(engine.api("GET", f"/exec/{made}/json").json))
    assert info["ExitCode"] in (126, 127)


def test_exec_in_a_container_that_does_not_run(engine):
    made = create(engine, "true", start=False)
    answer = engine.api("POST", f"/containers/{made}/exec", {"Cmd": ["true"]})
    assert answer.status == 409 and "is not running" in answer.message
    up = create(engine, "sleep", "100")
    assert engine.api("POST", f"/containers/{up}/exec", {"Cmd": []}).status == 400


# ---- looking ----

def test_top(engine):
    up = create(engine, "sleep", "100")
    answer = engine.api("GET", f"/containers/{up}/top").json
    assert "CMD" in answer["Titles"] and any("sleep 100" in cell for row in answer["Processes"] for cell in row)
    answer = engine.api("GET", f"/containers/{up}/top?ps_args=aux").json
    assert "COMMAND" in answer["Titles"] and len(answer["Processes"]) == 1
    done = create(engine, "true", start=False)
    assert engine.api("GET", f"/containers/{done}/top").status in (409, 500)


def test_stats(engine):
    up = create(engine, "sleep", "100")
    one = engine.api("GET", f"/containers/{up}/stats?stream=0&one-shot=1").json
    assert one["read"] > "2020" and one["precpu_stats"]["cpu_usage"]["total_usage"] == 0
    started = time.monotonic()
    two = engine.api("GET", f"/containers/{up}/stats?stream=0").json
    assert time.monotonic() - started > 0.5 and two["cpu_stats"]["online_cpus"] >= 1
    assert engine.api("GET", f"/containers/{up}/stats?stream=1&one-shot=1").status == 400
    connection = UnixConnection(engine.socket, timeout=10)
    connection.request("GET", f"/containers/{up}/stats")
    lines = connection.getresponse()
    assert json.loads(lines.readline())["id"] == json.loads(lines.readline())["id"] == up
    connection.close()


def test_changes(engine):
    made = create(engine, "sh", "-c", "echo x >/new; rm /etc/group; echo y >>/etc/passwd")
    engine.api("POST", f"/containers/{made}/wait")
    changes = {row["Path"]: row["Kind"] for row in engine.api("GET", f"/containers/{made}/changes").json}
    assert changes == {"/etc": 0, "/etc/group": 2, "/etc/passwd": 0, "/new": 1}
    untouched = create(engine, "true", start=False)
    assert engine.api("GET", f"/containers/{untouched}/changes").json in (None, [])


# ---- files ----

def archive(**files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o640
            tar.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def path_stat(answer):
    return json.loads(base64.b64decode(answer.headers["X-Docker-Container-Path-Stat"]))


def test_archives_in_and_out(engine):
    up = create(engine, "sleep", "100")
    assert engine.api("PUT", f"/containers/{up}/archive?path=/tmp", archive(a=b"first", b=b"second")).status == 200
    answer = engine.api("GET", f"/containers/{up}/archive?path=/tmp/a")
    assert answer.status == 200 and answer.headers["Content-Type"] == "application/x-tar"
    stat = path_stat(answer)
    assert (stat["name"], stat["size"], stat["mode"], stat["linkTarget"]) == ("a", 5, 0o640, "")
    with tarfile.open(fileobj=io.BytesIO(answer.body)) as tar:
        assert tar.getnames() == ["a"] and tar.extractfile("a").read() == b"first"
    answer = engine.api("GET", f"/containers/{up}/archive?path=/tmp")
    assert path_stat(answer)["mode"] == 1 << 31 | 1 << 20 | 0o777  # folder, sticky
    with tarfile.open(fileobj=io.BytesIO(answer.body)) as tar:
        assert sorted(tar.getnames()) == ["tmp", "tmp/a", "tmp/b"]


def test_archives_of_a_stopped_container(engine):
    made = create(engine, "true", start=False)
    assert engine.api("PUT", f"/containers/{made}/archive?path=/etc", archive(motd=b"hi")).status == 200
    assert engine.api("HEAD", f"/containers/{made}/archive?path=/etc/motd").status == 200
    stat = path_stat(engine.api("HEAD", f"/containers/{made}/archive?path=/bin/busybox"))
    assert stat["name"] == "busybox" and stat["size"] > 100000


def test_archives_refused(engine):
    made = create(engine, "true", start=False)
    assert engine.api("GET", f"/containers/{made}/archive").status == 400
    assert engine.api("GET", f"/containers/{made}/archive?path=/nosuch").status == 404
    assert engine.api("PUT", f"/containers/{made}/archive?path=/nosuch", archive(a=b"")).status == 404
    assert engine.api("PUT", f"/containers/{made}/archive?path=/etc/passwd", archive(a=b"")).status in (400, 500)
    assert engine.api("PUT", f"/containers/{made}/archive?path=/etc", b"this is not a tar archive" * 100).status in (400, 500)


def test_archive_links_stay_inside(engine):
    up = create(engine, "sh", "-c", "ln -s /../../etc/passwd /link; echo mine >/etc/passwd; sleep 100")
    wait_until(lambda: engine.api("HEAD", f"/containers/{up}/archive?path=/link").status == 200)
    assert path_stat(engine.api("HEAD", f"/containers/{up}/archive?path=/link"))["linkTarget"] in ("/etc/passwd", "/../../etc/passwd")
    answer = engine.api("GET", f"/containers/{up}/archive?path=/link")
    with tarfile.open(fileobj=io.BytesIO(answer.body)) as tar:
        assert tar.getmembers()[0].issym() and tar.getmembers()[0].linkname == "/../../etc/passwd"
    secret = engine.base / "secret"
    secret.write_text("the host's")
    engine.api("PUT", f"/containers/{up}/archive?path=/tmp", link_archive("escape", "/../../../../../../.." + str(engine.base)))
    answer = engine.api("GET", f"/containers/{up}/archive?path=/tmp/escape/secret")
    assert answer.status == 404, answer


def link_archive(name, target):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        entry = tarfile.TarInfo(name)
        entry.type, entry.linkname = tarfile.SYMTYPE, target
        tar.addfile(entry)
    return out.getvalue()


def test_export(engine):
    made = create(engine, "sh", "-c", "echo x >/new")
    engine.api("POST", f"/containers/{made}/wait")
    answer = engine.api("GET", f"/containers/{made}/export")
    with tarfile.open(fileobj=io.BytesIO(answer.body)) as tar:
        names = set(tar.getnames())
        assert {"bin/busybox", "etc/passwd", "new"} <= names and tar.extractfile("new").read() == b"x\n"


# ---- clients that leave ----

def test_waiting_clients_that_leave(engine):
    up = create(engine, "sleep", "1000")
    connections = []
    for path in ["wait", "logs?stdout=1&follow=1", "stats"]:
        method = "POST" if path == "wait" else "GET"
        connection = UnixConnection(engine.socket)
        connection.request(method, f"/containers/{up}/{path}")
        connection.getresponse()
        connections.append(connection)
    threads = lambda: len(os.listdir(f"/proc/{engine.process.pid}/task"))
    before = threads()
    for connection in connections:
        connection.close()
    if engine.kind == "paddock":  # a thread each, which ends
        wait_until(lambda: threads() <= before - len(connections), 5, "the handlers' threads end")

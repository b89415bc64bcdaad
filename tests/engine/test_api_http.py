"""The protocol below the routes: versions, errors, headers, connections."""
import json
import socket
import threading
import time

import pytest


def raw(engine, *pieces, pause=0, seconds=5):
    """Sends bytes as they are, and gives back all that comes until the other side closes or falls silent."""
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(seconds)
    connection.connect(str(engine.socket))
    for piece in pieces:
        connection.sendall(piece)
        time.sleep(pause)
    received = b""
    try:
        while piece := connection.recv(65536):
            received += piece
    except TimeoutError:
        pass
    connection.close()
    return received


def test_an_early_answer_reaches_a_client_that_still_sends(engine):
    """404 before the body was read: the client does not run into a closed connection, but sees the answer."""
    head = b"PUT /v1.45/containers/nobody/archive?path=/ HTTP/1.1\r\nHost: docker\r\nContent-Length: %d\r\n\r\n" % (8 << 20)
    answer = raw(engine, head, *[bytes(1 << 20)] * 8)
    assert answer.startswith(b"HTTP/1.1 404 "), answer[:200]


def test_ping(engine):
    for method in "GET", "HEAD":
        for prefix in "", "/v1.24", "/v1.45":
            answer = engine.api(method, f"{prefix}/_ping")
            assert answer.status == 200 and answer.body == (b"OK" if method == "GET" else b"")
            assert answer.headers["Ostype"] == "linux" and answer.headers["Docker-Experimental"] == "false"
            assert float(answer.headers["Api-Version"].replace("1.", "")) >= 44
            assert "no-cache" in answer.headers["Cache-Control"] and answer.headers["Swarm"] == "inactive"
            assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"


def test_versions_that_are_not_served(engine):
    for version, words in [("1.23", "client version 1.23 is too old. Minimum supported API version is 1.24"),
                           ("1.99", "client version 1.99 is too new. Maximum supported API version is 1.")]:
        answer = engine.api("GET", f"/v{version}/containers/json")
        assert answer.status == 400 and words in answer.message


def test_version_of_the_answer_is_the_one_asked_for(engine):
    assert "VirtualSize" in engine.api("GET", "/v1.43/images/json").json[0]
    assert "VirtualSize" not in engine.api("GET", "/v1.44/images/json").json[0]


@pytest.mark.parametrize("method, path", [("GET", "/nothing"), ("GET", "/v1.45/nothing"), ("PUT", "/containers/json"), ("GET", "/"),
                                          ("GET", "/containers/create")])
def test_unknown_pages(engine, method, path):
    answer = engine.api(method, path)
    assert answer.status == 404 and answer.message == "page not found"


def test_routes_that_are_not_served_say_so(engine, is_moby):
    if is_moby:
        pytest.skip("Moby serves them")
    for method, path in [("POST", "/build"), ("GET", "/swarm"), ("GET", "/plugins/x/json"), ("POST", "/networks/create"),
                         ("POST", "/services/create"), ("GET", "/images/search?term=x"), ("POST", "/images/busybox/push")]:
        answer = engine.api(method, f"/v1.45{path}", {} if method == "POST" else None)
        assert answer.status == 501 and "is not supported by this engine" in answer.message, (path, answer)


@pytest.mark.parametrize("headers, body, words", [
    ({"Content-Type": "application/json"}, b"{", "JSON"),
    ({"Content-Type": "application/json"}, b"", "JSON"),
    ({"Content-Type": "text/plain"}, b"{}", "Content-Type"),
    ({"Content-Type": "application/json"}, b"{} {}", "JSON"),
])
def test_bodies_that_are_no_json(engine, headers, body, words):
    answer = engine.api("POST", "/containers/create", body, headers=headers)
    assert answer.status == 400 and words in answer.message


def test_errors_are_json(engine):
    answer = engine.api("GET", "/containers/nosuch/json")
    assert answer.status == 404 and answer.headers["Content-Type"] == "application/json"
    assert answer.json == {"message": "No such container: nosuch"}


def test_one_connection_serves_many_requests(engine):
    get, last = b"GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /_ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert raw(engine, get, get, last, pause=0.05).count(b"\r\n\r\nOK") == 3


def test_old_http(engine):
    answer = raw(engine, b"GET /_ping HTTP/1.0\r\n\r\n")
    assert answer.endswith(b"\r\n\r\nOK")


@pytest.mark.parametrize("request_bytes, status", [
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"400"),
    (b"GET /_ping HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n", b"400"),
    (b"GET /_ping HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", b"400"),
    (b"GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n", b"400"),
    (b"GET /_ping HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 2000000 + b"\r\n\r\n", b"431"),
], ids=["TLS", "header without colon", "two lengths", "bad escape", "long header"])
def test_hostile_requests(engine, request_bytes, status):
    try:
        answer = raw(engine, request_bytes)
    except (BrokenPipeError, ConnectionResetError):
        answer = None  # it had enough before all was sent
    assert answer is None or answer[9:12] == status, answer
    assert engine.api("GET", "/_ping").status == 200


def test_a_client_that_stalls_does_not_hold_the_others(engine):
    stalled = []
    for _ in range(50):
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(str(engine.socket))
        connection.sendall(b"POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
        stalled.append(connection)
    started = time.monotonic()
    assert engine.api("GET", "/_ping").status == 200
    assert time.monotonic() - started < 1
    for connection in stalled:
        connection.close()


def test_expect_continue(engine):
    body = json.dumps({"Image": "nosuch"}).encode()
    head = (b"POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n"
            b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body))
    answer = raw(engine, head, body, pause=0.2)
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404")


def test_chunked_bodies(engine):
    body = json.dumps({"Image": "nosuch"}).encode()
    head = (b"POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n")
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body)
    assert b"No such image: nosuch:latest" in raw(engine, head, chunks, b"0\r\n\r\n")


@pytest.mark.threads
def test_many_clients_at_once(engine):
    wrong = []

    def ask():
        for path in ["/_ping", "/containers/json?all=1", "/images/json", "/info", "/volumes", "/networks"] * 5:
            answer = engine.api("GET", path)
            if answer.status != 200:
                wrong.append(answer)

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_tcp(own_engine):
    own_engine("-H", "tcp://127.0.0.1:23750")
    connection = socket.create_connection(("127.0.0.1", 23750), 5)
    connection.sendall(b"GET /_ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert connection.makefile("rb").read().endswith(b"\r\n\r\nOK")

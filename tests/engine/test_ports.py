"""Published ports from where users reach them: the host by any of its addresses, other containers; datagrams and half-closed connections."""
import os
import pathlib
import signal
import socket
import threading
import time

import pytest


class Server(threading.Thread):
    """Serves from inside a container's network namespace: a socket made there answers from a thread here."""

    def __init__(self, engine, container, kind, port, serve):
        super().__init__(daemon=True)
        self.pid, self.kind, self.port, self.serve = engine.inspect(container)["State"]["Pid"], kind, port, serve
        self.ready, self.over = threading.Event(), threading.Event()
        self.start()
        assert self.ready.wait(10)

    def run(self):
        with open(f"/proc/{self.pid}/ns/net") as namespace:
            os.setns(namespace.fileno(), os.CLONE_NEWNET)
        with socket.socket(socket.AF_INET, self.kind) as server:
            server.bind(("0.0.0.0", self.port))
            if self.kind == socket.SOCK_STREAM:
                server.listen()
            self.ready.set()
            self.serve(server, self.over)

    def stop(self):
        self.over.set()
        self.join(10)


@pytest.fixture
def serve(engine):
    servers = []
    yield lambda *more: servers.append(Server(engine, *more))
    for server in servers:
        server.stop()


def echo_datagrams(server, over):
    server.settimeout(0.2)
    while not over.is_set():
        try:
            text, peer = server.recvfrom(70000)
            server.sendto(text.upper(), peer)
        except TimeoutError:
            pass


def ask(address, port, text=b"hello"):
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(5)
        client.connect((address, port))  # takes answers from this address alone
        client.send(text)
        return client.recv(70000)


@pytest.fixture
def hosts_address(engine):
    """An address of the host that is neither loopback nor the bridge's."""
    os.system("ip addr add 10.77.0.1/32 dev lo")
    yield "10.77.0.1"
    os.system("ip addr del 10.77.0.1/32 dev lo")


def test_udp__from_every_address_of_the_host(engine, serve, hosts_address):
    engine.docker("run", "-d", "--name", "echo", "-p", "18053:53/udp", "busybox", "sleep", "1000")
    serve("echo", socket.SOCK_DGRAM, 53, echo_datagrams)
    bridge = engine.inspect("bridge", "network")["IPAM"]["Config"][0]["Gateway"]
    for address in ["127.0.0.1", "127.0.0.2", "127.9.9.9", "::1", bridge, hosts_address]:
        for _ in range(2):
            assert ask(address, 18053) == b"HELLO", address
    assert ask("127.0.0.2", 18053, b"x" * 60000) == b"X" * 60000


def test_udp__one_client_by_two_addresses(engine, serve):
    engine.docker("run", "-d", "--name", "echo", "-p", "18054:53/udp", "busybox", "sleep", "1000")
    serve("echo", socket.SOCK_DGRAM, 53, echo_datagrams)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(5)
        for address in ["127.0.0.1", "127.0.0.2", "127.0.0.1"]:
            client.sendto(b"who", (address, 18054))
            assert client.recvfrom(100) == (b"WHO", (address, 18054))


def echo_connections(server, over):
    server.settimeout(0.2)
    while not over.is_set():
        try:
            with server.accept()[0] as peer:
                peer.settimeout(5)
                while text := peer.recv(1000):
                    peer.send(text.upper())
        except TimeoutError:
            pass


def test_tcp__from_every_address_and_from_containers(engine, serve, hosts_address):
    engine.docker("run", "-d", "--name", "echo", "-p", "18081:80", "busybox", "sleep", "1000")
    serve("echo", socket.SOCK_STREAM, 80, echo_connections)
    bridge = engine.inspect("bridge", "network")["IPAM"]["Config"][0]["Gateway"]
    for address in ["127.0.0.1", "127.0.0.2", "::1", bridge, hosts_address]:
        with socket.create_connection((address, 18081), 5) as client:
            client.sendall(b"hello")
            client.shutdown(socket.SHUT_WR)
            assert client.recv(100) == b"HELLO" and client.recv(100) == b"", address
    for address in [bridge, hosts_address]:
        asked = f"echo hello | nc -w 5 {address} 18081"
        assert engine.docker("run", "--rm", "busybox", "sh", "-c", asked) == "HELLO", address
        assert engine.docker("exec", "echo", "sh", "-c", asked) == "HELLO", f"itself by {address}"


def tcp_memory(name, text):
    path = pathlib.Path(f"/proc/sys/net/ipv4/{name}")
    before = path.read_text()
    path.write_text(text)
    return lambda: path.write_text(before)


def test_tcp__a_half_closed_connection_gets_all_that_was_sent(engine, serve):
    """The server's data and its end come while the relay is held up: all of that lies in the socket when it goes on."""
    size = 3_000_000
    undo = [tcp_memory(name, "4096 6000000 6000000") for name in ("tcp_rmem", "tcp_wmem")]
    sent = threading.Event()

    def send_much(server, over):
        server.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8_000_000)
        peer, _ = server.accept()
        while peer.recv(100):
            pass
        halted.wait(10)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(size // 1000):
            peer.send(b"y" * 1000)
        peer.close()
        sent.set()

    halted = threading.Event()
    try:
        engine.docker("run", "-d", "--name", "server", "-p", "18080:80", "busybox", "sleep", "1000")
        serve("server", socket.SOCK_STREAM, 80, send_much)
        shim = int(pathlib.Path(f"/proc/{engine.inspect('server')['State']['Pid']}/status").read_text().split("PPid:")[1].split()[0])
        with socket.create_connection(("127.0.0.1", 18080), 10) as client:
            client.sendall(b"all of it")
            client.shutdown(socket.SHUT_WR)
            time.sleep(0.5)
            os.kill(shim, signal.SIGSTOP)
            halted.set()
            sent.wait(10)
            time.sleep(0.5)
            os.kill(shim, signal.SIGCONT)
            got = 0
            while chunk := client.recv(1 << 20):
                got += len(chunk)
        assert got == size
    finally:
        for step in undo:
            step()

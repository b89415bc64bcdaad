"""Fixtures of the engine tests. They run in tests/isolate: own mount, network, pid and cgroup namespaces.

engine       a daemon with busybox:latest loaded, shared by a file's tests; what a test leaves in it is removed
own_engine   a daemon of the test's own, to kill and start again; called with more flags, it starts with these
registry     Debian's docker-registry on 127.0.0.1:5000, with busybox:latest in it
PADDOCK_ENGINE=moby runs the same tests against Debian's dockerd, PADDOCK_CLIENT=ros with the client of the binary, or PATH for another one.
"""
import os
import pathlib

import pytest

from support.daemon import KIND, Engine, Traces, check_nothing_left
from support.image import busybox
from support.registry import Registry


def pytest_collection_modifyitems(items):
    reason = None
    if os.geteuid() != 0:
        reason = "needs root"
    elif not pathlib.Path("/sys/fs/cgroup/cgroup.kill").exists():
        reason = "needs cgroup2 in a namespace of its own (tests/isolate)"
    if reason:
        for item in items:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session", autouse=True)
def loopback():
    """A name that containers and the engine can use for this machine, and forwarding as a router has it."""
    pathlib.Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    yield


@pytest.fixture(scope="session")
def is_moby():
    return KIND == "moby"


def stop_clean(engine, before):
    """Stops an engine that a test has used, and fails when it leaves something behind."""
    try:
        if engine.process and engine.process.poll() is None:
            engine.clean()
            engine.stop()
        if engine.kind == "paddock":
            check_nothing_left(before)
        assert not engine.sanitizer_report(), engine.sanitizer_report()
    finally:
        if engine.process and engine.process.poll() is None:
            engine.kill()


@pytest.fixture(scope="module")
def shared_engine(tmp_path_factory):
    before = Traces()
    engine = Engine(tmp_path_factory.mktemp("engine")).start()
    engine.load()
    yield engine
    stop_clean(engine, before)


@pytest.fixture
def engine(shared_engine):
    yield shared_engine
    shared_engine.clean()


@pytest.fixture
def own_engine(tmp_path):
    before, made = Traces(), []

    def start(*args, load=True):
        engine = Engine(tmp_path / f"engine{len(made)}", *args).start()
        made.append(engine)
        if load:
            engine.load()
        return engine

    yield start
    for engine in reversed(made):
        stop_clean(engine, before)


@pytest.fixture
def docker(engine):
    """docker("ps", "-q") -> what it printed; fails when the command fails."""
    return engine.docker


@pytest.fixture(scope="session")
def registry(tmp_path_factory):
    registry = Registry(tmp_path_factory.mktemp("registry")).start()
    registry.push(busybox(), "busybox")
    yield registry
    registry.stop()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """A failed test shows the end of its daemon's log."""
    report = (yield).get_result()
    engine = item.funcargs.get("shared_engine") if hasattr(item, "funcargs") else None
    if report.failed and engine:
        report.sections.append(("daemon", engine.log_tail(30)))

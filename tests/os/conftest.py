"""Fixtures of the tests that boot the image (make image) in QEMU. They run in tests/isolate.

machine   one booted from kernel and initrd, without a state disk, logged in on the serial console; shared by a file's tests
boot      boot(memory=512, disks=[...], iso=ISO, ...) -> a Machine of the test's own, started; switched off afterwards
registry  Debian's docker-registry on this side, with busybox:latest in it; guests reach it as REGISTRY:5000
"""
import pathlib

import pytest

from support.image import busybox
from support.machine import APPEND, IMAGE, Machine, Panic
from support.registry import Registry

ISO = IMAGE / "paddock.iso"


def pytest_collection_modifyitems(items):
    if not pathlib.Path("/usr/bin/qemu-system-x86_64").exists():
        for item in items:
            item.add_marker(pytest.mark.skip(reason="needs qemu-system-x86_64"))


@pytest.fixture(scope="session")
def registry(tmp_path_factory):
    registry = Registry(tmp_path_factory.mktemp("registry")).start()
    registry.push(busybox(), "busybox")
    yield registry
    registry.stop()


@pytest.fixture(scope="module")
def machine(tmp_path_factory, registry):
    machine = Machine(tmp_path_factory.mktemp("machine"), services={5000: registry.port}, append=APPEND, forwards=(22, 8080)).start()
    try:
        machine.log_in()
        yield machine
    finally:
        machine.cut()


@pytest.fixture
def boot(tmp_path, registry):
    made = []

    def start(log_in=True, **options):
        options.setdefault("services", {5000: registry.port})
        options["append"] = f"{APPEND} {options.get('append', '')}"
        if "iso" in options:
            options |= {"kernel": None, "initrd": None}
        machine = Machine(tmp_path / f"machine{len(made)}", **options)
        made.append(machine)
        machine.start()
        if log_in:
            machine.log_in()
        return machine

    yield start
    for machine in made:
        machine.cut()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows the end of the console. A panic of the emulated kernel with a thread per CPU would be the emulator's
    doing; with one thread, as here, it counts as a failure like any other, and says what it was."""
    report = (yield).get_result()
    if report.failed and call.excinfo and call.excinfo.errisinstance(Panic):
        report.sections.append(("kernel", "the guest's kernel panicked"))
    machine = getattr(item, "funcargs", {}).get("machine")
    if report.failed and isinstance(machine, Machine):
        report.sections.append(("console", machine.tail(40)))

"""The docker of the binary against Docker's own: the same words, the same engine, the same output and exit status."""
import os
import re
import shlex
import shutil
import socket
import subprocess
import threading

import pytest

from support.daemon import ROS
from support.terminal import Terminal

OURS, DOCKERS = [ROS, "docker"], ["docker"]

pytestmark = pytest.mark.skipif(not shutil.which("docker"), reason="needs Docker's own client")

# What differs from one moment, or one container, to the next.
VOLATILE = [
    (r"\b[0-9a-f]{64}\b", "ID64"), (r"\b[0-9a-f]{12}\b", "ID12"),
    (r"(Less than a second|\d+ seconds?|About a minute)( ago)?( +)", "SPAN "), (r"20\d\d-\d\d-\d\dT[0-9:.]+Z", "TIME"),
]


def normal(text):
    for pattern, name in VOLATILE:
        text = re.sub(pattern, name, text)
    return text


def run(client, engine, line, cwd=None):
    """What a line prints and ends with; it may have redirections and pipes, and $docker is the client."""
    script = line if "$docker" in line else f"set -o pipefail; $docker {line}"
    done = subprocess.run(["bash", "-c", script.replace("$docker", shlex.join(client))], env=engine.environment(), cwd=cwd,
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    return normal(done.stdout.decode()), normal(done.stderr.decode()), done.returncode


def usage_aside(text):
    """Without the one line that sums a command up: every client has words of its own for that."""
    return re.sub(r"(\nUsage: [^\n]*\n)\n[^\n]+\n", r"\1", text)


def compare(engine, line):
    theirs, ours = run(DOCKERS, engine, line), run(OURS, engine, line)
    assert ours[0] == theirs[0], line
    assert usage_aside(ours[1]) == usage_aside(theirs[1]), line
    assert ours[2] == theirs[2], line


@pytest.fixture
def web(engine, docker):
    docker("run", "-d", "--name", "web", "-p", "127.0.0.1:8070:80", "-p", "127.0.0.1:8071:81/udp", "-l", "a=b", "-l", "c.d-e=f",
           "-v", "named:/vol", "busybox", "sh", "-c", "echo hi; echo err >&2; sleep 1000")
    docker("create", "--name", "made", "--network", "none", "busybox", "true")
    return engine


LISTS = r"""
ps
ps -a
ps -aq
ps -a --no-trunc
ps -a -f name=made --format json
ps -a --format '{{.ID}}: {{.Names}} {{.Ports}}'
ps -a --format "table {{.ID}}\t{{.Label \"a\"}}\t{{.Label \"c.d-e\"}}\t{{.Mounts}}\t{{.Networks}}\t{{.LocalVolumes}}\t{{.State}}"
ps --format '{{.ID'
ps --format '{{nope}}'
ps -a -f name=made --format '{{json .}}'
ps -n 1
ps -l
ps -q -f name=web
ps -aq --format '{{.Names}}'
images
images --digests
images --no-trunc
images -q
images --format json
images nope
images --format '{{.Repository}}:{{.Tag}} {{.Size}} {{.VirtualSize}} {{.Digest}}'
history busybox
history --no-trunc busybox
history --format json busybox
history -H=false busybox
volume ls
volume ls -q
volume ls --format json
volume ls -q --format '{{.Driver}}'
network ls
network ls --no-trunc
network ls -q
network ls --format '{{.Name}} {{.Driver}} {{.Internal}} {{.IPv6}}'
port web
port web 80
port web 81/udp
port web 82
version -f '{{.Server.Version}}'
info -f '{{.ServerVersion}} {{.NCPU}} {{.Name}}'
info -f '{{json .Plugins.Volume}}'
"""

INSPECTS = r"""
inspect web
inspect web nope
inspect nope
inspect -f '{{.Name}}' nope
inspect -f '{{.Name}}' nope web
inspect -f '{{.Name}}' bridge named busybox web
inspect --type foo web
network inspect -v none
inspect -f '{{.Foo}}' web
inspect -f '{{.Foo' web
inspect -f '{{.State.Pid}} {{.Config.Cmd}} {{json .Config.Labels}} {{.NetworkSettings.IPAddress}}' web
inspect -f '{{.NetworkSettings.Ports}}|{{.Config.Labels}}|{{.HostConfig.Init}}|{{.HostConfig.RestartPolicy}}' web
inspect -f '{{if .State.Health}}x{{end}}|{{.Config.Labels.foo}}|{{.Config.ExposedPorts}}|{{index .Config.Labels "q"}}|{{len .Config.Env}}' web
inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' web
inspect -f '{{(index (index .NetworkSettings.Ports "80/tcp") 0).HostPort}}' web
inspect -f '{{json .State}}' web
inspect -f json web
inspect -f '{{.State.Foo.Bar}}' web
inspect -f '{{index .Config.Env 99}}' web
inspect -f '{{range $k, $v := .Config.Labels}}{{$k}}={{printf "%-5s|" $v}}{{end}}{{upper "x"}}' web
inspect -f '{{split "a:b" ":"}} {{join .Config.Cmd "+"}} {{title "ab cd"}} {{pad "x" 1 2}}|{{truncate "abcdef" 3}}' web
inspect -f '{{nope}}' web
inspect -f '{{with .State}}{{.Status}}{{else}}none{{end}} {{and true .Name}} {{or "" .Name}} {{not true}} {{eq 1 1}} {{lt 1 2}}' web
container inspect web nope
image inspect busybox
image inspect nope
image inspect -f '{{.RootFS.Layers}} {{.Id}} {{.RepoTags}}' busybox
volume inspect named nope
network inspect none nope
network inspect -f '{{.Name}} {{.Driver}} {{json .Labels}}' bridge
"""

MISTAKES = r"""
ps --foo
ps extra
ps -f name
system prune -f --volumes --filter until=1h
$docker help rm | head -n 2
ps -H
ps --last=x
rm
rm nope
rm -f nope
rm web
stop nope
kill made
pause made
unpause made
rename nope b
rename web
restart nope
start nope
start web nope
wait nope
logs nope
logs --since foo web
attach nope
attach made
exec nope ls
exec made ls
exec web
exec -it web cat
top made
diff nope
update web
update --restart foo web
cp nope:/x .
cp web:/nope .
cp /nope web:/
cp /nope /nope2
cp web:/a made:/b
cp /etc/passwd web:
tag nope foo
tag busybox UPPER
rmi nope
rmi -f nope
save nope
save -o /nodir/x busybox
export -o /nodir/x web
update --restart no web made
load -i /nofile
volume create a b
volume rm nope
network rm nope
events --since foo
login -u a
login
logout
foo
run
run -x busybox
run --foo busybox
run --rm --mount foo busybox
run --rm --mount type=bind busybox
run --rm --mount typo=bind busybox
run --rm --mount type=tmpfs,volume-nocopy,dst=/x busybox
run --rm --pid foo busybox true
run --rm --uts foo busybox true
run --rm --restart always busybox true
run --restart on-failure:x busybox true
run --rm -p 99999:1 busybox true
run --rm -p a:1 busybox true
run --rm -p 1-3:5-6 busybox true
run --rm --ulimit nofile=30:20 busybox true
run --rm --ulimit nofile busybox true
run --rm --add-host a busybox true
run --rm --dns x busybox true
run --rm --env-file /nofile busybox true
run --rm --stop-timeout=x busybox
run --rm --cpus abc busybox true
run --rm -m abc busybox true
run --rm --security-opt foo busybox true
run --rm --security-opt seccomp=/nofile busybox true
run --rm --log-driver none --log-opt a=b busybox echo x
run --rm --health-cmd true --no-healthcheck busybox true
run --rm --health-interval -1s busybox true
run --rm --cidfile /etc/passwd busybox true
run --rm --mac-address zz busybox true
run --rm -a foo busybox
run -d -a stdout busybox true
run -it busybox true
run --pull foo --rm busybox
run --pull never --rm nope
run --name web busybox
run --rm --network container:nope busybox true
run --rm --network name=bridge,alias=x busybox true
run --rm --network host --network none --rm busybox true
run --rm --network nope --network none --rm busybox true
run --rm --ipc foo busybox true
run --rm --device /dev/null:/dev/x:q busybox true
run --rm --device-cgroup-rule zzz busybox true
run --rm --device-cgroup-rule 'c 42:* rmw' busybox true
run --rm --sysctl kernel.foo=1 busybox true
run --rm --sysctl net.foo busybox true
run --rm --ulimit foo=1 busybox true
run --rm --tmpfs t busybox true
run --rm --oom-kill-disable busybox true
run --rm -p 8095:80/foo busybox true
run --rm -p : busybox true
run --rm --label-file <(printf 'a=1\n#x\nb\n') --name labelled -d busybox sleep 100 >/dev/null; $docker inspect -f '{{json .Config.Labels}}' labelled; $docker rm -f labelled
"""

RUNS = r"""
run --rm busybox echo hello
run --rm busybox sh -c 'echo out; echo err >&2; exit 7'
run --rm busybox nope
run --rm busybox /etc
run --rm -w /abc busybox pwd
run --rm -e A=1 -e PATH=/bin -e NOBODYHASIT busybox env | grep -v HOSTNAME= | sort
run --rm -e HOSTNAME -e A busybox env | sort
run --rm -h foo busybox hostname
run --rm -u 1000:100 busybox id
echo from outside | $docker run --rm -i busybox cat
run --rm -v $PWD:/x:ro busybox ls /x/tests/pytest.ini
run --rm -v ./tests:/x busybox ls /x/pytest.ini
run --rm --mount type=bind,src=$PWD,dst=/x busybox ls /x/tests/pytest.ini
run --rm --mount type=tmpfs,dst=/t,tmpfs-size=1m busybox df /t
run --rm --tmpfs /run:size=64k busybox df /run
run --rm --read-only busybox touch /x
run --rm --entrypoint ls busybox /etc/passwd
run --rm --network none busybox ls /sys/class/net
run --rm --ulimit nofile=10:20 busybox sh -c 'ulimit -n; ulimit -Hn'
run --rm --add-host a:1.2.3.4 busybox sh -c 'grep 1.2.3.4 /etc/hosts'
run --rm --label a=b -l c busybox true
run --rm -a stdout busybox sh -c 'echo out; echo err >&2'
run -t --rm busybox echo hello
run --rm --shm-size 1m busybox df /dev/shm
run --rm --env-file <(printf 'A=1\n# x\n  B=two words\nC\n') busybox sh -c 'echo $A $B $C'
exec web ls /etc/group
exec web nope
exec web sh -c 'exit 9'
exec -e A=1 web sh -c 'echo $A'
echo from outside | $docker exec -i web cat
exec -d web true
logs web
logs --tail 0 web
logs -n 1 web
logs --since 1h web
logs --until 2013-01-02 web
logs -t web
stop -t 1 nope
start web
events --since 1h --until 0s -f type=container -f event=create --format '{{.Type}} {{.Action}} {{.Actor.Attributes.image}}'
cp web:/etc/passwd - | tar tv
"""


@pytest.mark.parametrize("line", LISTS.strip().split("\n"))
def test_list(web, line):
    for _ in range(3):  # a container's age may have grown between the two, and its column with it
        try:
            return compare(web, line)
        except AssertionError as failure:
            last = failure
    raise last


@pytest.mark.parametrize("line", INSPECTS.strip().split("\n"))
def test_inspect(web, line):
    compare(web, line)


@pytest.mark.parametrize("line", MISTAKES.strip().split("\n"))
def test_mistake(web, line):
    compare(web, line)


@pytest.mark.parametrize("line", RUNS.strip().split("\n"))
def test_run(web, line):
    compare(web, line)


# ---- terminals: steps are what is waited for, and what is typed then ----

SEATS = [
    (["run", "--rm", "-it", "busybox", "sh"], [("# ", "stty size; exit 5\n")]),
    (["run", "--rm", "-it", "busybox", "sh"], [("# ", "echo a b\n"), ("a b\r\n", ""), ("# ", "\x04")]),
    (["run", "--rm", "-it", "--name", "left", "busybox", "sh"], [("# ", "\x10\x11")]),
    (["run", "--rm", "-it", "--detach-keys", "ctrl-a,b", "busybox", "sh"], [("# ", "\x01b")]),
    (["run", "--rm", "-i", "busybox", "cat"], [("", "hello\n"), ("hello\r\nhello\r\n", "\x04")]),
    (["run", "--rm", "busybox", "sh", "-c", "trap 'echo got it; exit 4' INT; echo ready; while :; do sleep 0.1; done"], [("ready", "\x03")]),
    (["attach", "seat"], [("", "echo re''ady\r"), ("ready\r\n.*# ", "\x10\x11")]),
    (["attach", "--detach-keys", "x", "seat"], [("", "echo re''ady\r"), ("ready\r\n.*# ", "x")]),
    (["exec", "-it", "seat", "sh"], [("# ", "stty size; exit 6\n")]),
    (["exec", "-it", "seat", "sh"], [("# ", "\x10\x11")]),
    (["start", "-ai", "ended"], [("# ", "exit 4\n")]),
]


@pytest.mark.parametrize("words, steps", SEATS, ids=[" ".join(words[:5]) + str(n) for n, (words, _) in enumerate(SEATS)])
def test_terminal(engine, docker, words, steps):
    docker("run", "-dit", "--name", "seat", "busybox", "sh")
    docker("create", "-it", "--name", "ended", "busybox", "sh")
    seen = []
    for client in (DOCKERS, OURS):
        terminal = Terminal([*client, *words], engine.environment(), rows=30, columns=100)
        before = terminal.attributes()
        try:
            shown = ""
            for pattern, text in steps:
                shown += terminal.expect(pattern)[0]
                terminal.send(text)
            status = terminal.wait()
            shown = terminal.text if words[0] in ("attach", "start") else shown + terminal.text
            assert terminal.attributes() == before, "the terminal is as it was"
        except AssertionError as failure:
            raise AssertionError(f"{client}: {failure}") from None
        finally:
            terminal.close()
        # how often a shell draws its prompt again is a matter of luck
        seen.append((re.sub(r"\x1b\[(6n|J)|(\r|^)(/ )?# ", "", shown), status))
        if "left" in words:
            docker("rm", "-f", "left")
    assert seen[1] == seen[0]


# ---- cp ----

TREE = ("mkdir -p /d/sub; echo a>/d/a; echo b>/d/sub/b; ln -s a /d/link; ln -s sub /d/dlink; ln /d/a /d/hard; ln -s /nothing /d/dang; "
        "mkdir -p /t/ed; echo old>/t/ef; ln -s ed /t/led; ln -s ef /t/lef; ln -s newt /t/ldang; sleep 1000")
OUR_TREE = ("mkdir ed; echo old>ef; ln -s ed led; ln -s ef lef; ln -s newtarget ldang; mkdir -p src/s; echo 1>src/1; echo 2 >src/s/2; "
            "ln -s 1 src/l; ln -s s src/ls; chmod 640 src/1; chown 77:78 src/1")

DOWNLOADS = """
cc:/d/a .
cc:/d/a new
cc:/d/a new/
cc:/d/a ed/
cc:/d/a ed/x
cc:/d/a ef
cc:/d/a ef/
cc:/d/a led
cc:/d/a lef
cc:/d/a ldang
cc:/d .
cc:/d new
cc:/d/. ed
cc:/d/. new
cc:/d ef
cc:/d nodir/x
cc:/d/link .
-L cc:/d/link .
cc:/d/dlink .
-L cc:/d/dlink .
cc:/d/dlink/. ed
cc:/d/dang .
-L cc:/d/dang .
"""

UPLOADS = """
src/1 cc:/t
src/1 cc:/t/new
src/1 cc:/t/new/
src/1 cc:/t/ef
src/1 cc:/t/lef
src/1 cc:/t/led
src/1 cc:/t/ldang
src cc:/t
src/. cc:/t/ed
src cc:/t/new
src/. cc:/t/new
src cc:/t/ef
src cc:/t/no/x
src/l cc:/t
-L src/l cc:/t
-L src/ls cc:/t
src/ls/. cc:/t/ed
-a src cc:/t
src/nope cc:/t
"""


def cp(engine, docker, client, folder, line):
    """What cp says, and the files that are there afterwards on both sides."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    subprocess.run(["bash", "-c", OUR_TREE], cwd=folder, check=True)
    docker("rm", "-f", "cc")
    docker("run", "-d", "--name", "cc", "busybox", "sh", "-c", TREE)
    subprocess.run(["bash", "-c", "until docker cp cc:/t/ldang - >/dev/null 2>&1; do sleep 0.05; done"], env=engine.environment(), timeout=20)
    said = run(client, engine, f"cp {line}", cwd=folder)
    here = subprocess.run(["find", ".", "-printf", r"%P %y %l %m %U %s\n"], cwd=folder, capture_output=True, text=True).stdout
    there = run(DOCKERS, engine, "$docker cp cc:/t - | tar tv --numeric-owner | sed -E 's/20[0-9-]+ [0-9:]+//'")
    return said, sorted(here.split("\n")), sorted(there[0].split("\n"))


@pytest.mark.parametrize("line", (DOWNLOADS + UPLOADS).strip().split("\n"))
def test_cp(engine, docker, tmp_path, line):
    if not line:
        return
    assert cp(engine, docker, OURS, tmp_path / "here", line) == cp(engine, docker, DOCKERS, tmp_path / "here", line)


# ---- what only we say ----

def test_what_is_not_there_says_so_by_name(engine):
    for words in (["build", "."], ["compose", "up"], ["swarm", "init"], ["push", "x"]):
        assert run(OURS, engine, shlex.join(words)) == ("", f"docker: '{words[0]}' is not supported yet\n", 1)
    assert run(OURS, engine, "run --gpus all busybox") == ("", "'--gpus' is not supported yet\nSee 'docker run --help'.\n", 125)
    assert run(OURS, engine, "--context other ps")[1] == "docker: context 'other' is not supported yet\n"
    assert run(OURS, engine, "-H ssh://there ps")[1] == "ssh://there: ssh is not supported yet\n"


def test_nobody_there(engine, tmp_path):
    for line in ("ps", "run busybox", "inspect x", "exec x y"):
        theirs = run(DOCKERS, engine, f"-H unix://{tmp_path}/none {line}")
        assert run(OURS, engine, f"-H unix://{tmp_path}/none {line}") == theirs


def test_system_docker_has_a_socket_of_its_own(engine):
    env = {k: v for k, v in engine.environment().items() if k != "DOCKER_HOST"}
    done = subprocess.run([ROS, "system-docker", "ps"], env=env, capture_output=True, text=True)
    assert "unix:///var/run/system-docker.sock" in done.stderr and done.returncode == 1


def test_logout_keeps_the_rest_of_the_file(engine, tmp_path):
    config = tmp_path / "config"
    env = engine.environment() | {"DOCKER_CONFIG": str(config)}
    config.mkdir()
    (config / "config.json").write_text('{"psFormat": "{{.Names}}", "auths": {"other:5000": {"auth": "YTpi"}}}')
    done = subprocess.run([*OURS, "logout", "other:5000"], env=env, capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("Removing login credentials for other:5000\n", 0)
    assert '"psFormat": "{{.Names}}"' in (config / "config.json").read_text()
    assert oct((config / "config.json").stat().st_mode & 0o777) == "0o600"
    assert "YTpi" not in (config / "config.json").read_text()


def test_formats_of_the_configuration_file(web, tmp_path):
    (tmp_path / "config.json").write_text('{"psFormat": "table {{.Names}}", "imagesFormat": "{{.Repository}}", "detachKeys": "ctrl-x"}')
    env = web.environment() | {"DOCKER_CONFIG": str(tmp_path)}
    for words in (["ps"], ["images"], ["ps", "-q"]):
        ours, theirs = (subprocess.run([*client, *words], env=env, capture_output=True).stdout for client in (OURS, DOCKERS))
        assert ours == theirs


def test_a_pulled_image_is_told_of_as_docker_does(engine, docker, registry):
    name = f"{registry.name}/busybox"
    seen = []
    for client in (DOCKERS, OURS):
        answers = [run(client, engine, line) for line in (f"pull {name}", f"pull -q {name}", f"rmi {name}", f"run --rm {name} echo hi",
                                                          f"pull {name}:nope", f"rmi {name}")]
        seen.append(answers)
    # the order in which layers are reported is the engine's
    assert [[sorted(out.split("\n")), sorted(err.split("\n")), status] for out, err, status in seen[1]] == \
        [[sorted(out.split("\n")), sorted(err.split("\n")), status] for out, err, status in seen[0]]


def test_a_full_device_is_an_error(web):
    with open("/dev/full", "w") as full:
        done = subprocess.run([*OURS, "ps"], env=web.environment(), stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1 and "No space left on device" in done.stderr


def test_stats(web):
    """The figures of two moments differ; what surrounds them does not."""
    line = "stats --no-stream --format '{{.Name}} {{.ID}} {{.PIDs}}' web"
    compare(web, line)
    for out in (run(client, web, "stats --no-stream web")[0] for client in (OURS, DOCKERS)):
        header, row = out.rstrip("\n").split("\n")
        assert re.split(" {2,}", header) == ["CONTAINER ID", "NAME", "CPU %", "MEM USAGE / LIMIT", "MEM %", "NET I/O", "BLOCK I/O", "PIDS"]
        assert re.match(r"ID12 +web +[0-9.]+% +[0-9.]+\w*B / [0-9.]+\w*B +[0-9.]+% +", row)


def test_starts_quickly():
    """A start is a few milliseconds; the limit leaves room for a busy machine."""
    spans = []
    for _ in range(20):
        before = os.times()
        subprocess.run([*OURS, "--version"], stdout=subprocess.DEVNULL, check=True)
        after = os.times()
        spans.append(after.children_user + after.children_system - before.children_user - before.children_system)
    assert sorted(spans)[len(spans) // 2] <= 0.02


def test_an_engine_that_is_replaced_interrupts_nobody(own_engine, is_moby):
    """The container's shim keeps the streams; the next engine knows the exit status."""
    if is_moby:
        pytest.skip("Moby's attached clients end with it")
    engine = own_engine()
    process = subprocess.Popen([*OURS, "run", "-i", "busybox", "sh", "-c", "echo one; read line; echo $line; exit 7"],
                               env=engine.environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.readline() == b"one\n"
    engine.kill()
    process.stdin.write(b"two\n")
    process.stdin.flush()
    assert process.stdout.readline() == b"two\n"
    engine.start()
    assert process.wait(15) == 7, process.stderr.read()


class LosesAnswers:
    """Stands before an engine; of each answer to a start nothing comes through."""

    def __init__(self, path, engine):
        self.engine, self.path = engine, path
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                client = self.listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.pass_on, args=(client,), daemon=True).start()

    def pass_on(self, client):
        engine = socket.socket(socket.AF_UNIX)
        engine.connect(str(self.engine.socket))
        request = client.recv(65536)
        engine.sendall(request)
        if b"/start " in request.split(b"\r\n")[0]:
            engine.recv(1)
        else:
            threading.Thread(target=self.copy, args=(client, engine), daemon=True).start()
            self.copy(engine, client)
        client.close()

    @staticmethod
    def copy(source, target):
        try:
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # one of them has gone


def test_an_answer_that_is_lost_does_not_lose_the_container(engine, tmp_path):
    way = LosesAnswers(tmp_path / "sock", engine)
    env = engine.environment() | {"DOCKER_HOST": f"unix://{way.path}"}
    for words in (["run", "--rm"], ["run"]):
        done = subprocess.run([*OURS, *words, "busybox", "sh", "-c", "echo out; exit 7"], env=env, capture_output=True, timeout=30)
        assert (done.stdout, done.returncode) == (b"out\n", 7), done.stderr
    way.listener.close()

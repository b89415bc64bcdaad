#include "box.h"

#include "check.h"

#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "shim/protocol.h"

#define OUTPUT (SHIM_STDOUT | SHIM_STDERR)

static int setup(void **state)
{
    static struct box box;
    if (box_is_possible()) {
        *state = NULL;
        return 0;
    }
    box_open(&box);
    *state = &box;
    return 0;
}

static int teardown(void **state)
{
    if (*state)
        box_close(*state);
    return 0;
}

static struct box *box_of(void **state)
{
    if (!*state) {
        print_message("%s\n", box_is_possible());
        skip();
    }
    return *state;
}

static void check_same(const struct str *got, const struct str *want, const char *what)
{
    CHECK(got->n == want->n && memcmp(str_text(got), str_text(want), got->n) == 0,
        "%s: %zu bytes, not the %zu wanted", what, got->n, want->n);
}

/* The next frame on a client's connection, which is exactly this. */
static void check_frame(int fd, char stream, const char *want)
{
    struct error err = { 0 };
    char frame[64];
    size_t got, n = strlen(want);
    CHECK(fd_wait(fd, POLLIN, 10000), "no \"%s\"", want);
    CHECK_OK(fd_read_full(fd, frame, 8 + n, &got, &err));
    CHECK(got == 8 + n && frame[0] == stream && frame[7] == (char)n
              && memcmp(frame + 8, want, n) == 0,
        "stream %d, \"%.*s\"", frame[0], (int)n, frame + 8);
}

static void check_exit(struct box *box, int exit_code, int signal)
{
    struct error err = { 0 };
    struct shim_event event = box_event(box, SHIM_EVENT_EXIT);
    struct shim_exit record = { 0 };
    CHECK(!shim_is_alive(box->run_fd), "the lock is held");
    CHECK(event.exit.exit_code == exit_code && event.exit.signal == signal, "code %d, signal %d",
        event.exit.exit_code, event.exit.signal);
    CHECK_OK(shim_read_exit_record(box->run_fd, &record, &err));
    CHECK(record.exit_code == exit_code && record.signal == signal
              && record.finished_at_ns == event.exit.finished_at_ns,
        "record: code %d, signal %d", record.exit_code, record.signal);
}

static void output__is_complete_for_a_slow_reader(void **state)
{
    enum { N = 1 << 20 };
    struct box *box = box_of(state);
    struct error err = { 0 };
    int exit_code = 0;
    _cleanup_str_ struct str out = { 0 }, errors = { 0 }, want = { 0 }, logged = { 0 };
    box_spawn(box);
    CHECK_OK(box_create(box, (struct box_options){ .args = "\"flood\",\"1048576\"" }, &exit_code,
        &err));
    int client = box_attach(box, OUTPUT), fast = box_attach(box, SHIM_STDERR);
    box_start(box);
    poll(NULL, 0, 300); /* nobody reads: the payload stands still, nothing is thrown away */
    CHECK(!fd_wait(box->events.fd, POLLIN, 0), "it did not wait for its reader");
    pid_t reader = fork();
    if (reader == 0) {
        read_frames(fast, NULL, NULL);
        _exit(0);
    }
    flood_text(N, &want);
    read_frames(client, &out, &errors);
    check_exit(box, 0, 0);
    check_same(&out, &want, "stdout");
    check_same(&errors, &want, "stderr");
    read_log(box, "stdout", &logged);
    check_same(&logged, &want, "log");
    close(client);
    close(fast);
    waitpid(reader, NULL, 0);
}

static void output__is_complete_when_the_client_is_slower_than_the_end(void **state)
{
    enum { N = 60000 };
    struct box *box = box_of(state);
    struct error err = { 0 };
    int exit_code = 0;
    _cleanup_str_ struct str out = { 0 }, want = { 0 };
    box_spawn(box);
    CHECK_OK(box_create(box, (struct box_options){ .args = "\"flood\",\"60000\"" }, &exit_code,
        &err));
    int client = box_attach(box, OUTPUT);
    setsockopt(client, SOL_SOCKET, SO_RCVBUF, &(int){ 4096 }, sizeof(int));
    box_start(box);
    check_exit(box, 0, 0); /* told at once, whatever the client does */
    flood_text(N, &want);
    read_frames(client, &out, NULL);
    check_same(&out, &want, "stdout");
    CHECK(!fd_wait(box->conn.pidfd, POLLIN, 0), "it did not wait for its client to close");
    close(client);
    CHECK(fd_wait(box->conn.pidfd, POLLIN, 1000), "the shim goes on without clients");
}

static void stdin__ends_with_its_first_client(void **state)
{
    struct box *box = box_of(state);
    struct error err = { 0 };
    int exit_code = 0;
    _cleanup_str_ struct str out = { 0 }, want = { 0 };
    box_spawn(box);
    CHECK_OK(box_create(box,
        (struct box_options){ .args = "\"cat\"", .stdin_open = true, .stdin_once = true },
        &exit_code, &err));
    int client = box_attach(box, OUTPUT | SHIM_STDIN);
    box_start(box);
    flood_text(300000, &want);
    pid_t writer = fork();
    if (writer == 0) {
        int rc = fd_write_all(client, want.p, want.n, &err);
        shutdown(client, SHUT_WR);
        _exit(rc < 0);
    }
    read_frames(client, &out, NULL);
    waitpid(writer, NULL, 0);
    str_add(&want, "the end\n");
    check_same(&out, &want, "stdout");
    check_exit(box, 0, 0);
    close(client);
}

static void stdin__stays_open_without_stdin_once(void **state)
{
    struct box *box = box_of(state);
    _cleanup_str_ struct str out = { 0 };
    box_run(box, (struct box_options){ .args = "\"cat\"", .stdin_open = true });
    int first = box_attach(box, OUTPUT | SHIM_STDIN);
    assert_int_equal(write(first, "one\n", 4), 4);
    check_frame(first, 1, "one\n");
    shutdown(first, SHUT_WR);
    read_frames(first, NULL, NULL); /* and Docker ends its output with it */
    close(first);
    int second = box_attach(box, OUTPUT | SHIM_STDIN);
    assert_int_equal(write(second, "two\n", 4), 4);
    check_frame(second, 1, "two\n");
    close(second);
}

static void terminal__resizes_and_detaches(void **state)
{
    struct box *box = box_of(state);
    struct error err = { 0 };
    _cleanup_str_ struct str got = { 0 }, rest = { 0 };
    box_run(box,
        (struct box_options){
            .args = "\"terminal\"", .terminal = true, .stdin_open = true, .stdin_once = true });
    int client = box_attach(box, OUTPUT | SHIM_STDIN);
    CHECK_OK(shim_resize(&box->conn, NULL, 33, 101, &err));
    read_until(client, "33 x 101\r\n", &got);
    assert_int_equal(write(client, "hi\n", 3), 3);
    read_until(client, "line: hi\r\n", &got);
    assert_int_equal(write(client, "x\x10", 2), 2);
    assert_int_equal(write(client, "\x11never", 6), 6);
    struct shim_event event = box_event(box, SHIM_EVENT_DETACHED);
    CHECK(!event.exec_id[0], "of exec %s", event.exec_id);
    char byte[16];
    while (read(client, byte, sizeof byte) > 0)
        ;
    close(client);
    int again = box_attach(box, OUTPUT | SHIM_STDIN); /* detaching is not the end of stdin */
    assert_int_equal(write(again, "y\n", 2), 2);
    read_until(again, "line: xy\r\n", &rest);
    CHECK_OK(shim_signal(&box->conn, NULL, SIGTERM, &err));
    check_exit(box, 0, 0);
    close(again);
}

static void exec__has_its_own_streams_and_status(void **state)
{
    struct box *box = box_of(state);
    struct error err = { 0 };
    int exit_code = 0;
    _cleanup_str_ struct str out = { 0 }, got = { 0 };
    box_run(box, (struct box_options){ .args = "\"linger\"" });
    int client =
        box_exec(box, "e1", "\"/payload\",\"say\",\"a\",\"b\"", false, OUTPUT, &exit_code, &err);
    CHECK(client >= 0, "%s", err.text);
    char greeting[7];
    size_t n;
    CHECK_OK(fd_read_full(client, greeting, sizeof greeting, &n, &err));
    CHECK(memcmp(greeting, "hello\r\n", 7) == 0, "greeting \"%.7s\"", greeting);
    read_frames(client, &out, NULL);
    CHECK(strcmp(str_text(&out), "a\nb\n") == 0, "\"%s\"", str_text(&out));
    struct shim_event event = box_event(box, SHIM_EVENT_EXEC_EXIT);
    CHECK(strcmp(event.exec_id, "e1") == 0 && event.exit_code == 0, "%s: %d", event.exec_id,
        event.exit_code);
    close(client);

    client = box_exec(box, "e2", "\"payload\",\"leave\",\"5\"", false, OUTPUT, &exit_code, &err);
    CHECK(client >= 0, "%s", err.text);
    event = box_event(box, SHIM_EVENT_EXEC_EXIT);
    CHECK(event.exit_code == 5, "exit code %d", event.exit_code);
    close(client);

    CHECK_FAILS(box_exec(box, "e3", "\"nothing\"", false, OUTPUT, &exit_code, &err),
        ERROR_NOT_FOUND, "nothing");
    CHECK(exit_code == 127, "exit code %d", exit_code);

    client = box_exec(box, "e4", "\"/payload\",\"terminal\"", true, OUTPUT | SHIM_STDIN, &exit_code,
        &err);
    CHECK(client >= 0, "%s", err.text);
    CHECK_OK(shim_resize(&box->conn, "e4", 10, 20, &err));
    read_until(client, "10 x 20\r\n", &got);
    struct shim_state now;
    CHECK_OK(shim_get_state(&box->conn, &now, &err));
    CHECK(now.started && now.exec_count == 3 && now.created.pid == box->created.pid, "%zu execs",
        now.exec_count);
    shim_state_done(&now);
    CHECK_OK(shim_signal(&box->conn, "e4", SIGKILL, &err));
    event = box_event(box, SHIM_EVENT_EXEC_EXIT);
    CHECK(event.exit_code == 137, "exit code %d", event.exit_code);
    CHECK_OK(shim_exec_forget(&box->conn, "e4", &err));
    CHECK_FAILS(shim_exec_forget(&box->conn, "e4", &err), ERROR_NOT_FOUND, "e4");
    CHECK_FAILS(shim_signal(&box->conn, "e1", SIGTERM, &err), ERROR_CONFLICT, "has ended");
    close(client);
}

static void create__says_what_cannot_be_run(void **state)
{
    struct box *box = box_of(state);
    struct error err = { 0 };
    int exit_code = 0;
    char name[] = "payload";
    box_spawn(box);
    unlinkat(box->root_fd, name, 0);
    CHECK_FAILS(box_create(box, (struct box_options){ .args = "\"x\"" }, &exit_code, &err),
        ERROR_NOT_FOUND, "/payload");
    CHECK(exit_code == 127, "exit code %d", exit_code);
    CHECK(!shim_is_alive(box->run_fd), "the shim holds its lock");
    CHECK(fd_wait(box->conn.pidfd, POLLIN, 5000), "the shim goes on");
}

/* The engine of the others is this process; here it is a child, killed while a client is attached. */
static void container__outlives_its_engine(void **state)
{
    struct box *box = box_of(state);
    struct error err = { 0 };
    int pair[2], told[2], exit_code = 0;
    _cleanup_str_ struct str before = { 0 }, logged = { 0 };
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_int_equal(pipe(told), 0);
    pid_t engine = fork();
    if (engine == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        box_run(box, (struct box_options){ .args = "\"count\"" });
        struct shim_client client = { .fd = pair[1], .streams = OUTPUT };
        CHECK_OK(shim_attach(&box->conn, &client, &err));
        assert_int_equal(write(told[1], "x", 1), 1);
        pause();
    }
    char byte;
    assert_int_equal(read(told[0], &byte, 1), 1);
    close(told[0]);
    close(told[1]);
    close(pair[1]);
    CHECK(fd_wait(pair[0], POLLIN, 10000), "no output");
    kill(engine, SIGKILL);
    waitpid(engine, NULL, 0);

    CHECK(shim_is_alive(box->run_fd), "the shim died with its engine");
    CHECK_OK(shim_connect(box->run_fd, &box->conn, &err));
    CHECK_OK(shim_connect(box->run_fd, &box->events, &err));
    CHECK_OK(shim_watch(&box->events, &err));
    struct shim_state now;
    CHECK_OK(shim_get_state(&box->conn, &now, &err));
    CHECK(now.started && now.started_at_ns > 0 && now.created.root_fd >= 0, "state");
    CHECK(faccessat(now.created.root_fd, "payload", F_OK, 0) == 0, "not the container's root");
    shim_state_done(&now);
    int second = box_attach(box, OUTPUT);
    int client =
        box_exec(box, "later", "\"/payload\",\"say\",\"x\"", false, OUTPUT, &exit_code, &err);
    CHECK(client >= 0, "%s", err.text);
    box_event(box, SHIM_EVENT_EXEC_EXIT);
    CHECK(fd_wait(second, POLLIN, 10000), "no output");
    CHECK_OK(shim_signal(&box->conn, NULL, SIGTERM, &err));
    check_exit(box, 0, 0);

    read_log(box, NULL, &logged);
    read_frames(pair[0], &before, NULL);
    CHECK(before.n && str_ends(str_text(&logged), str_text(&before)),
        "the first client has\n%s\nof\n%s", str_text(&before), str_text(&logged));
    int line = 0;
    for (const char *p = str_text(&logged); *p; p = strchr(p, '\n') + 1, line++)
        CHECK(strtol(p, NULL, 10) == line, "line %d of the log is %.6s", line, p);
    CHECK(line >= 2, "%d lines", line);
    close(second);
    close(client);
    close(pair[0]);
}

static void shim__that_is_killed_frees_the_lock(void **state)
{
    struct box *box = box_of(state);
    struct error err = { 0 };
    struct shim_event event;
    struct shim_exit record;
    box_run(box, (struct box_options){ .args = "\"linger\"" });
    kill(box->shim_pid, SIGTERM); /* is nothing to it */
    poll(NULL, 0, 50);
    CHECK(shim_is_alive(box->run_fd), "SIGTERM ended it");
    kill(box->shim_pid, SIGKILL);
    CHECK_FAILS(shim_next_event(&box->events, &event, &err), ERROR_UNAVAILABLE, "shim");
    CHECK(fd_wait(box->conn.pidfd, POLLIN, 5000), "it goes on");
    CHECK(!shim_is_alive(box->run_fd), "its lock is held");
    CHECK_FAILS(shim_read_exit_record(box->run_fd, &record, &err), ERROR_NOT_FOUND, "exit.json");
    CHECK_FAILS(shim_connect(box->run_fd, &box->events, &err), ERROR_NOT_FOUND, "no shim");
}

static void shim__refuses_a_second_one(void **state)
{
    struct box *box = box_of(state);
    struct error err = { 0 };
    int exit_code = 0;
    box_run(box, (struct box_options){ .args = "\"linger\"" });
    struct shim_conn first = box->conn;
    box_spawn(box);
    CHECK_FAILS(box_create(box, (struct box_options){ .args = "\"x\"" }, &exit_code, &err),
        ERROR_CONFLICT, "another shim");
    shim_close(&box->conn);
    box->conn = first;
}

static void shim__refuses_unknown_commands_by_name(void **state)
{
    struct box *box = box_of(state);
    struct error err = { 0 };
    char *buffer = malloc(SHIM_MESSAGE_MAX);
    box_run(box, (struct box_options){ .args = "\"linger\"" });
    struct shim_request request = { .command = "fly" };
    struct shim_reply reply = { 0 };
    struct shim_packet packet = { 0 };
    CHECK_OK(shim_message_send(box->conn.fd, &shim_request_schema, &request, NULL, 0, NULL, 0,
        &err));
    CHECK_OK(shim_message_receive(box->conn.fd, buffer, &shim_reply_schema, &reply, &packet, &err));
    CHECK(reply.kind == ERROR_UNSUPPORTED && strstr(reply.text, "\"fly\""), "%s", reply.text);
    schema_done(&shim_reply_schema, &reply);
    free(buffer);
}

static void shim__is_small(void **state)
{
    struct box *box = box_of(state);
    struct error err = { 0 };
    int exit_code = 0;
    int64_t t0 = clock_now_ns(), started_at_ns;
    box_spawn(box);
    CHECK_OK(box_create(box, (struct box_options){ .args = "\"flood\",\"100000\"" }, &exit_code,
        &err));
    int64_t t1 = clock_now_ns();
    CHECK_OK(shim_start(&box->conn, &started_at_ns, &exit_code, &err));
    int64_t t2 = clock_now_ns();
    shim_close(&box->conn);
    box_close(box);
    box_open(box);
    box_run(box, (struct box_options){ .args = "\"linger\"" });
    int client =
        box_exec(box, "e", "\"/payload\",\"flood\",\"200000\"", false, OUTPUT, &exit_code, &err);
    CHECK(client >= 0, "%s", err.text);
    char greeting[7];
    size_t got;
    CHECK_OK(fd_read_full(client, greeting, sizeof greeting, &got, &err));
    read_frames(client, NULL, NULL);
    close(client);
    box_event(box, SHIM_EVENT_EXEC_EXIT);
    poll(NULL, 0, 2500); /* it gives back what it does not use */
    long kb = private_kb(box->shim_pid);
    print_message("# private memory %ld KB; create %.2f ms, start %.2f ms\n", kb,
        (double)(t1 - t0) / 1e6, (double)(t2 - t1) / 1e6);
#ifndef __SANITIZE_ADDRESS__
    CHECK(kb <= 150, "%ld KB of private memory", kb);
#endif
}

static int host_socket(int type, struct sockaddr_in *at)
{
    socklen_t size = sizeof *at;
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    *at = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    assert_int_equal(bind(fd, (struct sockaddr *)at, sizeof *at), 0);
    if (type == SOCK_STREAM)
        assert_int_equal(listen(fd, 10), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)at, &size), 0);
    return fd;
}

/* The port is bound here, relayed by the shim, and answered by the payload on another one. */
static void check_port(struct box *box, const char *name, int type, int protocol)
{
    struct error err = { 0 };
    struct sockaddr_in inside, outside;
    char args[64];
    _cleanup_str_ struct str got = { 0 };
    int probe = host_socket(type, &inside);
    close(probe);
    snprintf(args, sizeof args, "\"echo\",\"%s\",\"%d\"", name, ntohs(inside.sin_port));
    box_run(box, (struct box_options){ .args = args });
    struct shim_port port = {
        .fd = host_socket(type, &outside), .protocol = protocol, .target.in = inside
    };
    CHECK_OK(shim_set_ports(&box->conn, &port, 1, &err));
    close(port.fd);
    for (int tries = 0; tries < 100; tries++) {
        _cleanup_str_ struct str log = { 0 };
        read_log(box, NULL, &log);
        if (log.n)
            break;
        poll(NULL, 0, 20);
    }
    for (int i = 0; i < 3; i++) {
        int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(fd, (struct sockaddr *)&outside, sizeof outside), 0);
        assert_int_equal(write(fd, "what is it?", 11), 11);
        if (type == SOCK_STREAM)
            shutdown(fd, SHUT_WR);
        str_reset(&got);
        read_until(fd, "WHAT IS IT?", &got);
        char byte;
        if (type == SOCK_STREAM)
            CHECK(read(fd, &byte, 1) == 0, "no end after the answer");
        close(fd);
    }
}

static void port__relays_tcp(void **state)
{
    check_port(box_of(state), "tcp", SOCK_STREAM, IPPROTO_TCP);
}

static void port__relays_udp(void **state)
{
    check_port(box_of(state), "udp", SOCK_DGRAM, IPPROTO_UDP);
}

#define BOX_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOX_TEST(output__is_complete_for_a_slow_reader),
        BOX_TEST(output__is_complete_when_the_client_is_slower_than_the_end),
        BOX_TEST(stdin__ends_with_its_first_client),
        BOX_TEST(stdin__stays_open_without_stdin_once),
        BOX_TEST(terminal__resizes_and_detaches),
        BOX_TEST(exec__has_its_own_streams_and_status),
        BOX_TEST(create__says_what_cannot_be_run),
        BOX_TEST(container__outlives_its_engine),
        BOX_TEST(shim__that_is_killed_frees_the_lock),
        BOX_TEST(shim__refuses_a_second_one),
        BOX_TEST(shim__refuses_unknown_commands_by_name),
        BOX_TEST(shim__is_small),
        BOX_TEST(port__relays_tcp),
        BOX_TEST(port__relays_udp),
    };
    return cmocka_run_group_tests_name("shim/shim", tests, NULL, NULL);
}

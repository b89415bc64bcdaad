/* Bridges, endpoints and published ports with real packets, in network namespaces of the test's own. */
#include "check.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "network/link.h"
#include "network/netlink.h"
#include "network/network.h"

static const struct bridge bridge = { .name = "test0", .gateway = { { 0 }, 16 } };

struct space {
    int host_ns, inside_ns;
    int netlink_fd; /* made inside */
    struct bridge bridge;
    struct endpoint endpoint;
};

static int namespace_here(void)
{
    return open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
}

static void enter(int ns)
{
    CHECK(setns(ns, CLONE_NEWNET) == 0, "setns: %m");
}

static int space_make(void **state)
{
    struct space *space = calloc(1, sizeof *space);
    struct error err;
    if (unshare(CLONE_NEWNET) < 0) {
        free(space);
        return 0; /* the tests skip */
    }
    space->inside_ns = namespace_here();
    space->netlink_fd = netlink_open(NETLINK_ROUTE, &err);
    unshare(CLONE_NEWNET);
    space->host_ns = namespace_here();
    space->bridge = bridge;
    inet_pton(AF_INET, "10.77.0.1", &space->bridge.gateway.address);
    struct endpoint *e = &space->endpoint;
    *e = (struct endpoint){ .host_name = "vethtest",
        .name = "eth0",
        .prefix = 16,
        .gateway = space->bridge.gateway.address };
    inet_pton(AF_INET, "10.77.0.2", &e->address);
    endpoint_mac(e->address, e->mac);
    *state = space;
    return 0;
}

static int space_remove(void **state)
{
    struct space *space = *state;
    if (space) {
        close(space->host_ns);
        close(space->inside_ns);
        close(space->netlink_fd);
    }
    free(space);
    return 0;
}

static struct space *space_of(void **state)
{
    if (!*state)
        skip(); /* no CAP_SYS_ADMIN */
    return *state;
}

static void attach(struct space *space)
{
    struct error err;
    CHECK_OK(bridge_ensure(&space->bridge, &err));
    CHECK_OK(endpoint_attach(&space->bridge, &space->endpoint, space->netlink_fd, &err));
}

/* A TCP server inside on this port. */
static int listen_inside(struct space *space, uint16_t port)
{
    struct error err;
    enter(space->inside_ns);
    int fd = port_listen("", &port, PORT_PROTO_TCP, &err);
    enter(space->host_ns);
    CHECK(fd >= 0, "%s", err.text);
    CHECK_OK(fd_set_nonblock(fd, false, &err));
    return fd;
}

static int connect_to(const char *address, uint16_t port)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
    struct timeval limit = { .tv_sec = 2 };
    inet_pton(AF_INET, address, &to.sin_addr);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
        return fd;
    close(fd);
    return -1;
}

static void endpoint_attach__gives_address_and_route(void **state)
{
    struct space *space = space_of(state);
    struct subnet found;
    struct error err;
    int index = 0;
    attach(space);
    CHECK_OK(link_find(space->netlink_fd, "eth0", &index, &err));
    CHECK(link_address(space->netlink_fd, index, &found, &err) == 1 && found.prefix == 16
              && found.address.s_addr == space->endpoint.address.s_addr,
        "prefix %u", found.prefix);
    int server = listen_inside(space, 80);
    int client = connect_to("10.77.0.2", 80);
    CHECK(client >= 0, "connect over the bridge: %m");
    close(client);
    close(server);
}

static void endpoint_attach__leaves_nothing_when_it_fails(void **state)
{
    struct space *space = space_of(state);
    struct error err;
    CHECK_OK(bridge_ensure(&space->bridge, &err));
    inet_pton(AF_INET, "10.99.0.1",
        &space->endpoint.gateway); /* not reachable: the route is refused */
    CHECK_FAILS(endpoint_attach(&space->bridge, &space->endpoint, space->netlink_fd, &err),
        ERROR_UNAVAILABLE, "default route");
    CHECK(link_index("vethtest") == 0, "the veth pair is still there");
}

static void bridge_ensure__may_be_called_again(void **state)
{
    struct space *space = space_of(state);
    struct error err;
    struct subnet chosen;
    CHECK_OK(bridge_ensure(&space->bridge, &err));
    CHECK_OK(bridge_ensure(&space->bridge, &err));
    CHECK_OK(bridge_choose_subnet("test0", NULL, 0, &chosen, &err));
    CHECK(chosen.address.s_addr == space->bridge.gateway.address.s_addr,
        "the address of an existing bridge is kept");
    CHECK_OK(bridge_remove("test0", &err));
    CHECK_OK(bridge_remove("test0", &err));
}

static void bridge_choose_subnet__avoids_routes_and_taken(void **state)
{
    struct space *space = space_of(state);
    struct error err;
    struct subnet chosen, taken;
    char text[SUBNET_TEXT_SIZE];
    CHECK_OK(subnet_parse("172.17.5.1/24", &space->bridge.gateway, &err));
    CHECK_OK(bridge_ensure(&space->bridge, &err));
    CHECK_OK(subnet_parse("172.18.0.1/16", &taken, &err));
    CHECK_OK(bridge_choose_subnet("other0", &taken, 1, &chosen, &err));
    CHECK(strcmp(subnet_format(&chosen, text), "172.19.0.1/16") == 0, "chose %s", text);
}

static void firewall_publish__reaches_the_container(void **state)
{
    struct space *space = space_of(state);
    struct error err;
    attach(space);
    struct published_port ports[] = {
        { .host_port = 8080,
            .protocol = PORT_PROTO_TCP,
            .address = space->endpoint.address,
            .port = 80 },
        { .host_address = space->bridge.gateway.address,
            .host_port = 8081,
            .protocol = PORT_PROTO_TCP,
            .address = space->endpoint.address,
            .port = 80 },
    };
    struct firewall firewall = {
        .table = "paddock-test", .bridges = &space->bridge, .bridge_count = 1
    };
    CHECK_OK(firewall_apply(&firewall, &err));
    int server = listen_inside(space, 80);
    CHECK(connect_to("10.77.0.1", 8080) < 0, "not published yet");
    CHECK_OK(firewall_publish("paddock-test", ports, 2, &err));
    CHECK_FAILS(firewall_publish("paddock-test", ports, 1, &err), ERROR_CONFLICT, "publish");
    for (uint16_t port = 8080; port <= 8081; port++) {
        int client = connect_to("10.77.0.1", port);
        CHECK(client >= 0, "published port %u: %m", port);
        close(client);
    }
    enter(space->inside_ns); /* hairpin: the container reaches itself through the host */
    int hairpin = connect_to("10.77.0.1", 8080);
    enter(space->host_ns);
    CHECK(hairpin >= 0, "hairpin: %m");
    close(hairpin);
    CHECK_OK(firewall_unpublish("paddock-test", ports, 2, &err));
    CHECK(connect_to("10.77.0.1", 8080) < 0, "still published");
    firewall.ports = ports; /* a new engine takes over: everything in one transaction */
    firewall.port_count = 2;
    CHECK_OK(firewall_apply(&firewall, &err));
    CHECK_OK(firewall_apply(&firewall, &err));
    int client = connect_to("10.77.0.1", 8081);
    CHECK(client >= 0, "applied again: %m");
    close(client);
    close(server);
}

static void firewall_lost__sees_a_flush(void **state)
{
    struct space *space = space_of(state);
    struct error err;
    struct firewall firewall = {
        .table = "paddock-test", .bridges = &space->bridge, .bridge_count = 1
    };
    CHECK_OK(firewall_apply(&firewall, &err));
    _cleanup_close_ int watch = firewall_watch(&err);
    CHECK(watch >= 0, "%s", err.text);
    CHECK(!firewall_lost(watch, "paddock-test"), "the table is there");
    CHECK_OK(firewall_remove("paddock-test", &err));
    CHECK(firewall_lost(watch, "paddock-test"), "the table is gone");
}

static void port_listen__names_the_port_in_use(void **state)
{
    space_of(state);
    struct error err;
    uint16_t port = 0;
    _cleanup_close_ int first = port_listen("", &port, PORT_PROTO_TCP, &err);
    CHECK(first >= 0 && port, "%s", err.text);
    CHECK_FAILS(port_listen("", &port, PORT_PROTO_TCP, &err), ERROR_CONFLICT,
        "port is already allocated");
    CHECK_FAILS(port_listen("nowhere", &port, PORT_PROTO_TCP, &err), ERROR_INVALID,
        "not an address");
}

#define IN_SPACE(test) cmocka_unit_test_setup_teardown(test, space_make, space_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_SPACE(endpoint_attach__gives_address_and_route),
        IN_SPACE(endpoint_attach__leaves_nothing_when_it_fails),
        IN_SPACE(bridge_ensure__may_be_called_again),
        IN_SPACE(bridge_choose_subnet__avoids_routes_and_taken),
        IN_SPACE(firewall_publish__reaches_the_container),
        IN_SPACE(firewall_lost__sees_a_flush),
        IN_SPACE(port_listen__names_the_port_in_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

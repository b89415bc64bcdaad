#include "netconf/netconf.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/spawn.h"
#include "base/syscalls.h"
#include "boot/boot.h"
#include "config/config.h"
#include "netconf/leases.h"
#include "network/network.h"

#define DHCPCD "/usr/sbin/dhcpcd"
#define EVENT_PROGRAM NETCONF_RUN_DIR "/dhcp-event"
#define RESTART_DELAY_NS INT64_C(2000000000)
#define STOP_TIMEOUT_MS 5000
#define COMMAND_TIMEOUT_MS 60000

struct netconf {
    struct loop loop;
    struct loop_source signals, links, dhcpcd, timer;
    json *config;
    char **configured; /* names of links that have been dealt with */
    char **dhcp;       /* those that want DHCP */
    int dhcpcd_fd;     /* pidfd; -1: does not run */
};

/* ---- one link ---- */

static void run_commands(const json *entry, const char *key, const char *subject)
{
    const json *commands = json_get(entry, key);
    for (size_t i = 0; i < json_count(commands); i++) {
        struct error err = { 0 };
        char *const argv[] = { (char *)"/bin/sh", (char *)"-c",
            (char *)json_object_get_string(json_item(commands, i)), NULL };
        if (spawn_run(argv, COMMAND_TIMEOUT_MS, &err) < 0)
            log_error("%s: %s[%zu]: %s", subject, key, i, err.text);
    }
}

static int add_addresses(const json *entry, int index, struct error *err)
{
    const char *one = json_str(entry, "address", "");
    const json *more = json_get(entry, "addresses");
    if (*one && host_link_address(index, one, err) < 0)
        return -1;
    for (size_t i = 0; i < json_count(more); i++)
        if (host_link_address(index, json_object_get_string(json_item(more, i)), err) < 0)
            return -1;
    return 0;
}

static int add_routes(const json *entry, int index, struct error *err)
{
    static const char *const keys[] = { "gateway", "gateway_ipv6" };
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        const char *gateway = json_str(entry, keys[i], "");
        if (*gateway && host_default_route(index, gateway, err) < 0)
            return -1;
    }
    return 0;
}

static int configure_static(const json *entry, const struct host_link *link, struct error *err)
{
    int64_t mtu = json_i64(entry, "mtu", 0);
    if (mtu && host_link_mtu(link->index, (unsigned)mtu, err) < 0)
        return -1;
    if (add_addresses(entry, link->index, err) < 0 || host_link_up(link->index, err) < 0)
        return -1;
    return add_routes(entry, link->index, err);
}

static void configure_link(struct netconf *netconf, const struct host_link *link)
{
    struct error err = { 0 };
    const char *key = NULL;
    if (link->loopback) {
        if (host_link_up(link->index, &err) < 0)
            log_error("link %s: %s", link->name, err.text);
        return;
    }
    const json *entry = netconf_match(netconf->config, link->name, link->mac, &key);
    if (!entry
        || (link->made
            && strcmp(json_str(entry, "match", key), link->name)
                   != 0)) /* patterns are for devices */
        return;
    run_commands(entry, "pre_up", link->name);
    if (configure_static(entry, link, &err) < 0)
        log_error("link %s: %s", link->name, err.text);
    if (json_flag(entry, "dhcp", false))
        strv_add(&netconf->dhcp, link->name);
    run_commands(entry, "post_up", link->name);
}

/* Deals with the links that are new; true when one of them wants DHCP. */
static bool configure_new_links(struct netconf *netconf)
{
    struct host_link *links = NULL;
    size_t count = 0, before = strv_len(netconf->dhcp);
    struct error err = { 0 };
    if (host_links(&links, &count, &err) < 0)
        log_error("%s", err.text);
    for (size_t i = 0; i < count; i++)
        if (!strv_has(netconf->configured, links[i].name)) {
            strv_add(&netconf->configured, links[i].name);
            configure_link(netconf, &links[i]);
        }
    free(links);
    return strv_len(netconf->dhcp) > before;
}

/* ---- dhcpcd ---- */

static void on_dhcpcd_exit(struct loop *loop, struct loop_source *source, uint32_t events);

static void dhcpcd_start(struct netconf *netconf)
{
    struct error err = { 0 };
    int64_t timeout_s = config_i64(netconf->config, "rancher.network.dhcp_timeout", 10);
    _cleanup_strv_ char **argv =
        strv_split(DHCPCD " --nobackground --quiet --script " EVENT_PROGRAM, ' ');
    strv_addf(&argv, "--timeout=%d", (int)timeout_s);
    for (char **name = netconf->dhcp; *name; name++)
        strv_addf(&argv, "--allowinterfaces=%s", *name);
    for (char **name = netconf->dhcp; *name; name++)
        strv_add(&argv, *name);
    struct spawn spawn = { .path = DHCPCD, .argv = argv, .cgroup_fd = -1 };
    netconf->dhcpcd_fd = spawn_process(&spawn, NULL, &err);
    if (netconf->dhcpcd_fd < 0
        || loop_add(&netconf->loop, &netconf->dhcpcd, netconf->dhcpcd_fd, EPOLLIN, on_dhcpcd_exit,
               &err)
               < 0)
        log_error("DHCP: %s", err.text);
}

static void dhcpcd_reap(struct netconf *netconf)
{
    struct error err = { 0 };
    loop_remove(&netconf->loop, &netconf->dhcpcd);
    if (spawn_wait(netconf->dhcpcd_fd, STOP_TIMEOUT_MS, &err) < 0) {
        pidfd_send_signal(netconf->dhcpcd_fd, SIGKILL, NULL, 0);
        if (spawn_wait(netconf->dhcpcd_fd, -1, &err) < 0)
            log_warn("dhcpcd: %s", err.text);
    }
    close(netconf->dhcpcd_fd);
    netconf->dhcpcd_fd = -1;
}

static void on_dhcpcd_exit(struct loop *loop, struct loop_source *source, uint32_t events)
{
    struct netconf *netconf = CONTAINER_OF(source, struct netconf, dhcpcd);
    log_warn("dhcpcd has ended; it is started again");
    dhcpcd_reap(netconf);
    loop_timer_set(netconf->timer.fd, RESTART_DELAY_NS);
}

static void dhcpcd_stop(struct netconf *netconf)
{
    if (netconf->dhcpcd_fd < 0)
        return;
    pidfd_send_signal(netconf->dhcpcd_fd, SIGTERM, NULL, 0);
    dhcpcd_reap(netconf);
}

static void on_timer(struct loop *loop, struct loop_source *source, uint32_t events)
{
    struct netconf *netconf = CONTAINER_OF(source, struct netconf, timer);
    uint64_t times;
    if (read(source->fd, &times, sizeof times) > 0 && netconf->dhcpcd_fd < 0)
        dhcpcd_start(netconf);
}

/* ---- the service ---- */

static void on_links(struct loop *loop, struct loop_source *source, uint32_t events)
{
    struct netconf *netconf = CONTAINER_OF(source, struct netconf, links);
    host_links_drain(source->fd);
    if (configure_new_links(netconf)) { /* with one more link on its command line */
        dhcpcd_stop(netconf);
        dhcpcd_start(netconf);
    }
}

static void on_signal(struct loop *loop, struct loop_source *source, uint32_t events)
{
    struct signalfd_siginfo info;
    if (read(source->fd, &info, sizeof info) == sizeof info)
        loop->stop = true;
}

/* dhcpcd runs a program without arguments: our own, by the name that says which. */
static int link_event_program(struct error *err)
{
    _cleanup_close_ int dir_fd = dir_make_all(NETCONF_RUN_DIR, 0755, err);
    if (dir_fd < 0)
        return -1;
    if (symlinkat("/usr/bin/ros", dir_fd, path_base(EVENT_PROGRAM)) < 0 && errno != EEXIST)
        return error_sys(err, "link %s", EVENT_PROGRAM);
    return 0;
}

static int watch_everything(struct netconf *netconf, struct error *err)
{
    static const int signals[] = { SIGTERM, SIGINT, 0 };
    int signal_fd = loop_signalfd(signals, err), links_fd = host_links_watch(err),
        timer_fd = loop_timerfd(err);
    if (signal_fd < 0 || links_fd < 0 || timer_fd < 0 || loop_init(&netconf->loop, err) < 0)
        return -1;
    if (loop_add(&netconf->loop, &netconf->signals, signal_fd, EPOLLIN, on_signal, err) < 0
        || loop_add(&netconf->loop, &netconf->links, links_fd, EPOLLIN, on_links, err) < 0)
        return -1;
    return loop_add(&netconf->loop, &netconf->timer, timer_fd, EPOLLIN, on_timer, err);
}

static int run(struct netconf *netconf, struct error *err)
{
    const json *network = config_get(netconf->config, "rancher.network");
    if (watch_everything(netconf, err) < 0 || link_event_program(err) < 0)
        return -1;
    boot_load_network_drivers(); /* with watch_everything before: no link is missed */
    run_commands(network, "pre_cmds", "network");
    if (leases_apply(netconf->config, err) < 0)
        log_error("%s", err->text);
    if (configure_new_links(netconf))
        dhcpcd_start(netconf);
    run_commands(network, "post_cmds", "network");
    int rc = loop_run(&netconf->loop, err);
    dhcpcd_stop(netconf);
    return rc;
}

int netconf_main(int argc, char **argv)
{
    struct error err = { 0 };
    _cleanup_strv_ char **warnings = NULL;
    struct netconf netconf = { .dhcpcd_fd = -1,
        .dhcp = xcalloc(1, sizeof(char *)),
        .configured = xcalloc(1, sizeof(char *)) };
    log_init("netconf", LOG_LEVEL_INFO);
    int rc = config_load(NULL, &netconf.config, &warnings, &err) < 0 ? -1 : run(&netconf, &err);
    if (rc < 0)
        log_error("%s", err.text);
    json_object_put(netconf.config);
    strv_free(netconf.dhcp);
    strv_free(netconf.configured);
    return rc < 0;
}

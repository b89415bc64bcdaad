#include "service/up.h"

#include <fcntl.h>
#include <time.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/str.h"
#include "config/config.h"

#define PULL_PATIENCE_NS 10000000000LL

static void warn(const char *text)
{
    log_warn("%s", text);
}

/* Names of hosts are known a moment later than the way to them. */
static int pull(struct client *client, const char *name, struct error *err)
{
    int64_t deadline_ns = clock_now_ns() + PULL_PATIENCE_NS;
    while (client_image_pull(client, name, NULL, err) < 0) {
        if (err->kind != ERROR_UNAVAILABLE || clock_left_ms(deadline_ns) == 0)
            return error_prefix(err, "pull %s", name);
        nanosleep(&(struct timespec){ .tv_sec = 1 }, NULL);
    }
    return 0;
}

/* The image's id; what is not there is pulled, from rancher.environment's REGISTRY_DOMAIN when it has one. */
static int find_image(struct client *client, const char *name, const json *config, json **image,
    struct error *err)
{
    if (client_image_inspect(client, name, image, err) == 0)
        return 0;
    if (err->kind != ERROR_NOT_FOUND)
        return -1;
    const char *domain = config_str(config, "rancher.environment.REGISTRY_DOMAIN", "");
    _cleanup_free_ char *full = domain[0] ? xasprintf("%s/%s", domain, name) : xstrdup(name);
    log_info("pulling %s", full);
    if (pull(client, full, err) < 0)
        return -1;
    return client_image_inspect(client, full, image, err);
}

/* Whether the container is as its definition and image want it. */
static bool is_current(const json *container, const json *image, const json *body)
{
    json *labels = json_at(container, "Config.Labels");
    return str_eq(json_str(labels, SERVICE_HASH_LABEL, NULL),
               json_str(json_get(body, "Labels"), SERVICE_HASH_LABEL, ""))
           && str_eq(json_str(container, "Image", NULL), json_str(image, "Id", ""));
}

static int create(struct client *client, const struct service *service, const json *body, char **id,
    struct error *err)
{
    if (service->system)
        up_make_sources(body);
    return client_container_create(client, service->name, body, warn, id, err);
}

/* There is a container of this name: kept, kept with a warning, or replaced. */
static int renew(struct client *client, const struct service *service, const json *config,
    const json *container, const json *body, char **id, struct error *err)
{
    const char *old = json_str(container, "Id", "");
    _cleanup_json_ json *image = NULL;
    if (find_image(client, json_str(body, "Image", ""), config, &image, err) < 0)
        return -1;
    bool forced = str_eq(service->name, "console")
                  && config_bool(config, "rancher.force_console_rebuild", false);
    if (!forced && is_current(container, image, body)) {
        *id = xstrdup(old);
        return 0;
    }
    if (!forced && str_eq(service->rebuild, "false")) {
        log_warn("%s needs rebuilding", service->name);
        *id = xstrdup(old);
        return 0;
    }
    log_info("service %s: its definition or image has changed; made again", service->name);
    if (client_container_remove(client, old, true, false, err) < 0)
        return -1;
    return create(client, service, body, id, err);
}

int up_create(struct client *client, const struct services *services, const struct service *service,
    const json *config, char **id, struct error *err)
{
    _cleanup_json_ json *body = NULL, *container = NULL, *image = NULL;
    if (service_create_body(services, service, &body, err) < 0)
        return -1;
    if (client_container_inspect(client, service->name, &container, err) == 0)
        return renew(client, service, config, container, body, id, err);
    if (err->kind != ERROR_NOT_FOUND)
        return -1;
    if (create(client, service, body, id, err) == 0)
        return 0;
    if (err->kind != ERROR_NOT_FOUND) /* of the image */
        return -1;
    if (find_image(client, json_str(body, "Image", ""), config, &image, err) < 0)
        return -1;
    json_set_str(body, "Image", json_str(image, "Id", ""));
    return create(client, service, body, id, err);
}

int up_wait(struct client *client, const struct service *service, const char *id, struct error *err)
{
    int status = 0;
    if (service->detached)
        return 0;
    if (client_container_wait(client, id, &status, err) < 0)
        return -1;
    if (status != 0)
        return error_set(err, ERROR_INTERNAL, "ended with exit code %d", status);
    return 0;
}

void up_set_idle(const char *id, bool idle)
{
    _cleanup_free_ char *path = xasprintf("/sys/fs/cgroup/system/c/%s/cpu.idle", id);
    struct error err; /* it may have ended already */
    if (fd_write_file(AT_FDCWD, path, idle ? "1" : "0", &err) < 0)
        log_debug("%s", err.text);
}

#include "api/api.h"

#include <string.h>
#include <unistd.h>

#include "api/routes.h"
#include "api/server.h"
#include "base/log.h"
#include "base/memory.h"

#define SOCKET_MODE 0660
#define CONNECTION_LIMIT 1000
#define GRACE_MS 1000

struct api {
    struct server *server;
    struct router router;
    char **paths; /* of sockets that are removed in the end */
    pthread_t acceptor;
    bool started;
};

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)

struct api *api_new(void)
{
    struct api *api = NEW(struct api);
    api->router.routes = api_routes;
    struct server_options options = {
        .limits = { .idle_ms = 300000, .head_ms = 30000, .write_ms = 60000 },
        .connection_limit = CONNECTION_LIMIT,
        .fixed_headers =
            "Api-Version: 1." TEXT(API_NEWEST) "\r\nDocker-Experimental: false\r\n"
                                               "Ostype: linux\r\nServer: Paddock/" PADDOCK_VERSION
                                               " (linux)\r\n",
        .serve = router_serve,
        .user = &api->router,
    };
    api->server = server_new(&options);
    return api;
}

int api_use_tls(struct api *api, const char *certificate, const char *key, const char *client_ca,
    struct error *err)
{
    struct tls_files files = { certificate, key, client_ca };
    struct tls_context *tls = NULL;
    if (tls_context_new(&files, &tls, err) < 0)
        return -1;
    server_use_tls(api->server, tls); /* it lives as long as the process: relays may still use it */
    return 0;
}

int api_listen(struct api *api, const char *host, gid_t group, struct error *err)
{
    if (server_listen(api->server, host, SOCKET_MODE, group, err) < 0)
        return -1;
    if (str_starts(host, "unix://"))
        strv_add(&api->paths, host + strlen("unix://"));
    return 0;
}

static void *acceptor_main(void *arg)
{
    struct api *api = arg;
    struct error err;
    if (server_run(api->server, GRACE_MS, &err) < 0)
        log_error("API: %s", err.text);
    return NULL;
}

int api_start(struct api *api, struct engine *engine, struct error *err)
{
    api->router.engine = engine;
    int rc = pthread_create(&api->acceptor, NULL, acceptor_main, api);
    if (rc)
        return error_set(err, ERROR_INTERNAL, "thread for the API: error %d", rc);
    api->started = true;
    return 0;
}

void api_close(struct api *api)
{
    if (api->started) {
        server_stop(api->server);
        pthread_join(api->acceptor, NULL);
    }
    for (char **path = api->paths; path && *path; path++)
        unlink(*path);
    strv_free(api->paths);
    /* Connections that still wait use both: they stay until the process ends. */
    if (!server_is_quiet(api->server))
        return;
    server_free(api->server);
    free(api);
}

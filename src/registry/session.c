#include "registry/session.h"

#include <errno.h>
#include <poll.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"

#define BACKOFF_FIRST_MS 500
#define BACKOFF_MAX_MS 8000
#define CANCEL_POLL_MS 100

void session_init(struct session *session, const struct endpoint *endpoint, const char *repository,
    const struct credentials *credentials)
{
    *session = (struct session){
        .endpoint = endpoint, .repository = repository, .credentials = *credentials, .attempts = 1
    };
    pthread_mutex_init(&session->lock, NULL);
}

void session_done(struct session *session)
{
    pthread_mutex_destroy(&session->lock);
    free(session->authorization);
}

static char *authorization_copy(struct session *session)
{
    pthread_mutex_lock(&session->lock);
    char *copy = xstrdup_opt(session->authorization);
    pthread_mutex_unlock(&session->lock);
    return copy;
}

/* Answers the challenge of a 401. Two threads may do so at once; the last token counts. */
static int authenticate(struct session *session, struct http_client *client, const char *headers,
    struct error *err)
{
    _cleanup_challenge_ struct challenge challenge;
    _cleanup_free_ char *scope =
        *session->repository ? xasprintf("repository:%s:pull", session->repository) : NULL;
    char *authorization = NULL;
    challenge_parse(headers, &challenge);
    if (!challenge.bearer && !challenge.basic)
        return error_set(err, ERROR_DENIED,
            "the registry wants a kind of authentication that is not supported");
    if (authorization_make(client, &session->endpoint->security, &challenge, &session->credentials,
            scope, &authorization, err)
        < 0)
        return -1;
    pthread_mutex_lock(&session->lock);
    free(session->authorization);
    session->authorization = authorization;
    pthread_mutex_unlock(&session->lock);
    return 0;
}

static int request_once(struct session *session, struct http_client *client,
    const struct session_get *get, struct http_response *out, struct error *err)
{
    _cleanup_free_ char *authorization = authorization_copy(session);
    _cleanup_free_ char *url =
        *session->repository
            ? xasprintf("%s/v2/%s/%s", session->endpoint->base, session->repository, get->path)
            : xasprintf("%s/v2/%s", session->endpoint->base, get->path);
    struct http_request request = { .url = url,
        .security = &session->endpoint->security,
        .accept = get->accept,
        .authorization = authorization,
        .from = get->received ? *get->received : 0,
        .body = get->body,
        .context = get->context,
        .cancelled = session->cancelled,
        .cancel_context = session->context };
    if (http_get(client, &request, out, err) < 0)
        return -1;
    atomic_store(&session->answered, true);
    return 0;
}

static int status_error(const struct session *session, const struct http_response *response,
    struct error *err)
{
    const char *words = response->failure ? response->failure : "";
    const char *colon = *words ? ": " : "";
    switch (response->status) {
    case 401:
    case 403:
        error_set(err, ERROR_DENIED, "access to %s is denied%s%s", session->repository, colon,
            words);
        return error_hint(err, "it may not exist, or may require 'docker login'");
    case 404:
        return error_set(err, ERROR_NOT_FOUND, "not found in %s%s%s", session->repository, colon,
            words);
    case 429:
        return error_set(err, ERROR_UNAVAILABLE, "toomanyrequests%s%s", colon, words);
    default:
        return error_set(err, response->status >= 500 ? ERROR_UNAVAILABLE : ERROR_INVALID,
            "unexpected status %d from %s%s%s", response->status, session->endpoint->base, colon,
            words);
    }
}

/* With the answer to a challenge, at most one in an attempt. */
static int attempt(struct session *session, struct http_client *client,
    const struct session_get *get, struct http_response *out, struct error *err)
{
    for (int challenged = 0;; challenged++) {
        http_response_done(out);
        if (request_once(session, client, get, out, err) < 0)
            return -1;
        if (out->status / 100 == 2)
            return 0;
        if (out->status != 401 || challenged)
            return status_error(session, out, err);
        if (authenticate(session, client, out->challenge, err) < 0)
            return -1;
    }
}

static int wait_before_retry(struct session *session, unsigned delay_ms, struct error *err)
{
    int64_t until_ns = clock_now_ns() + delay_ms * INT64_C(1000000);
    for (int left_ms; (left_ms = clock_left_ms(until_ns)) > 0;) {
        if (session->cancelled && session->cancelled(session->context))
            return error_set(err, ERROR_CANCELLED, "cancelled");
        poll(NULL, 0, MIN(left_ms, CANCEL_POLL_MS));
    }
    return 0;
}

int session_get(struct session *session, struct http_client *client, const struct session_get *get,
    struct http_response *out, struct error *err)
{
    unsigned delay_ms = BACKOFF_FIRST_MS;
    uint64_t received = 0;
    for (unsigned tries = 1;; tries++) {
        int rc = attempt(session, client, get, out, err);
        if (rc == 0)
            return 0;
        if (get->received && *get->received > received) { /* it goes on: the registry lives */
            received = *get->received;
            tries = 1;
            delay_ms = BACKOFF_FIRST_MS;
        }
        bool is_nowhere = err->code == EHOSTUNREACH && !atomic_load(&session->answered);
        if (err->kind != ERROR_UNAVAILABLE || is_nowhere || tries >= session->attempts)
            return rc;
        log_info("registry %s: %s: %s; trying again", session->endpoint->base, get->path,
            err->text);
        if (wait_before_retry(session, MAX(delay_ms, out->retry_after_s * 1000), err) < 0)
            return -1;
        delay_ms = MIN(delay_ms * 2, (unsigned)BACKOFF_MAX_MS);
        if (get->restart)
            get->restart(get->context);
    }
}

int session_ping(struct session *session, struct http_client *client, struct error *err)
{
    _cleanup_http_response_ struct http_response response = { 0 };
    struct session_get get = { .path = "" };
    return session_get(session, client, &get, &response, err);
}

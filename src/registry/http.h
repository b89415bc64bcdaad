/* http.h - one GET over HTTP or HTTPS, by libcurl. Private to registry/. A client keeps its connection; one thread at a time. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/cleanup.h"
#include "base/error.h"
#include "base/str.h"

struct http_client;

/* How to speak to one host. */
struct http_security {
    bool verify;       /* certificates must be valid */
    char *ca;          /* PEM text of further authorities, or NULL */
    char *certificate; /* file of the client's certificate, or NULL */
    char *key;         /* file of its key */
};
void http_security_done(struct http_security *security);

struct http_client *http_client_new(void);
void http_client_free(struct http_client *client);
DEFINE_CLEANUP(http_client, struct http_client *, http_client_free)
#define _cleanup_http_client_ _cleanup_(http_client)

struct http_request {
    const char *url;
    const struct http_security *security;
    const char *accept;        /* or NULL */
    const char *authorization; /* value of the header, sent to this host only; or NULL */
    const char *form; /* POST this application/x-www-form-urlencoded text instead of GET; or NULL */
    uint64_t
        from; /* begin at this byte: by Range, or by passing over what a server sends nevertheless */
    /* Receives the body of a good answer (2xx); a failure ends the request with that error. */
    int (*body)(void *context, const void *bytes, size_t n, struct error *err);
    void *context;
    bool (*cancelled)(void *context); /* asked at least every second; may be NULL */
    void *cancel_context;
};

struct http_response {
    int status;
    char *challenge;      /* WWW-Authenticate, all of them, one a line; NULL */
    char *content_digest; /* Docker-Content-Digest; NULL */
    char *content_type;   /* NULL */
    unsigned retry_after_s;
    char *failure; /* of a bad answer: the registry's own words, bounded; NULL */
};
void http_response_done(struct http_response *response);
DEFINE_CLEANUP_STRUCT(http_response, struct http_response, http_response_done)
#define _cleanup_http_response_ _cleanup_(http_response)

/* 0 when there was an answer, whatever its status. ERROR_UNAVAILABLE: none, it stalled or broke off (code EHOSTUNREACH: there was
 * no connection at all); ERROR_CANCELLED.
 * ERROR_INVALID: none that another try would make better (a certificate, a redirect that is not followed). */
MUST_CHECK int http_get(struct http_client *client, const struct http_request *request,
    struct http_response *out, struct error *err);

/* A body callback that collects into a struct str (the context) up to IMAGE_DOCUMENT_MAX. */
int http_collect(void *context, const void *bytes, size_t n, struct error *err);

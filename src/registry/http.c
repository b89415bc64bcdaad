#include "registry/http.h"

#include <curl/curl.h>
#include <errno.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <strings.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/parse.h"
#include "oci/image.h"

#define SYSTEM_AUTHORITIES "/etc/ssl/certs/ca-certificates.crt"
#define CONNECT_TIMEOUT_S 15L
#define STALL_TIMEOUT_S 30L /* with less than a byte a second */
#define REDIRECTS_MAX 10L
#define FAILURE_BYTES_MAX 4096
#define FAILURE_TEXT_MAX 300
#define RETRY_AFTER_MAX_S 60

struct http_client {
    CURL *curl;
};

/* One request in work: what libcurl's callbacks need. */
struct exchange {
    CURL *curl;
    const struct http_request *request;
    struct http_response *response;
    uint64_t skip; /* bytes of a whole answer to pass over, when a part was asked for */
    struct str failure_body;
    struct error error; /* of the body callback */
    bool body_failed;
};

void http_security_done(struct http_security *security)
{
    free(security->ca);
    free(security->certificate);
    free(security->key);
    *security = (struct http_security){ 0 };
}

void http_response_done(struct http_response *response)
{
    free(response->challenge);
    free(response->content_digest);
    free(response->content_type);
    free(response->failure);
    *response = (struct http_response){ 0 };
}

static void libraries_init(void)
{
    OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
    curl_global_init(CURL_GLOBAL_SSL);
}

struct http_client *http_client_new(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, libraries_init);
    struct http_client *client = NEW(struct http_client);
    client->curl = curl_easy_init();
    if (!client->curl)
        abort(); /* out of memory */
    return client;
}

void http_client_free(struct http_client *client)
{
    curl_easy_cleanup(client->curl);
    free(client);
}

int http_collect(void *context, const void *bytes, size_t n, struct error *err)
{
    struct str *text = context;
    if (text->n + n > IMAGE_DOCUMENT_MAX)
        return error_set(err, ERROR_INVALID, "the document is larger than %u bytes",
            IMAGE_DOCUMENT_MAX);
    str_add_n(text, bytes, n);
    return 0;
}

static long status_of(const struct exchange *exchange)
{
    long status = 0;
    curl_easy_getinfo(exchange->curl, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *data)
{
    struct exchange *exchange = data;
    size_t n = size * count;
    if (status_of(exchange) / 100 != 2) {
        size_t room = FAILURE_BYTES_MAX - MIN(exchange->failure_body.n, (size_t)FAILURE_BYTES_MAX);
        str_add_n(&exchange->failure_body, bytes, MIN(n, room));
        return n;
    }
    size_t skip = status_of(exchange) == 206 ? 0 : (size_t)MIN(exchange->skip, (uint64_t)n);
    exchange->skip -= skip;
    if (exchange->request->body && n > skip
        && exchange->request->body(exchange->request->context, bytes + skip, n - skip,
               &exchange->error)
               < 0) {
        exchange->body_failed = true;
        return CURL_WRITEFUNC_ERROR;
    }
    return n;
}

static char **header_slot(struct http_response *response, struct view name)
{
    static const struct {
        const char *name;
        size_t offset;
    } kept[] = {
        { "docker-content-digest", offsetof(struct http_response, content_digest) },
        { "content-type", offsetof(struct http_response, content_type) },
    };
    for (size_t i = 0; i < ARRAY_LEN(kept); i++)
        if (name.n == strlen(kept[i].name) && strncasecmp(name.p, kept[i].name, name.n) == 0)
            return (char **)(void *)((char *)response + kept[i].offset);
    return NULL;
}

static void keep_header(struct http_response *response, struct view name, struct view value)
{
    char **slot = header_slot(response, name);
    _cleanup_free_ char *text = view_dup(value);
    struct error ignored;
    uint64_t seconds = 0;
    if (slot) {
        free(*slot);
        *slot = TAKE_PTR(text);
    } else if (name.n == 16 && strncasecmp(name.p, "www-authenticate", 16) == 0) {
        char *all =
            response->challenge ? xasprintf("%s\n%s", response->challenge, text) : TAKE_PTR(text);
        free(response->challenge);
        response->challenge = all;
    } else if (name.n == 11 && strncasecmp(name.p, "retry-after", 11) == 0
               && parse_u64(text, 0, UINT32_MAX, &seconds, &ignored)
                      == 0) { /* a date is not waited for */
        response->retry_after_s = (unsigned)MIN(seconds, (uint64_t)RETRY_AFTER_MAX_S);
    }
}

static size_t on_header(char *bytes, size_t size, size_t count, void *data)
{
    struct exchange *exchange = data;
    struct view line = { bytes, size * count }, name;
    if (line.n > 5 && strncmp(line.p, "HTTP/", 5) == 0) /* of the next answer, after a redirect */
        http_response_done(exchange->response);
    struct view value = line;
    if (view_split(&value, ':', &name) && value.p)
        keep_header(exchange->response, view_trim(name), view_trim(value));
    return size * count;
}

static int on_progress(void *data, curl_off_t dl_total, curl_off_t dl_now, curl_off_t ul_total,
    curl_off_t ul_now)
{
    struct exchange *exchange = data;
    return exchange->request->cancelled
           && exchange->request->cancelled(exchange->request->cancel_context);
}

/* The registry's own words: {"errors":[{"code":...,"message":...}]}, else nothing. */
static char *failure_text(const struct str *body)
{
    struct error ignored;
    _cleanup_json_ json *document = NULL;
    if (json_parse(str_text(body), body->n, &document, &ignored) < 0)
        return NULL;
    json *first = json_item(json_get(document, "errors"), 0);
    const char *message = json_str(first, "message", json_str(document, "details", NULL));
    return message && *message ? xstrndup(message, FAILURE_TEXT_MAX) : NULL;
}

static void set_security(CURL *curl, const struct http_security *security)
{
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, security->verify ? 1L : 0L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, security->verify ? 2L : 0L);
    if (security->ca) {
        struct curl_blob blob = { security->ca, strlen(security->ca), CURL_BLOB_COPY };
        curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &blob);
    } else {
        curl_easy_setopt(curl, CURLOPT_CAINFO, SYSTEM_AUTHORITIES);
    }
    if (security->certificate) {
        curl_easy_setopt(curl, CURLOPT_SSLCERT, security->certificate);
        curl_easy_setopt(curl, CURLOPT_SSLKEY, security->key);
    }
}

static struct curl_slist *request_headers(const struct http_request *request)
{
    struct curl_slist *list = NULL;
    char range[40];
    snprintf(range, sizeof range, "bytes=%ju-", (uintmax_t)request->from);
    const struct {
        const char *name, *value;
    } headers[] = { { "Accept", request->accept }, { "Authorization", request->authorization },
        { "Range", request->from ? range : NULL } };
    for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
        if (!headers[i].value)
            continue;
        _cleanup_free_ char *line = xasprintf("%s: %s", headers[i].name, headers[i].value);
        list = curl_slist_append(list, line);
    }
    return list;
}

static void set_request(struct exchange *exchange)
{
    CURL *curl = exchange->curl;
    const struct http_request *request = exchange->request;
    bool secure = str_starts(request->url, "https:");
    curl_easy_reset(curl); /* keeps the connection */
    curl_easy_setopt(curl, CURLOPT_URL, request->url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, secure ? "https" : "http,https");
    /* Credentials stay with their host and port: not UNRESTRICTED_AUTH; and a form, which holds some, goes nowhere else. */
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, request->form ? 0L : 1L);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, REDIRECTS_MAX);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT_S);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, STALL_TIMEOUT_S);
    curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, 128L * 1024);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "paddock/" PADDOCK_VERSION);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, exchange);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, exchange);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, exchange);
    if (request->form)
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->form);
    set_security(curl, request->security);
}

/* Failures that are the same the next time. */
static bool is_final(CURLcode code)
{
    static const CURLcode codes[] = { CURLE_UNSUPPORTED_PROTOCOL, CURLE_URL_MALFORMAT,
        CURLE_TOO_MANY_REDIRECTS, CURLE_PEER_FAILED_VERIFICATION };
    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        if (codes[i] == code)
            return true;
    return false;
}

static int outcome(struct exchange *exchange, CURLcode code, const char *words, struct error *err)
{
    if (code == CURLE_ABORTED_BY_CALLBACK)
        return error_set(err, ERROR_CANCELLED, "cancelled");
    if (exchange->body_failed) {
        *err = exchange->error;
        return -1;
    }
    if (code != CURLE_OK) {
        error_set(err, is_final(code) ? ERROR_INVALID : ERROR_UNAVAILABLE, "%s: %s",
            exchange->request->url, *words ? words : curl_easy_strerror(code));
        if (code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_CONNECT)
            err->code = EHOSTUNREACH;
        return -1;
    }
    exchange->response->status = (int)status_of(exchange);
    if (exchange->response->status / 100 != 2)
        exchange->response->failure = failure_text(&exchange->failure_body);
    return 0;
}

int http_get(struct http_client *client, const struct http_request *request,
    struct http_response *out, struct error *err)
{
    struct exchange exchange = {
        .curl = client->curl, .request = request, .response = out, .skip = request->from
    };
    char words[CURL_ERROR_SIZE] = "";
    set_request(&exchange);
    struct curl_slist *headers = request_headers(request);
    curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(client->curl, CURLOPT_ERRORBUFFER, words);
    CURLcode code = curl_easy_perform(client->curl);
    int rc = outcome(&exchange, code, words, err);
    curl_easy_setopt(client->curl, CURLOPT_ERRORBUFFER, NULL);
    curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(headers);
    str_done(&exchange.failure_body);
    if (rc < 0)
        http_response_done(out);
    return rc;
}

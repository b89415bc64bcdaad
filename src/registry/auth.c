#include "registry/auth.h"

#include <ctype.h>
#include <strings.h>

#include "base/base64.h"
#include "base/memory.h"

#define TOKEN_BYTES_MAX (64u << 10)

struct credentials credentials_of(const json *auth)
{
    return (struct credentials){
        .username = json_str(auth, "username", NULL),
        .password = json_str(auth, "password", NULL),
        .identity_token = json_str(auth, "identitytoken", NULL),
        .registry_token = json_str(auth, "registrytoken", NULL),
    };
}

static bool is_set(const char *text)
{
    return text && *text;
}

/* ---- challenges: `Bearer realm="https://...",service="...",scope="..."` (RFC 9110 section 11.6.1) ---- */

static bool take_parameter(const char **p, struct view *name, char **value)
{
    struct str text = { 0 };
    while (**p == ' ' || **p == ',' || **p == '\t')
        (*p)++;
    name->p = *p;
    name->n = strcspn(*p, "=, \"");
    if (!name->n || (*p)[name->n] != '=')
        return false;
    *p += name->n + 1;
    if (**p == '"') {
        for ((*p)++; **p && **p != '"'; (*p)++) {
            if (**p == '\\' && (*p)[1])
                (*p)++;
            str_addc(&text, **p);
        }
        if (**p)
            (*p)++;
    } else {
        size_t n = strcspn(*p, ", \t");
        str_add_n(&text, *p, n);
        *p += n;
    }
    *value = str_take(&text);
    return true;
}

static void parse_bearer(const char *p, struct challenge *out)
{
    struct view name;
    char *value;
    out->bearer = true;
    while (take_parameter(&p, &name, &value)) {
        char **slot = view_eq(name, "realm")     ? &out->realm
                      : view_eq(name, "service") ? &out->service
                      : view_eq(name, "scope")   ? &out->scope
                                                 : NULL;
        if (slot && !*slot)
            *slot = TAKE_PTR(value);
        free(value);
    }
}

void challenge_parse(const char *headers, struct challenge *out)
{
    struct view rest = view_of(headers ? headers : ""), line;
    *out = (struct challenge){ 0 };
    while (view_split(&rest, '\n', &line)) {
        _cleanup_free_ char *text = view_dup(view_trim(line));
        if (strncasecmp(text, "Bearer ", 7) == 0 && !out->bearer)
            parse_bearer(text + 7, out);
        else if (strncasecmp(text, "Basic", 5) == 0)
            out->basic = true;
    }
}

void challenge_done(struct challenge *challenge)
{
    free(challenge->realm);
    free(challenge->service);
    free(challenge->scope);
    *challenge = (struct challenge){ 0 };
}

/* ---- answers ---- */

static char *basic_authorization(const struct credentials *credentials)
{
    _cleanup_free_ char *pair = xasprintf("%s:%s", credentials->username, credentials->password);
    _cleanup_str_ struct str encoded = { 0 };
    base64_encode(pair, strlen(pair), &encoded);
    return xasprintf("Basic %s", str_text(&encoded));
}

static void add_encoded(struct str *out, const char *name, const char *value)
{
    if (!is_set(value))
        return;
    str_addf(out, "%s%s=", out->n ? "&" : "", name);
    for (const unsigned char *p = (const unsigned char *)value; *p; p++)
        if (isalnum(*p) || strchr("-._~", *p))
            str_addc(out, (char)*p);
        else
            str_addf(out, "%%%02X", *p);
}

static int collect_token(void *context, const void *bytes, size_t n, struct error *err)
{
    struct str *text = context;
    if (text->n + n > TOKEN_BYTES_MAX)
        return error_set(err, ERROR_INVALID, "the answer is larger than %u bytes", TOKEN_BYTES_MAX);
    str_add_n(text, bytes, n);
    return 0;
}

static int read_token(const struct str *answer, char **out, struct error *err)
{
    _cleanup_json_ json *document = NULL;
    if (json_parse(str_text(answer), answer->n, &document, err) < 0)
        return -1;
    const char *token = json_str(document, "token", json_str(document, "access_token", ""));
    if (!*token || strpbrk(token, "\r\n"))
        return error_set(err, ERROR_INVALID, "the answer holds no token");
    *out = xasprintf("Bearer %s", token);
    return 0;
}

static int ask_token_server(struct http_client *client, const struct http_security *security,
    const char *url, const char *form, const char *authorization, char **out, struct error *err)
{
    _cleanup_str_ struct str answer = { 0 };
    _cleanup_http_response_ struct http_response response = { 0 };
    struct http_request request = { .url = url,
        .security = security,
        .form = form,
        .authorization = authorization,
        .body = collect_token,
        .context = &answer };
    if (http_get(client, &request, &response, err) < 0)
        return -1;
    if (response.status == 401 || response.status == 403)
        return error_set(err, ERROR_DENIED, "%s",
            response.failure ? response.failure : "incorrect username or password");
    if (response.status != 200)
        return error_set(err, ERROR_UNAVAILABLE, "status %d%s%s", response.status,
            response.failure ? ": " : "", response.failure ? response.failure : "");
    return read_token(&answer, out, err);
}

/* A GET with basic authentication, or, with an identity token, the OAuth 2 form. */
static int token_authorization(struct http_client *client, const struct http_security *security,
    const struct challenge *challenge, const struct credentials *credentials, const char *scope,
    char **out, struct error *err)
{
    _cleanup_str_ struct str query = { 0 };
    if (!is_set(challenge->realm)
        || (!str_starts(challenge->realm, "https://") && !str_starts(challenge->realm, "http://")))
        return error_set(err, ERROR_INVALID, "the registry names no token server");
    /* The token server sees the credentials: a registry reached by TLS must not send them elsewhere in the clear. */
    if (security->verify && !str_starts(challenge->realm, "https://"))
        return error_set(err, ERROR_DENIED, "token server %s: is not reached by https",
            challenge->realm);
    const char *wanted = is_set(challenge->scope) ? challenge->scope : scope;
    add_encoded(&query, "service", challenge->service);
    add_encoded(&query, "scope", wanted);
    if (is_set(credentials->identity_token)) {
        add_encoded(&query, "grant_type", "refresh_token");
        add_encoded(&query, "refresh_token", credentials->identity_token);
        add_encoded(&query, "client_id", "paddock");
        return ask_token_server(client, security, challenge->realm, str_text(&query), NULL, out,
            err);
    }
    _cleanup_free_ char *basic =
        is_set(credentials->username) ? basic_authorization(credentials) : NULL;
    _cleanup_free_ char *url = xasprintf("%s%c%s", challenge->realm,
        strchr(challenge->realm, '?') ? '&' : '?', str_text(&query));
    return ask_token_server(client, security, url, NULL, basic, out, err);
}

int authorization_make(struct http_client *client, const struct http_security *security,
    const struct challenge *challenge, const struct credentials *credentials, const char *scope,
    char **out, struct error *err)
{
    if (is_set(credentials->registry_token)) {
        *out = xasprintf("Bearer %s", credentials->registry_token);
        return 0;
    }
    if (challenge->bearer) {
        if (token_authorization(client, security, challenge, credentials, scope, out, err) < 0)
            return error_prefix(err, "get a token from %s",
                challenge->realm ? challenge->realm : "?");
        return 0;
    }
    if (!is_set(credentials->username) || !credentials->password)
        return error_set(err, ERROR_DENIED, "no basic auth credentials");
    *out = basic_authorization(credentials);
    return 0;
}

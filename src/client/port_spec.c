#include <arpa/inet.h>
#include <ctype.h>

#include "base/memory.h"
#include "base/parse.h"
#include "client/ports.h"

struct range {
    unsigned first, last;
};

/* "80" or "80-90" */
static int range_parse(struct view text, struct range *out, struct error *err)
{
    _cleanup_free_ char *word = view_dup(text);
    char *dash = strchr(word, '-');
    uint64_t first = 0, last = 0;
    if (!*word)
        return error_set(err, ERROR_INVALID, "empty string specified for ports.");
    if (dash)
        *dash = '\0';
    if (parse_u64(word, 0, UINT16_MAX, &first, err) < 0
        || (dash && parse_u64(dash + 1, 0, UINT16_MAX, &last, err) < 0))
        return -1;
    if (dash && last < first)
        return error_set(err, ERROR_INVALID, "invalid range specified for port: %s-%s", word,
            dash + 1);
    *out = (struct range){ (unsigned)first, (unsigned)(dash ? last : first) };
    return 0;
}

static bool is_address(const char *text)
{
    unsigned char bytes[16];
    return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

struct spec {
    char *address;               /* "" for any */
    struct view host, container; /* ranges as text; host is empty for any port */
    char *protocol;
};

static void spec_done(struct spec *spec)
{
    free(spec->address);
    free(spec->protocol);
}
DEFINE_CLEANUP_STRUCT(spec, struct spec, spec_done)

/* Cuts "/udp" off *text. */
static int take_protocol(struct view *text, char **out, struct error *err)
{
    const char *slash = memrchr(text->p, '/', text->n);
    struct view name = slash ? (struct view){ slash + 1, (size_t)(text->p + text->n - slash - 1) }
                             : view_of("tcp");
    if (slash)
        text->n = (size_t)(slash - text->p);
    *out = view_dup(name);
    for (char *p = *out; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    if (!str_eq(*out, "tcp") && !str_eq(*out, "udp") && !str_eq(*out, "sctp"))
        return error_set(err, ERROR_INVALID, "Invalid proto: %s", *out);
    return 0;
}

static int spec_cut(const char *text, struct spec *spec, struct error *err)
{
    struct view rest = view_of(text);
    if (take_protocol(&rest, &spec->protocol, err) < 0)
        return -1;
    const char *colon = memrchr(rest.p, ':', rest.n);
    spec->container =
        colon ? (struct view){ colon + 1, (size_t)(rest.p + rest.n - colon - 1) } : rest;
    rest.n = colon ? (size_t)(colon - rest.p) : 0;
    colon = memrchr(rest.p, ':', rest.n);
    bool is_v6_only = rest.n && rest.p[rest.n - 1] == ']'; /* "[::1]:80" has no port of the host */
    spec->host = is_v6_only ? (struct view){ rest.p, 0 }
                 : colon    ? (struct view){ colon + 1, (size_t)(rest.p + rest.n - colon - 1) }
                            : rest;
    struct view address = is_v6_only ? rest
                          : colon    ? (struct view){ rest.p, (size_t)(colon - rest.p) }
                                     : (struct view){ rest.p, 0 };
    if (address.n > 1 && address.p[0] == '[' && address.p[address.n - 1] == ']')
        address = (struct view){ address.p + 1, address.n - 2 };
    spec->address = view_dup(address);
    if (*spec->address && !is_address(spec->address))
        return error_set(err, ERROR_INVALID, "Invalid ip address: %s", spec->address);
    if (!spec->container.n)
        return error_set(err, ERROR_INVALID, "No port specified: %s<empty>", text);
    return 0;
}

static void add_port(json *bindings, json *exposed, unsigned port, const char *protocol,
    const char *address, const char *host_port)
{
    _cleanup_free_ char *key = xasprintf("%u/%s", port, protocol);
    if (!json_get(exposed, key))
        json_set(exposed, key, json_new_object());
    if (!bindings)
        return;
    json *list = json_get(bindings, key);
    if (!list) {
        list = json_new_array();
        json_set(bindings, key, list);
    }
    json *binding = json_new_object();
    json_set_str(binding, "HostIp", address);
    json_set_str(binding, "HostPort", host_port);
    json_add(list, binding);
}

static int publish_short(const char *text, json *bindings, json *exposed, struct error *err)
{
    _cleanup_(spec) struct spec spec = { 0 };
    struct range inside = { 0 }, outside = { 0 };
    if (spec_cut(text, &spec, err) < 0)
        return -1;
    if (range_parse(spec.container, &inside, err) < 0)
        return error_set(err, ERROR_INVALID, "Invalid containerPort: %.*s", (int)spec.container.n,
            spec.container.p);
    if (spec.host.n && range_parse(spec.host, &outside, err) < 0)
        return error_set(err, ERROR_INVALID, "Invalid hostPort: %.*s", (int)spec.host.n,
            spec.host.p);
    bool same = outside.last - outside.first == inside.last - inside.first;
    bool is_choice =
        spec.host.n && !same && inside.first == inside.last; /* the engine picks one of the range */
    if (spec.host.n && !same && !is_choice)
        return error_set(err, ERROR_INVALID,
            "Invalid ranges specified for container and host Ports: %.*s and %.*s",
            (int)spec.container.n, spec.container.p, (int)spec.host.n, spec.host.p);
    for (unsigned port = inside.first; port <= inside.last; port++) {
        _cleanup_str_ struct str host = { 0 };
        if (is_choice)
            str_addf(&host, "%u-%u", outside.first, outside.last);
        else if (spec.host.n)
            str_addf(&host, "%u", outside.first + (port - inside.first));
        add_port(bindings, exposed, port, spec.protocol, spec.address, str_text(&host));
    }
    return 0;
}

/* "target=80,published=8080,protocol=udp,mode=host" to the short form. */
static int long_to_short(const char *text, char **out, struct error *err)
{
    _cleanup_strv_ char **fields = strv_split(text, ',');
    const char *target = strv_env_get(fields, "target"),
               *published = strv_env_get(fields, "published");
    const char *protocol = strv_env_get(fields, "protocol");
    for (char **field = fields; field && *field; field++)
        if (!str_starts(*field, "target=") && !str_starts(*field, "published=")
            && !str_starts(*field, "protocol=") && !str_starts(*field, "mode="))
            return error_set(err, ERROR_INVALID, "invalid field key %.*s",
                (int)strcspn(*field, "="), *field);
    if (!target || !*target)
        return error_set(err, ERROR_INVALID,
            "invalid publish opts format (should be name=value but got '%s')", text);
    *out = xasprintf("%s%s%s/%s", published ? published : "", published ? ":" : "", target,
        protocol ? protocol : "tcp");
    return 0;
}

int port_publish(const char *text, json *bindings, json *exposed, struct error *err)
{
    _cleanup_free_ char *converted = NULL;
    if (strchr(text, '=') && long_to_short(text, &converted, err) < 0)
        return -1;
    return publish_short(converted ? converted : text, bindings, exposed, err);
}

int port_expose(const char *text, json *exposed, struct error *err)
{
    struct view rest = view_of(text);
    _cleanup_free_ char *protocol = NULL;
    struct range range = { 0 };
    if (strchr(text, ':'))
        return error_set(err, ERROR_INVALID, "invalid port format for --expose: %s", text);
    if (take_protocol(&rest, &protocol, err) < 0 || range_parse(rest, &range, err) < 0)
        return error_prefix(err, "invalid range format for --expose: %s, error", text);
    for (unsigned port = range.first; port <= range.last; port++)
        add_port(NULL, exposed, port, protocol, "", "");
    return 0;
}

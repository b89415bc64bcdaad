#include "client/ports.h"

#include "base/memory.h"

struct port {
    const char *ip, *type;
    int64_t private, public;
};

/* Neighbouring ports with the same address and protocol. */
struct range {
    const char *ip, *type;
    int64_t first, last;
};

static int by_port(const void *left, const void *right)
{
    const struct port *a = left, *b = right;
    int ips = strcmp(a->ip, b->ip);
    if (a->private != b->private)
        return a->private < b->private ? -1 : 1;
    if (ips)
        return ips;
    if (a->public != b->public)
        return a->public < b->public ? -1 : 1;
    return strcmp(a->type, b->type);
}

static void add_piece(struct str *out, struct str *piece)
{
    str_addf(out, "%s%s", out->n ? ", " : "", str_text(piece));
    str_reset(piece);
}

static void add_range(struct str *out, const struct range *range)
{
    _cleanup_str_ struct str piece = { 0 }, ports = { 0 };
    str_addf(&ports, "%jd", (intmax_t)range->first);
    if (range->last != range->first)
        str_addf(&ports, "-%jd", (intmax_t)range->last);
    if (*range->ip)
        str_addf(&piece, "%s:%s->", range->ip, str_text(&ports));
    str_addf(&piece, "%s/%s", str_text(&ports), range->type);
    add_piece(out, &piece);
}

static struct range *range_find(struct range *ranges, size_t count, const struct port *port)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq(ranges[i].ip, port->ip) && str_eq(ranges[i].type, port->type))
            return &ranges[i];
    return NULL;
}

static struct port *ports_read(const json *list, size_t *count)
{
    *count = json_count(list);
    struct port *ports = xcalloc(*count + 1, sizeof *ports);
    for (size_t i = 0; i < *count; i++) {
        json *item = json_item(list, i);
        ports[i] = (struct port){
            .ip = json_str(item, "IP", ""),
            .type = json_str(item, "Type", ""),
            .private = json_i64(item, "PrivatePort", 0),
            .public = json_i64(item, "PublicPort", 0),
        };
    }
    qsort(ports, *count, sizeof *ports, by_port);
    return ports;
}

void ports_text(const json *list, struct str *out)
{
    size_t count = 0, range_count = 0;
    _cleanup_free_ struct port *ports = ports_read(list, &count);
    _cleanup_free_ struct range *ranges = xcalloc(count + 1, sizeof *ranges);
    _cleanup_str_ struct str text = { 0 }, mapped = { 0 };
    for (size_t i = 0; i < count; i++) {
        const struct port *port = &ports[i];
        if (*port->ip
            && port->public != port->private) { /* never part of a range; they come last */
            _cleanup_str_ struct str piece = { 0 };
            str_addf(&piece, "%s:%jd->%jd/%s", port->ip, (intmax_t)port->public,
                (intmax_t)port->private, port->type);
            add_piece(&mapped, &piece);
            continue;
        }
        struct range *range = range_find(ranges, range_count, port);
        if (range && port->private == range->last + 1) {
            range->last = port->private;
            continue;
        }
        if (range)
            add_range(&text, range);
        else
            range = &ranges[range_count++];
        *range = (struct range){ port->ip, port->type, port->private, port->private };
    }
    for (size_t i = 0; i < range_count; i++)
        add_range(&text, &ranges[i]);
    if (mapped.n)
        add_piece(&text, &mapped);
    str_add(out, str_text(&text));
}

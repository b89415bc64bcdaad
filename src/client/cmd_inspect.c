#include "base/memory.h"
#include "client/commands.h"
#include "client/json_indent.h"
#include "client/listing.h"

struct inspect {
    const char *format, *type;
    bool size;
};

static const struct option options[] = {
    OPTION(struct inspect, format, "format", 'f', TEXT, "How to print: json, or a Go template"),
    OPTION(struct inspect, size, "size", 's', FLAG, "Show the sizes of a container's files"),
    OPTION(struct inspect, type, "type", 0, TEXT,
        "Look only for this type: container, image, network, volume"),
};

static const struct option format_options[] = {
    OPTION(struct inspect, format, "format", 'f', TEXT, "How to print: json, or a Go template"),
};

/* Services of a cluster are never in a network here. */
static const struct option network_options[] = {
    OPTION(struct inspect, format, "format", 'f', TEXT, "How to print: json, or a Go template"),
    { .name = "verbose", .letter = 'v', .kind = OPTION_IGNORED_FLAG },
};

static const struct option container_options[] = {
    OPTION(struct inspect, format, "format", 'f', TEXT, "How to print: json, or a Go template"),
    OPTION(struct inspect, size, "size", 's', FLAG, "Show the sizes of files"),
};

/* In the order in which a name is looked for. */
static const struct type {
    const char *name, *path;
} types[] = {
    { "container", "/containers/%s/json" },
    { "image", "/images/%s/json" },
    { "network", "/networks/%s" },
    { "volume", "/volumes/%s" },
};

static char *type_path(const struct type *type, const char *name, bool size)
{
    const char *suffix = strstr(type->path, "%s") + 2;
    _cleanup_free_ char *prefix = xstrndup(type->path, (size_t)(suffix - 2 - type->path));
    _cleanup_free_ char *escaped = client_path("%s", name);
    return xasprintf("%s%s%s%s", prefix, escaped, suffix,
        size && str_eq(type->name, "container") ? "?size=1" : "");
}

/* The document of name as it comes from the engine. type NULL: any. */
static int find(struct cli *cli, const char *type, const char *name, bool size, struct str *out,
    struct error *err)
{
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        if (type && !str_eq(type, types[i].name))
            continue;
        _cleanup_free_ char *path = type_path(&types[i], name, size);
        if (client_get_text(cli->client, path, out, err) == 0)
            return 0;
        if (type || err->kind != ERROR_NOT_FOUND)
            return -1;
    }
    return error_set(err, ERROR_NOT_FOUND, "Error: No such object: %s", name);
}

/* ---- printing ---- */

struct printer {
    struct template *template; /* NULL: all of them in one list, ... */
    bool indent;               /* ... indented */
    struct str all;            /* "[a,b" */
    bool any;                  /* was printed by the template */
};

static void printer_done(struct printer *printer)
{
    if (printer->template)
        template_free(printer->template);
    str_done(&printer->all);
}
DEFINE_CLEANUP_STRUCT(printer, struct printer, printer_done)

static int printer_add(struct printer *printer, const struct str *text, struct error *err)
{
    struct view trimmed = view_trim((struct view){ str_text(text), text->n });
    if (!printer->template) {
        str_addc(&printer->all, printer->all.n ? ',' : '[');
        str_add_n(&printer->all, trimmed.p, trimmed.n);
        return 0;
    }
    _cleanup_json_ json *document = NULL;
    _cleanup_str_ struct str out = { 0 };
    if (json_parse(trimmed.p, trimmed.n, &document, err) < 0)
        return -1;
    int rc = template_run(printer->template, document, NULL, &out, err);
    if (rc < 0)
        return error_prefix(err, "template parsing error");
    printf("%s\n", str_text(&out));
    printer->any = true;
    return 0;
}

/* What failed leaves an empty line when there is no other. */
static void printer_end(struct printer *printer, bool failed)
{
    if (printer->template) {
        if (failed && !printer->any)
            puts("");
        return;
    }
    _cleanup_str_ struct str out = { 0 };
    if (!printer->all.n)
        str_addc(&printer->all, '[');
    str_addc(&printer->all, ']');
    if (!printer->indent)
        str_add(&out, printer->all.p);
    else
        json_indent(str_text(&printer->all), "    ", &out);
    printf("%s\n", str_text(&out));
}

static int inspect(struct cli *cli, const struct inspect *values, const char *type, char **args,
    struct error *err)
{
    const char *format = values->format && *values->format ? values->format : NULL;
    _cleanup_(printer) struct printer printer = { .indent = !format };
    if (format && !str_eq(format, "json") && template_parse(format, &printer.template, err) < 0) {
        fprintf(stderr, "template parsing error: %s\n", err->text);
        return 64;
    }
    _cleanup_str_ struct str errors = { 0 };
    for (char **arg = args; *arg; arg++) {
        struct error failed = { 0 };
        _cleanup_str_ struct str text = { 0 };
        if (find(cli, type, *arg, values->size, &text, &failed) == 0
            && printer_add(&printer, &text, &failed) == 0)
            continue;
        str_addf(&errors, "%s\n", failed.text);
    }
    printer_end(&printer, errors.n > 0);
    fflush(stdout);
    fputs(str_text(&errors), stderr);
    return errors.n > 0;
}

static int any_run(struct cli *cli, void *values, char **args, struct error *err)
{
    const struct inspect *inspected = values;
    const char *type = inspected->type && *inspected->type ? inspected->type : NULL;
    bool known = !type;
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        known = known || str_eq(type, types[i].name);
    if (!known)
        return error_set(err, ERROR_INVALID, "\"%s\" is not a valid value for --type", type);
    return inspect(cli, inspected, type, args, err);
}

const struct command command_inspect = {
    .usage = "[OPTIONS] NAME|ID [NAME|ID...]",
    .summary = "Show all there is to know about containers, images, networks and volumes",
    .min_args = 1,
    .max_args = -1,
    OPTIONS(options),
    .values_size = sizeof(struct inspect),
    .run = any_run,
};

#define DEFINE_INSPECT(type, table, usage_)                                                        \
    static int type##_run(struct cli *cli, void *values, char **args, struct error *err)           \
    {                                                                                              \
        return inspect(cli, values, #type, args, err);                                             \
    }                                                                                              \
    const struct command command_##type##_inspect = {                                              \
        .usage = "[OPTIONS] " usage_,                                                              \
        .summary = "Show all there is to know about one or more " #type "s",                       \
        .min_args = 1,                                                                             \
        .max_args = -1,                                                                            \
        OPTIONS(table),                                                                            \
        .values_size = sizeof(struct inspect),                                                     \
        .run = type##_run,                                                                         \
    };

DEFINE_INSPECT(container, container_options, "CONTAINER [CONTAINER...]")
DEFINE_INSPECT(image, format_options, "IMAGE [IMAGE...]")
DEFINE_INSPECT(network, network_options, "NETWORK [NETWORK...]")
DEFINE_INSPECT(volume, format_options, "VOLUME [VOLUME...]")

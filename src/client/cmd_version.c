#include <sys/utsname.h>
#include <time.h>

#include "base/clock.h"
#include "base/memory.h"
#include "client/commands.h"
#include "client/listing.h"

struct version {
    const char *format;
};

static const struct option options[] = {
    OPTION(struct version, format, "format", 'f', TEXT, "How to print: json, or a Go template"),
};

/* Lines of "NAME: VALUE", the values in one column. */
static void print_line(const char *indent, int width, const char *name, const char *value)
{
    _cleanup_free_ char *label = xasprintf("%s:", name);
    printf("%s%-*s %s\n", indent, width, label, value);
}

static const char *go_machine(const char *machine)
{
    static const struct {
        const char *kernel, *go;
    } names[] = { { "x86_64", "amd64" }, { "aarch64", "arm64" }, { "armv7l", "arm" } };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_eq(names[i].kernel, machine))
            return names[i].go;
    return machine;
}

static json *client_document(const char *api_version)
{
    struct utsname system;
    uname(&system);
    json *client = json_new_object();
    json_set_str(client, "Version", PADDOCK_VERSION);
    json_set_str(client, "ApiVersion", api_version);
    json_set_str(client, "DefaultAPIVersion", CLIENT_API_VERSION);
    json_set_str(client, "GitCommit", "");
    json_set_str(client, "GoVersion", "");
    json_set_str(client, "Os", "linux");
    json_set_str(client, "Arch", go_machine(system.machine));
    json_set_str(client, "BuildTime", "");
    json_set_str(client, "Context", "default");
    return client;
}

static void print_client(const json *client)
{
    const char *api = json_str(client, "ApiVersion", "");
    _cleanup_free_ char *os_arch =
        xasprintf("%s/%s", json_str(client, "Os", ""), json_str(client, "Arch", ""));
    _cleanup_free_ char *api_line =
        str_eq(api, CLIENT_API_VERSION)
            ? xstrdup(api)
            : xasprintf("%s (downgraded from %s)", api, CLIENT_API_VERSION);
    puts("Client:");
    print_line(" ", 18, "Version", PADDOCK_VERSION);
    print_line(" ", 18, "API version", api_line);
    print_line(" ", 18, "OS/Arch", os_arch);
    print_line(" ", 18, "Context", "default");
}

/* "2026-08-13T05:35:48.000000000+00:00" to "Thu Aug 13 05:35:48 2026" */
static void rewrite_build_time(json *details)
{
    char text[64];
    struct tm tm = { 0 };
    struct error ignored; /* what is no such time stays as it is */
    int64_t ns = 0;
    if (!json_str(details, "BuildTime", NULL)
        || clock_parse(json_str(details, "BuildTime", ""), &ns, &ignored) < 0)
        return;
    time_t seconds = ns / INT64_C(1000000000);
    gmtime_r(&seconds, &tm);
    strftime(text, sizeof text, "%a %b %e %H:%M:%S %Y", &tm);
    json_set_str(details, "BuildTime", text);
}

/* What an engine of no components says of itself becomes its only one. */
static void ensure_components(json *server)
{
    static const struct {
        const char *from, *to;
    } names[] = {
        { "ApiVersion", "ApiVersion" },
        { "MinAPIVersion", "MinAPIVersion" },
        { "GoVersion", "GoVersion" },
        { "GitCommit", "GitCommit" },
        { "BuildTime", "BuildTime" },
        { "Os", "Os" },
        { "Arch", "Arch" },
    };
    json *components = json_get(server, "Components");
    for (size_t i = 0; i < json_count(components); i++)
        rewrite_build_time(json_get(json_item(components, i), "Details"));
    if (json_count(components))
        return;
    json *list = json_new_array(), *engine = json_new_object(), *details = json_new_object();
    json_set_str(engine, "Name", "Engine");
    json_set_str(engine, "Version", json_str(server, "Version", ""));
    json_set(engine, "Details", details);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        json_set_str(details, names[i].to, json_str(server, names[i].from, ""));
    json_set_str(details, "Experimental",
        json_flag(server, "Experimental", false) ? "true" : "false");
    json_add(list, engine);
    json_set(server, "Components", list);
}

static void print_engine(const json *details)
{
    static const struct {
        const char *key, *label;
    } rows[] = {
        { "GoVersion", "Go version" },
        { "GitCommit", "Git commit" },
        { "BuildTime", "Built" },
    };
    _cleanup_free_ char *api = xasprintf("%s (minimum version %s)",
        json_str(details, "ApiVersion", ""), json_str(details, "MinAPIVersion", ""));
    _cleanup_free_ char *os_arch =
        xasprintf("%s/%s", json_str(details, "Os", ""), json_str(details, "Arch", ""));
    print_line("  ", 17, "API version", api);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (json_get(details, rows[i].key))
            print_line("  ", 17, rows[i].label, json_str(details, rows[i].key, ""));
    print_line("  ", 17, "OS/Arch", os_arch);
    print_line("  ", 17, "Experimental", json_str(details, "Experimental", "false"));
}

static void print_server(json *server)
{
    const char *platform = json_str(json_get(server, "Platform"), "Name", "");
    printf("\nServer:%s%s\n", *platform ? " " : "", platform);
    const json *components = json_get(server, "Components");
    for (size_t i = 0; i < json_count(components); i++) {
        const json *component = json_item(components, i), *details = json_get(component, "Details");
        printf(" %s:\n", json_str(component, "Name", ""));
        print_line("  ", 17, "Version", json_str(component, "Version", ""));
        if (str_eq(json_str(component, "Name", ""), "Engine"))
            print_engine(details);
        else if (json_get(details, "GitCommit"))
            print_line("  ", 17, "GitCommit", json_str(details, "GitCommit", ""));
    }
}

/* Docker's names in templates that the documents spell otherwise. */
static int print_template(const char *format, const json *client, const json *server,
    struct error *err)
{
    _cleanup_template_ struct template *template = NULL;
    _cleanup_json_ json *both = json_new_object();
    _cleanup_str_ struct str out = { 0 };
    _cleanup_free_ char *plain = format_unescape(str_eq(format, "json") ? "{{json .}}" : format);
    json_set(both, "Client", json_object_get((json *)client));
    json_set(both, "Server", json_object_get((json *)server));
    if (template_parse(plain, &template, err) < 0) {
        fprintf(stderr, "template parsing error: %s\n", err->text);
        return 64;
    }
    if (template_run(template, both, NULL, &out, err) < 0)
        return -1;
    puts(str_text(&out));
    return 0;
}

static int run(struct cli *cli, void *values, char **args UNUSED, struct error *err)
{
    const struct version *version = values;
    const char *api_version = CLIENT_API_VERSION;
    _cleanup_json_ json *server = NULL;
    bool answered = client_version(cli->client, &api_version, err) == 0
                    && client_get(cli->client, "/version", &server, err) == 0;
    _cleanup_json_ json *client = client_document(api_version);
    if (server)
        ensure_components(server);
    if (version->format && *version->format) {
        int rc = print_template(version->format, client, server, err);
        return rc ? rc : answered ? 0 : -1;
    }
    print_client(client);
    if (answered)
        print_server(server);
    return answered ? 0 : -1;
}

const struct command command_version = {
    .usage = "[OPTIONS]",
    .summary = "Show the versions of client and engine",
    OPTIONS(options),
    .values_size = sizeof(struct version),
    .run = run,
};

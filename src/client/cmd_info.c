#include "base/memory.h"
#include "client/commands.h"
#include "client/human.h"
#include "client/listing.h"

struct info {
    const char *format;
};

static const struct option options[] = {
    OPTION(struct info, format, "format", 'f', TEXT, "How to print: json, or a Go template"),
};

static json *client_document(void)
{
    json *client = json_new_object();
    json_set_bool(client, "Debug", false);
    json_set_str(client, "Version", PADDOCK_VERSION);
    json_set_str(client, "Os", "linux");
    json_set_str(client, "Context", "default");
    json_set(client, "Plugins", json_new_array());
    json_set(client, "Warnings", NULL);
    return client;
}

/* ---- one printer per shape; rows say which ---- */

static void print_text(const char *label, const json *value)
{
    const char *text = json_object_get_string((json *)value);
    if (text && *text)
        printf(" %s: %s\n", label, text);
}

static void print_always(const char *label, const json *value)
{
    const char *text = json_object_get_string((json *)value);
    printf(" %s: %s\n", label, text ? text : "");
}

/* [ ["name", "value"], ... ] below the line before */
static void print_pairs(const char *label UNUSED, const json *value)
{
    for (size_t i = 0; i < json_count(value); i++) {
        json *pair = json_item(value, i);
        const char *text = json_object_get_string(json_item(pair, 1));
        if (str_eq(text, "<unknown>"))
            continue;
        printf("  %s: %s\n", json_object_get_string(json_item(pair, 0)), text);
    }
}

static void print_words(const char *label, const json *value)
{
    printf("  %s:", label);
    for (size_t i = 0; i < json_count(value); i++)
        printf(" %s", json_object_get_string(json_item(value, i)));
    putchar('\n');
}

static void print_plugins(const char *label, const json *value)
{
    printf(" %s:\n", label);
    print_words("Volume", json_get(value, "Volume"));
    print_words("Network", json_get(value, "Network"));
    if (json_count(json_get(value, "Authorization")))
        print_words("Authorization", json_get(value, "Authorization"));
    print_words("Log", json_get(value, "Log"));
}

static void print_swarm(const char *label, const json *value)
{
    const char *state = json_str(value, "LocalNodeState", "");
    if (*state)
        printf(" %s: %s\n", label, state);
}

static void print_runtimes(const char *label, const json *value)
{
    if (!json_object_is_type(value, json_type_object) || !json_object_object_length(value))
        return;
    printf(" %s:", label);
    json_object_object_foreach((json *)value, name, runtime)
    {
        (void)runtime;
        printf(" %s", name);
    }
    putchar('\n');
}

static void print_commit(const char *label, const json *value)
{
    if (json_get(value, "ID"))
        printf(" %s: %s\n", label, json_str(value, "ID", ""));
}

/* "name=seccomp,profile=builtin" */
static void print_security(const char *label, const json *value)
{
    if (!json_count(value))
        return;
    printf(" %s:\n", label);
    for (size_t i = 0; i < json_count(value); i++) {
        _cleanup_strv_ char **fields = strv_split(json_object_get_string(json_item(value, i)), ',');
        const char *name = strv_env_get(fields, "name");
        printf("  %s\n", name ? name : json_object_get_string(json_item(value, i)));
        for (char **field = fields; field && *field; field++)
            if (str_starts(*field, "profile="))
                printf("   Profile: %s\n", *field + strlen("profile="));
    }
}

static void print_memory(const char *label, const json *value)
{
    _cleanup_str_ struct str size = { 0 };
    human_size_binary((double)json_object_get_int64((json *)value), &size);
    printf(" %s: %s\n", label, str_text(&size));
}

static void print_list(const char *label, const json *value)
{
    if (!json_count(value))
        return;
    printf(" %s:\n", label);
    for (size_t i = 0; i < json_count(value); i++)
        printf("  %s\n", json_object_get_string(json_item(value, i)));
}

static void print_registries(const char *label, const json *value)
{
    json *indexes = json_get(value, "IndexConfigs"),
         *ranges = json_get(value, "InsecureRegistryCIDRs");
    printf(" %s:\n", label);
    if (json_object_is_type(indexes, json_type_object)) {
        json_object_object_foreach(indexes, name, index)
        {
            if (!json_flag(index, "Secure", true))
                printf("  %s\n", name);
        }
    }
    for (size_t i = 0; i < json_count(ranges); i++)
        printf("  %s\n", json_object_get_string(json_item(ranges, i)));
    if (json_count(json_get(value, "Mirrors"))) {
        puts(" Registry Mirrors:");
        for (size_t i = 0; i < json_count(json_get(value, "Mirrors")); i++)
            printf("  %s\n", json_object_get_string(json_item(json_get(value, "Mirrors"), i)));
    }
}

static void print_number(const char *label, const json *value)
{
    printf(" %s: %jd\n", label, (intmax_t)json_object_get_int64((json *)value));
}

static void print_number_below(const char *label, const json *value)
{
    printf("  %s: %jd\n", label, (intmax_t)json_object_get_int64((json *)value));
}

static const struct line {
    const char *label, *path;
    void (*print)(const char *label, const json *value);
} lines[] = {
    { "Containers", "Containers", print_number },
    { "Running", "ContainersRunning", print_number_below },
    { "Paused", "ContainersPaused", print_number_below },
    { "Stopped", "ContainersStopped", print_number_below },
    { "Images", "Images", print_number },
    { "Server Version", "ServerVersion", print_text },
    { "Storage Driver", "Driver", print_text },
    { NULL, "DriverStatus", print_pairs },
    { "Logging Driver", "LoggingDriver", print_text },
    { "Cgroup Driver", "CgroupDriver", print_text },
    { "Cgroup Version", "CgroupVersion", print_text },
    { "Plugins", "Plugins", print_plugins },
    { "Swarm", "Swarm", print_swarm },
    { "Runtimes", "Runtimes", print_runtimes },
    { "Default Runtime", "DefaultRuntime", print_text },
    { "Init Binary", "InitBinary", print_text },
    { "containerd version", "ContainerdCommit", print_commit },
    { "runc version", "RuncCommit", print_commit },
    { "init version", "InitCommit", print_commit },
    { "Security Options", "SecurityOptions", print_security },
    { "Kernel Version", "KernelVersion", print_text },
    { "Operating System", "OperatingSystem", print_text },
    { "OSType", "OSType", print_text },
    { "Architecture", "Architecture", print_text },
    { "CPUs", "NCPU", print_number },
    { "Total Memory", "MemTotal", print_memory },
    { "Name", "Name", print_text },
    { "ID", "ID", print_text },
    { "Docker Root Dir", "DockerRootDir", print_text },
    { "Debug Mode", "Debug", print_always },
    { "HTTP Proxy", "HttpProxy", print_text },
    { "HTTPS Proxy", "HttpsProxy", print_text },
    { "No Proxy", "NoProxy", print_text },
    { "Labels", "Labels", print_list },
    { "Experimental", "ExperimentalBuild", print_always },
    { "Insecure Registries", "RegistryConfig", print_registries },
    { "Live Restore Enabled", "LiveRestoreEnabled", print_always },
};

static void print_info(const json *info)
{
    puts("\nServer:");
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        const json *value = json_get(info, lines[i].path);
        if (value)
            lines[i].print(lines[i].label, value);
    }
    putchar('\n');
    fflush(stdout);
    const json *warnings = json_get(info, "Warnings");
    for (size_t i = 0; i < json_count(warnings); i++)
        fprintf(stderr, "%s\n", json_object_get_string(json_item(warnings, i)));
}

static int print_template(const char *format, json *info, struct error *err)
{
    _cleanup_template_ struct template *template = NULL;
    _cleanup_str_ struct str out = { 0 };
    _cleanup_free_ char *plain = format_unescape(str_eq(format, "json") ? "{{json .}}" : format);
    json_set(info, "ClientInfo", client_document());
    if (template_parse(plain, &template, err) < 0) {
        fprintf(stderr, "template parsing error: %s\n", err->text);
        return 64;
    }
    if (template_run(template, info, NULL, &out, err) < 0)
        return -1;
    puts(str_text(&out));
    return 0;
}

static int run(struct cli *cli, void *values, char **args UNUSED, struct error *err)
{
    const struct info *wanted = values;
    _cleanup_json_ json *info = NULL;
    bool answered = client_get(cli->client, "/info", &info, err) == 0;
    if (wanted->format && *wanted->format && answered)
        return print_template(wanted->format, info, err);
    if (wanted->format && *wanted->format)
        return -1;
    printf("Client:\n Version:    %s\n Context:    default\n Debug Mode: false\n", PADDOCK_VERSION);
    if (answered) {
        print_info(info);
        return 0;
    }
    puts("\nServer:");
    fflush(stdout);
    fprintf(stderr, "ERROR: %s\n", err->text);
    return error_set(err, err->kind, "errors pretty printing info");
}

const struct command command_info = {
    .usage = "[OPTIONS]",
    .summary = "Show what there is to know about the system",
    OPTIONS(options),
    .values_size = sizeof(struct info),
    .run = run,
};

/* pull */
#include "base/memory.h"
#include "client/commands.h"
#include "client/progress.h"
#include "client/pull.h"

int pull_reference(const char *text, struct reference *out, struct error *err)
{
    if (reference_parse(text, out, err) < 0)
        return -1;
    reference_default_tag(out);
    return 0;
}

int pull_image(struct cli *cli, const struct reference *reference, const char *platform,
    bool all_tags, FILE *to, bool quiet, struct error *err)
{
    _cleanup_free_ char *auth = NULL;
    _cleanup_free_ char *name = reference_familiar_repository(reference);
    _cleanup_strv_ char **headers = NULL;
    _cleanup_str_ struct str path = { 0 };
    if (credentials_header(&cli->file, reference->domain, &auth, err) < 0)
        return -1;
    if (*auth)
        strv_addf(&headers, "X-Registry-Auth: %s", auth);
    _cleanup_free_ char *base = client_path("/images/create?fromImage=%s", name);
    str_add(&path, base);
    if (!all_tags) {
        _cleanup_free_ char *tag =
            client_path("&tag=%s", reference->digest ? reference->digest : reference->tag);
        str_add(&path, tag);
    }
    if (platform && *platform) {
        _cleanup_free_ char *query = client_path("&platform=%s", platform);
        str_add(&path, query);
    }
    struct http_request request = {
        .method = "POST", .target = str_text(&path), .headers = headers
    };
    struct http_exchange *exchange = NULL;
    if (client_request(cli->client, &request, &exchange, err) < 0)
        return -1;
    return progress_stream(exchange, to, quiet, err);
}

struct pull {
    bool all_tags, quiet;
    const char *platform;
};

static const struct option pull_options[] = {
    OPTION(struct pull, all_tags, "all-tags", 'a', FLAG, "Pull every tag of the repository"),
    { .name = "disable-content-trust", .kind = OPTION_IGNORED_FLAG },
    OPTION(struct pull, platform, "platform", 0, TEXT,
        "Platform to choose where there are several"),
    OPTION(struct pull, quiet, "quiet", 'q', FLAG, "Show only the name when done"),
};

static int pull_run(struct cli *cli, void *values, char **args, struct error *err)
{
    const struct pull *pull = values;
    _cleanup_reference_ struct reference reference = { 0 };
    if (reference_parse(args[0], &reference, err) < 0)
        return -1;
    if (pull->all_tags && (reference.tag || reference.digest))
        return error_set(err, ERROR_INVALID, "tag can't be used with --all-tags/-a");
    if (!pull->all_tags && !reference.tag && !reference.digest) {
        reference_default_tag(&reference);
        if (!pull->quiet)
            printf("Using default tag: %s\n", reference.tag);
    }
    if (pull_image(cli, &reference, pull->platform, pull->all_tags, stdout, pull->quiet, err) < 0)
        return -1;
    _cleanup_free_ char *text = reference_text(&reference);
    puts(text);
    return 0;
}

const struct command command_pull = {
    .usage = "[OPTIONS] NAME[:TAG|@DIGEST]",
    .summary = "Get an image from a registry",
    .min_args = 1,
    .max_args = 1,
    OPTIONS(pull_options),
    .values_size = sizeof(struct pull),
    .run = pull_run,
};

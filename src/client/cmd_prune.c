/* system prune */
#include "base/memory.h"
#include "client/commands.h"
#include "client/prune.h"

struct prune {
    bool all, force, volumes;
    char **filters;
};

static const struct option options[] = {
    OPTION(struct prune, all, "all", 'a', FLAG,
        "Remove all images that no container uses, not only untagged ones"),
    OPTION(struct prune, filters, "filter", 0, LIST,
        "Remove only what meets a condition (label=NAME)", .type = "filter"),
    OPTION(struct prune, force, "force", 'f', FLAG, "Do not ask"),
    OPTION(struct prune, volumes, "volumes", 0, FLAG, "Remove anonymous volumes, too"),
};

static char *warning(const struct prune *prune)
{
    return xasprintf("WARNING! This will remove:\n"
                     "  - all stopped containers\n"
                     "  - all networks not used by at least one container\n"
                     "%s%s"
                     "  - unused build cache\n",
        prune->volumes ? "  - all anonymous volumes not used by at least one container\n" : "",
        prune->all ? "  - all images without at least one container associated to them\n"
                   : "  - all dangling images\n");
}

/* An engine that does not build has no cache to clean. */
static int prune_build_cache(struct cli *cli, const struct prune *prune, int64_t *reclaimed,
    struct error *err)
{
    if (prune_post(cli, "/build/prune", prune->filters, "CachesDeleted",
            "Deleted build cache objects", reclaimed, err)
            == 0
        || err->kind == ERROR_NOT_FOUND || err->kind == ERROR_UNSUPPORTED)
        return 0;
    return -1;
}

static int run(struct cli *cli, void *values, char **args UNUSED, struct error *err)
{
    struct prune *prune = values;
    int64_t reclaimed = 0;
    _cleanup_free_ char *text = warning(prune);
    _cleanup_strv_ char **image_filters = strv_dup(prune->filters);
    strv_addf(&image_filters, "dangling=%s", prune->all ? "false" : "true");
    for (char *const *filter = prune->filters; prune->volumes && filter && *filter; filter++)
        if (str_starts(*filter, "until="))
            return error_set(err, ERROR_INVALID,
                "ERROR: The \"until\" filter is not supported with \"--volumes\"");
    if (!prune->force && !prune_confirm(text))
        return error_set(err, ERROR_CANCELLED, "system prune has been cancelled");
    if (prune_post(cli, "/containers/prune", prune->filters, "ContainersDeleted",
            "Deleted Containers", &reclaimed, err)
            < 0
        || prune_post(cli, "/networks/prune", prune->filters, "NetworksDeleted", "Deleted Networks",
               &reclaimed, err)
               < 0
        || (prune->volumes
            && prune_post(cli, "/volumes/prune", prune->filters, "VolumesDeleted",
                   "Deleted Volumes", &reclaimed, err)
                   < 0)
        || prune_post(cli, "/images/prune", image_filters, "ImagesDeleted", "Deleted Images",
               &reclaimed, err)
               < 0
        || prune_build_cache(cli, prune, &reclaimed, err) < 0)
        return -1;
    prune_print_total(reclaimed);
    return 0;
}

const struct command command_system_prune = {
    .usage = "[OPTIONS]",
    .summary = "Remove what nobody uses",
    OPTIONS(options),
    .values_size = sizeof(struct prune),
    .run = run,
};

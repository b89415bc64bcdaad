/* rmi, tag, image prune */
#include "base/memory.h"
#include "client/commands.h"
#include "client/prune.h"
#include "oci/reference.h"

/* ---- rmi ---- */

struct rmi {
    bool force, no_prune;
};

static const struct option rmi_options[] = {
    OPTION(struct rmi, force, "force", 'f', FLAG,
        "Remove it even when it is in use, and do not mind when it is not there"),
    OPTION(struct rmi, no_prune, "no-prune", 0, FLAG, "Keep the untagged images it was made from"),
};

static int rmi_one(struct cli *cli, const char *name, const struct rmi *rmi, struct error *err)
{
    _cleanup_json_ json *answer = NULL;
    _cleanup_free_ char *path =
        client_path("/images/%s?force=%d&noprune=%d", name, rmi->force, rmi->no_prune);
    if (client_delete(cli->client, path, &answer, err) < 0)
        return -1;
    for (size_t i = 0; i < json_count(answer); i++) {
        json *step = json_item(answer, i);
        const char *deleted = json_str(step, "Deleted", "");
        if (*deleted)
            printf("Deleted: %s\n", deleted);
        else
            printf("Untagged: %s\n", json_str(step, "Untagged", ""));
    }
    return 0;
}

static int rmi_run(struct cli *cli, void *values, char **args, struct error *err UNUSED)
{
    const struct rmi *rmi = values;
    bool failed = false, fatal = false;
    for (char **arg = args; *arg; arg++) {
        struct error why = { 0 };
        if (rmi_one(cli, *arg, rmi, &why) == 0)
            continue;
        failed = true;
        fatal |= why.kind != ERROR_NOT_FOUND;
        fflush(stdout);
        fprintf(stderr, "%s\n", why.text);
    }
    return failed && (!rmi->force || fatal);
}

const struct command command_rmi = {
    .usage = "[OPTIONS] IMAGE [IMAGE...]",
    .summary = "Remove one or more images",
    .min_args = 1,
    .max_args = -1,
    OPTIONS(rmi_options),
    .values_size = sizeof(struct rmi),
    .run = rmi_run,
};

/* ---- tag ---- */

static int tag_run(struct cli *cli, void *values UNUSED, char **args, struct error *err)
{
    _cleanup_reference_ struct reference target = { 0 };
    if (reference_parse(args[1], &target, err) < 0) {
        char reason[sizeof err->text];
        memcpy(reason, err->text, sizeof reason);
        return error_set(err, ERROR_INVALID,
            "Error parsing reference: \"%s\" is not a valid repository/tag: %s", args[1], reason);
    }
    if (target.digest)
        return error_set(err, ERROR_INVALID, "refusing to create a tag with a digest reference");
    reference_default_tag(&target);
    _cleanup_free_ char *repository = reference_familiar_repository(&target);
    _cleanup_free_ char *path =
        client_path("/images/%s/tag?repo=%s&tag=%s", args[0], repository, target.tag);
    return client_post(cli->client, path, NULL, NULL, err);
}

const struct command command_tag = {
    .usage = "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
    .summary = "Give an image another name",
    .min_args = 2,
    .max_args = 2,
    .run = tag_run,
};

/* ---- prune ---- */

struct prune {
    bool all, force;
    char **filters;
};

static const struct option prune_options[] = {
    OPTION(struct prune, all, "all", 'a', FLAG,
        "Remove all that no container uses, not only untagged ones"),
    OPTION(struct prune, filters, "filter", 0, LIST,
        "Remove only what meets a condition (until=TIME)", .type = "filter"),
    OPTION(struct prune, force, "force", 'f', FLAG, "Do not ask"),
};

static int prune_run(struct cli *cli, void *values, char **args UNUSED, struct error *err)
{
    struct prune *prune = values;
    int64_t reclaimed = 0;
    strv_addf(&prune->filters, "dangling=%s", prune->all ? "false" : "true");
    if (!prune->force
        && !prune_confirm(prune->all ? "WARNING! This will remove all images without at least one "
                                       "container associated to them."
                                     : "WARNING! This will remove all dangling images."))
        return error_set(err, ERROR_CANCELLED, "image prune has been cancelled");
    if (prune_post(cli, "/images/prune", prune->filters, "ImagesDeleted", "Deleted Images",
            &reclaimed, err)
        < 0)
        return -1;
    prune_print_total(reclaimed);
    return 0;
}

const struct command command_image_prune = {
    .usage = "[OPTIONS]",
    .summary = "Remove images that nobody uses",
    OPTIONS(prune_options),
    .values_size = sizeof(struct prune),
    .run = prune_run,
};

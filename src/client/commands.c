#include "client/commands.h"

#include <stddef.h>

#define GROUP(name_, summary_, ...)                                                                \
    static const struct command_entry name_##_entries[] = { __VA_ARGS__, { 0 } };                  \
    static const struct command group_##name_ = { .summary = (summary_),                           \
        .entries = name_##_entries };

#define COMMAND(name, command) { name, &command_##command, ENTRY_PLAIN }
#define COMMON(name, command) { name, &command_##command, ENTRY_COMMON }
#define ALIAS(name, command) { name, &command_##command, ENTRY_ALIAS }
#define SUBGROUP(name, group) { name, &group_##group, ENTRY_PLAIN }
#define UNSUPPORTED(name) { name, NULL, ENTRY_UNSUPPORTED }

GROUP(container, "Manage containers", COMMAND("inspect", container_inspect), COMMAND("kill", kill),
    COMMAND("ls", ps), ALIAS("list", ps), ALIAS("ps", ps), COMMAND("pause", pause),
    COMMAND("rename", rename), COMMAND("restart", restart), COMMAND("rm", rm), ALIAS("remove", rm),
    COMMAND("stop", stop), COMMAND("unpause", unpause), COMMAND("wait", wait))

GROUP(image, "Manage images", COMMAND("history", history), COMMAND("inspect", image_inspect),
    COMMAND("ls", images), ALIAS("list", images))

GROUP(network, "Manage networks", COMMAND("connect", network_connect),
    COMMAND("create", network_create), COMMAND("disconnect", network_disconnect),
    COMMAND("inspect", network_inspect), COMMAND("ls", network_ls), ALIAS("list", network_ls),
    COMMAND("prune", network_prune), COMMAND("rm", network_rm), ALIAS("remove", network_rm))

GROUP(volume, "Manage volumes", COMMAND("create", volume_create),
    COMMAND("inspect", volume_inspect), COMMAND("ls", volume_ls), ALIAS("list", volume_ls),
    COMMAND("prune", volume_prune), COMMAND("rm", volume_rm), ALIAS("remove", volume_rm))

static const struct command_entry root_entries[] = {
    /* the common ones, in the order of --help */
    COMMON("run", run_container),
    COMMON("exec", exec),
    COMMON("ps", ps),
    COMMON("pull", pull),
    COMMON("images", images),
    COMMON("version", version),

    SUBGROUP("container", container),
    SUBGROUP("image", image),
    SUBGROUP("network", network),
    SUBGROUP("volume", volume),

    COMMAND("attach", attach),
    COMMAND("create", create),
    COMMAND("history", history),
    COMMAND("inspect", inspect),
    COMMAND("kill", kill),
    COMMAND("logs", logs),
    COMMAND("pause", pause),
    COMMAND("rename", rename),
    COMMAND("restart", restart),
    COMMAND("rm", rm),
    COMMAND("start", start),
    COMMAND("stop", stop),
    COMMAND("unpause", unpause),
    COMMAND("wait", wait),

    UNSUPPORTED("build"),
    UNSUPPORTED("builder"),
    UNSUPPORTED("buildx"),
    UNSUPPORTED("checkpoint"),
    UNSUPPORTED("compose"),
    UNSUPPORTED("config"),
    UNSUPPORTED("context"),
    UNSUPPORTED("manifest"),
    UNSUPPORTED("node"),
    UNSUPPORTED("plugin"),
    UNSUPPORTED("search"),
    UNSUPPORTED("secret"),
    UNSUPPORTED("service"),
    UNSUPPORTED("stack"),
    UNSUPPORTED("swarm"),
    UNSUPPORTED("trust"),
    { 0 },
};

const struct command command_root = {
    .summary = "Run and look after containers",
    .entries = root_entries,
};

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

GROUP(container, "Manage containers", COMMAND("attach", attach), COMMAND("commit", commit),
    COMMAND("cp", cp), COMMAND("create", create), COMMAND("diff", diff), COMMAND("exec", exec),
    COMMAND("export", export), COMMAND("inspect", container_inspect), COMMAND("kill", kill),
    COMMAND("logs", logs), COMMAND("ls", ps), ALIAS("list", ps), ALIAS("ps", ps),
    COMMAND("pause", pause), COMMAND("port", port), COMMAND("prune", container_prune),
    COMMAND("rename", rename), COMMAND("restart", restart), COMMAND("rm", rm), ALIAS("remove", rm),
    COMMAND("run", run_container), COMMAND("start", start), COMMAND("stats", stats),
    COMMAND("stop", stop), COMMAND("top", top), COMMAND("unpause", unpause),
    COMMAND("update", update), COMMAND("wait", wait))

GROUP(image, "Manage images", COMMAND("history", history), COMMAND("import", import),
    COMMAND("inspect", image_inspect), COMMAND("load", load), COMMAND("ls", images),
    ALIAS("list", images), COMMAND("prune", image_prune), COMMAND("pull", pull), COMMAND("rm", rmi),
    ALIAS("remove", rmi), COMMAND("save", save), COMMAND("tag", tag), UNSUPPORTED("build"),
    UNSUPPORTED("push"))

GROUP(network, "Manage networks", COMMAND("connect", network_connect),
    COMMAND("create", network_create), COMMAND("disconnect", network_disconnect),
    COMMAND("inspect", network_inspect), COMMAND("ls", network_ls), ALIAS("list", network_ls),
    COMMAND("prune", network_prune), COMMAND("rm", network_rm), ALIAS("remove", network_rm))

GROUP(system, "Manage the engine", COMMAND("df", df), COMMAND("events", events),
    COMMAND("info", info), COMMAND("prune", system_prune))

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
    COMMON("login", login),
    COMMON("logout", logout),
    COMMON("version", version),
    COMMON("info", info),

    SUBGROUP("container", container),
    SUBGROUP("image", image),
    SUBGROUP("network", network),
    SUBGROUP("system", system),
    SUBGROUP("volume", volume),

    COMMAND("attach", attach),
    COMMAND("commit", commit),
    COMMAND("cp", cp),
    COMMAND("create", create),
    COMMAND("diff", diff),
    COMMAND("events", events),
    COMMAND("export", export),
    COMMAND("history", history),
    COMMAND("import", import),
    COMMAND("inspect", inspect),
    COMMAND("kill", kill),
    COMMAND("load", load),
    COMMAND("logs", logs),
    COMMAND("pause", pause),
    COMMAND("port", port),
    COMMAND("rename", rename),
    COMMAND("restart", restart),
    COMMAND("rm", rm),
    COMMAND("rmi", rmi),
    COMMAND("save", save),
    COMMAND("start", start),
    COMMAND("stats", stats),
    COMMAND("stop", stop),
    COMMAND("tag", tag),
    COMMAND("top", top),
    COMMAND("unpause", unpause),
    COMMAND("update", update),
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
    UNSUPPORTED("push"),
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

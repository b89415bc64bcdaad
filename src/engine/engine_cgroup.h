/* engine_cgroup.h - the engine's part of the cgroup v2 hierarchy: ROOT/shims holds all shims, ROOT/c/ID one container. */
#pragma once

#include "engine/model.h"

/* Finds the hierarchy and the engine's part of it, makes the shims' leaf. Without a hierarchy all goes on without cgroups. */
void engine_cgroup_open(struct engine *engine);
/* Lets controllers through to the folder that is to hold the container's, which is not there afterwards. */
MUST_CHECK int cgroup_prepare(struct engine *engine, const char *path, struct error *err);
bool engine_has_controller(const struct engine *engine, const char *name);
/* The container's cgroup, as it exists now. */
MUST_CHECK int container_cgroup_open(struct container *container, struct error *err);
/* After its run. */
void container_cgroup_remove(struct container *container);
/* The same for a container that has no record any more; its parent is the default one. */
void engine_cgroup_kill(struct engine *engine, const char *id);

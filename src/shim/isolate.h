/* isolate.h - away from the mounts of the engine. */
#pragma once

#include "base/error.h"

/* Moves this process into a mount namespace of its own that holds one empty, read-only tmpfs; its descriptors stay as they
 * are. */
MUST_CHECK int isolate(struct error *err);

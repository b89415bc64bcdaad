/* refuse.h - what of a configuration is not done (private). */
#pragma once

#include "base/error.h"
#include "oci/spec.h"

/* ERROR_UNSUPPORTED with the member's name, or ERROR_INVALID for what contradicts itself. */
MUST_CHECK int refuse_spec(const struct oci_spec *spec, struct error *err);
MUST_CHECK int refuse_process(const struct oci_process *process, struct error *err);

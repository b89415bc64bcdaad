/* run_record.h - EXEC-ROOT/containers/ID/network.json: what a run occupies, for an engine that comes later. */
#pragma once

#include "engine/model.h"

MUST_CHECK int run_record_write(int run_fd, const struct run *run, struct error *err);
/* A missing record is an empty run. */
MUST_CHECK int run_record_read(int run_fd, struct run *out, struct error *err);

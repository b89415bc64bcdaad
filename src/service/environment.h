/* environment.h - what services know of the machine: rancher.environment, proxies, the kernel's version.
 *
 * A service's own value of a variable, "SERVICE/NAME", wins over "NAME". */
#pragma once

#include "base/error.h"
#include "base/json.h"

struct environment {
    char **variables; /* NAME=VALUE, also SERVICE/NAME=VALUE; owned */
};
void environment_read(const json *config, struct environment *environment);
void environment_done(struct environment *environment);
DEFINE_CLEANUP_STRUCT(environment, struct environment, environment_done)

const char *environment_get(const struct environment *environment, const char *service,
    const char *name);
/* An entry of a service's `environment`: NAME=VALUE stays; NAME takes the machine's value; PREFIX* takes all that begin so. Appended;
 * what the machine does not have is left out. */
void environment_entry(const struct environment *environment, const char *service,
    const char *entry, char ***out);
/* A copy of a definition in which ${NAME} and $NAME in strings are filled in ("" when unknown), $$ being a $. */
json *environment_fill(const struct environment *environment, const char *service,
    const json *definition);

/* definition.h - one compose-v1 definition into the body of POST /containers/create, by a table of keys. */
#pragma once

#include "base/error.h"
#include "base/json.h"

/* Everything but volumes_from. environment entries stand as they are to be (see environment.h). */
MUST_CHECK int definition_to_body(const json *definition, json **body, struct error *err);
/* Volumes as the body's HostConfig.Binds has them, SOURCE:TARGET[:MODE]; owned by the caller. */
char **definition_binds(const json *definition);
/* A list of strings where a single string may stand for a list of one. */
char **definition_strings(const json *definition, const char *key);

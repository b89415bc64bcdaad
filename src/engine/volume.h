/* volume.h - named folders that outlive containers: DATA-ROOT/volumes/NAME/{volume.json,_data}. */
#pragma once

#include "engine/engine.h"

struct volume_info {
    char *name;
    char *driver; /* "local" */
    char *mountpoint;
    char *created;  /* RFC 3339 */
    char **labels;  /* a map; NULL when none were given */
    char **options; /* a map */
    bool anonymous;
    int64_t references; /* containers that have it */
    int64_t size_bytes; /* -1 unless asked for */
};
void volume_info_done(struct volume_info *info);
DEFINE_CLEANUP_STRUCT(volume_info, struct volume_info, volume_info_done)

struct volume_create {
    const char *name; /* NULL or "": one is made up */
    const char *
        driver; /* NULL, "" or "local"; others are ERROR_NOT_FOUND as for a plugin that is not there */
    char *const *labels, *const *options; /* maps; options of local: type, device, o */
};
/* The volume that is there already when driver and options agree. */
MUST_CHECK int volume_create(struct engine *engine, const struct volume_create *request,
    struct volume_info *out, struct error *err);
MUST_CHECK int volume_inspect(struct engine *engine, const char *name, bool size,
    struct volume_info *out, struct error *err);
/* filters: dangling, driver, label, name. */
MUST_CHECK int volume_list(struct engine *engine, const char *filters, bool size,
    struct volume_info **out, size_t *count, struct error *err);
void volume_list_free(struct volume_info *list, size_t count);
/* ERROR_CONFLICT while a container has it; with force a missing one is success. */
MUST_CHECK int volume_remove(struct engine *engine, const char *name, bool force,
    struct error *err);
/* filters: all, label. Anonymous ones only, unless "all". */
MUST_CHECK int volumes_prune(struct engine *engine, const char *filters, char ***names,
    uint64_t *freed_bytes, struct error *err);

/* datasource.h - where user data and metadata come from. Private to cloudinit/. */
#pragma once

#include <stdbool.h>
#include "base/error.h"
#include "base/json.h"
#include "base/str.h"

struct datasource_data {
    struct str user_data; /* as it came; n == 0: none */
    json *metadata;       /* { hostname, ssh_authorized_keys: [...] }, or NULL */
};
void datasource_data_done(struct datasource_data *data);
DEFINE_CLEANUP_STRUCT(datasource_data, struct datasource_data, datasource_data_done)
#define _cleanup_datasource_data_ _cleanup_(datasource_data)

/* A backend: one file each. root is what follows "NAME:" in the configuration, or NULL. *found stays false, without failure, where
 * there is no such source on this machine. */
struct datasource {
    const char *name;
    int (*fetch)(const char *root, struct datasource_data *out, bool *found, struct error *err);
};
extern const struct datasource datasource_configdrive;
extern const struct datasource datasource_file;

#define USER_DATA_BYTES_MAX (16u << 20)

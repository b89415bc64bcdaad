#include <errno.h>
#include <fcntl.h>

#include "base/fd.h"
#include "cloudinit/datasource.h"

static int fetch(const char *root, struct datasource_data *out, bool *found, struct error *err)
{
    if (!root)
        return error_set(err, ERROR_INVALID, "datasource file: needs a path, as in file:/path");
    if (fd_read_file(AT_FDCWD, root, USER_DATA_BYTES_MAX, &out->user_data, err) < 0)
        return err->code == ENOENT ? 0 : -1;
    *found = true;
    return 0;
}

const struct datasource datasource_file = { "file", fetch };

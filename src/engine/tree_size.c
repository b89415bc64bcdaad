#include "engine/tree_size.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"

#define DEPTH_MAX 200

/* A file with n links counts 1/n each time it is met, which adds up when all its links are within. */
static int add_folder(int dir_fd, dev_t device, unsigned depth, uint64_t *sum, struct error *err)
{
    int list_fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_dir_ DIR *dir = list_fd >= 0 ? fdopendir(list_fd) : NULL;
    if (!dir)
        return error_sys(err, "read folder");
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        struct stat st;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0
            || fstatat(dir_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue; /* removed meanwhile */
        if (S_ISREG(st.st_mode))
            *sum += (uint64_t)st.st_size / (st.st_nlink ? st.st_nlink : 1);
        if (!S_ISDIR(st.st_mode) || st.st_dev != device || depth == DEPTH_MAX)
            continue;
        _cleanup_close_ int child =
            openat(dir_fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (child >= 0 && add_folder(child, device, depth + 1, sum, err) < 0)
            return -1;
    }
    return 0;
}

int tree_size(int dir_fd, uint64_t *out, struct error *err)
{
    struct stat st;
    *out = 0;
    if (fstat(dir_fd, &st) < 0)
        return error_sys(err, "inspect folder");
    return add_folder(dir_fd, st.st_dev, 0, out, err);
}

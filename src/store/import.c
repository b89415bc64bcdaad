#include "store/import.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"
#include "store/store.h"

static int tag_all(struct store *store, const struct image_loaded *loaded, size_t count,
    const char *name, struct error *err)
{
    _cleanup_reference_ struct reference reference = { 0 };
    if (!name)
        return 0;
    if (reference_parse(name, &reference, err) < 0)
        return -1;
    reference_default_tag(&reference);
    for (size_t i = 0; i < count; i++) {
        _cleanup_image_ struct image *image = NULL;
        if (image_find(store, loaded[i].id, &image, err) < 0
            || image_tag(store, image, &reference, NULL, err) < 0)
            return -1;
    }
    return 0;
}

static int import_archive(struct store *store, const char *path, const char *name,
    struct error *err)
{
    struct image_loaded *loaded = NULL;
    size_t count = 0;
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_sys(err, "open");
    struct source source = source_of_fd(&fd);
    if (image_load(store, &source, NULL, &loaded, &count, err) < 0)
        return -1;
    int rc = tag_all(store, loaded, count, name, err);
    for (size_t i = 0; rc == 0 && i < count; i++)
        printf("%s %s\n", loaded[i].id, name ? name : loaded[i].name ? loaded[i].name : "-");
    image_loaded_free(loaded, count);
    return rc;
}

static int import_all(struct store *store, int argc, char **argv, struct error *err)
{
    const char *name = NULL;
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--tag") == 0 && i + 1 < argc) {
            name = argv[++i];
            continue;
        }
        if (import_archive(store, argv[i], name, err) < 0)
            return error_prefix(err, "%s", argv[i]);
        name = NULL;
    }
    return 0;
}

/* ---- the same bits every time ---- */

static int set_times(int dir_fd, const char *path, struct error *err)
{
    static const struct timespec zero[2];
    return utimensat(dir_fd, path, zero, AT_SYMLINK_NOFOLLOW) == 0
               ? 0
               : error_sys(err, "set time of %s", path);
}

/* The folder and what is right in it; fs and kept have the times of their archive. */
static int settle_times(int root_fd, const char *path, struct error *err)
{
    _cleanup_close_ int fd = dir_open(root_fd, path, err);
    int list = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
    _cleanup_dir_ DIR *dir = list < 0 ? NULL : fdopendir(list);
    if (!dir)
        return error_sys(err, "list %s", path);
    for (struct dirent *entry; (entry = readdir(dir));) {
        struct stat st;
        bool dots = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
        if (dots || strcmp(entry->d_name, "fs") == 0)
            continue;
        if (fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            return error_sys(err, "inspect %s", entry->d_name);
        if (S_ISDIR(st.st_mode) && settle_times(fd, entry->d_name, err) < 0)
            return -1;
        if (set_times(fd, entry->d_name, err) < 0)
            return -1;
    }
    return 0;
}

static int finish(int root_fd, struct error *err)
{
    if (unlinkat(root_fd, "tmp", AT_REMOVEDIR) < 0)
        return error_sys(err, "remove tmp");
    if (dir_remove_tree(root_fd, "mountpoints", err) < 0 || settle_times(root_fd, ".", err) < 0)
        return -1;
    return set_times(root_fd, ".", err);
}

static int import_into(const char *folder, int argc, char **argv, struct error *err)
{
    struct store_options options = { .plain = true };
    umask(022);
    _cleanup_close_ int root_fd = dir_make_all(folder, 0755, err);
    if (root_fd < 0)
        return -1;
    _cleanup_store_ struct store *store = NULL;
    if (store_open(root_fd, &options, &store, err) < 0 || store_collect(store, err) < 0
        || import_all(store, argc, argv, err) < 0)
        return -1;
    return finish(root_fd, err);
}

int store_import_main(int argc, char **argv)
{
    struct error err;
    if (argc < 3) {
        fprintf(stderr, "usage: store-import STORE_DIR {[--tag NAME] TAR}...\n");
        return 2;
    }
    if (import_into(argv[1], argc - 2, argv + 2, &err) == 0)
        return 0;
    fprintf(stderr, "store-import: %s\n", err.text);
    return 1;
}

#include "runtime/mount_options.h"

#include <string.h>

#include "base/str.h"

enum option_kind {
    OPTION_NOTHING,
    OPTION_BIND,
    OPTION_RECURSIVE_BIND,
    OPTION_SET, /* attributes of the mount */
    OPTION_CLEAR,
    OPTION_ATIME,   /* one of MOUNT_ATTR__ATIME */
    OPTION_FS_FLAG, /* of the file system: handed to fsconfig */
    OPTION_REFUSED,
};

static const struct option {
    const char *name;
    enum option_kind kind;
    uint64_t attr;
    bool has_recursive; /* "r" before the name applies it to all mounts below */
} options[] = {
    { "defaults", OPTION_NOTHING, 0, false },
    { "bind", OPTION_BIND, 0, false },
    { "rbind", OPTION_RECURSIVE_BIND, 0, false },
    { "ro", OPTION_SET, MOUNT_ATTR_RDONLY, true },
    { "rw", OPTION_CLEAR, MOUNT_ATTR_RDONLY, true },
    { "nosuid", OPTION_SET, MOUNT_ATTR_NOSUID, true },
    { "suid", OPTION_CLEAR, MOUNT_ATTR_NOSUID, true },
    { "nodev", OPTION_SET, MOUNT_ATTR_NODEV, true },
    { "dev", OPTION_CLEAR, MOUNT_ATTR_NODEV, true },
    { "noexec", OPTION_SET, MOUNT_ATTR_NOEXEC, true },
    { "exec", OPTION_CLEAR, MOUNT_ATTR_NOEXEC, true },
    { "nodiratime", OPTION_SET, MOUNT_ATTR_NODIRATIME, true },
    { "diratime", OPTION_CLEAR, MOUNT_ATTR_NODIRATIME, true },
    { "nosymfollow", OPTION_SET, MOUNT_ATTR_NOSYMFOLLOW, true },
    { "symfollow", OPTION_CLEAR, MOUNT_ATTR_NOSYMFOLLOW, true },
    { "relatime", OPTION_ATIME, MOUNT_ATTR_RELATIME, true },
    { "norelatime", OPTION_ATIME, MOUNT_ATTR_STRICTATIME, true },
    { "noatime", OPTION_ATIME, MOUNT_ATTR_NOATIME, true },
    { "atime", OPTION_ATIME, MOUNT_ATTR_RELATIME, true },
    { "strictatime", OPTION_ATIME, MOUNT_ATTR_STRICTATIME, true },
    { "nostrictatime", OPTION_ATIME, MOUNT_ATTR_RELATIME, true },
    { "sync", OPTION_FS_FLAG, 0, false },
    { "dirsync", OPTION_FS_FLAG, 0, false },
    { "lazytime", OPTION_FS_FLAG, 0, false },
    { "async", OPTION_FS_FLAG, 0, false },
    { "nolazytime", OPTION_FS_FLAG, 0, false },
    { "mand", OPTION_FS_FLAG, 0, false },
    { "nomand", OPTION_FS_FLAG, 0, false },
    { "silent", OPTION_NOTHING, 0, false },
    { "loud", OPTION_NOTHING, 0, false },
    { "idmap", OPTION_REFUSED, 0, false },
    { "ridmap", OPTION_REFUSED, 0, false },
    { "tmpcopyup", OPTION_REFUSED, 0, false },
    { "remount", OPTION_REFUSED, 0, false },
};

static const struct {
    const char *name;
    unsigned long flag;
} propagations[] = {
    { "private", MS_PRIVATE },
    { "slave", MS_SLAVE },
    { "shared", MS_SHARED },
    { "unbindable", MS_UNBINDABLE },
};

unsigned long mount_propagation(const char *name, bool *recursive)
{
    for (size_t i = 0; i < ARRAY_LEN(propagations); i++) {
        *recursive = *name == 'r' && strcmp(name + 1, propagations[i].name) == 0;
        if (*recursive || strcmp(name, propagations[i].name) == 0)
            return propagations[i].flag;
    }
    return 0;
}

static const struct option *find(const char *name, bool *recursive)
{
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        *recursive = false;
        if (strcmp(options[i].name, name) == 0)
            return &options[i];
        *recursive = true;
        if (options[i].has_recursive && *name == 'r' && strcmp(options[i].name, name + 1) == 0)
            return &options[i];
    }
    return NULL;
}

/* The last one wins: "ro,rw" is writable. */
static void apply(const struct option *option, struct mount_attr *attr)
{
    if (option->kind == OPTION_CLEAR) {
        attr->attr_set &= ~option->attr;
        attr->attr_clr |= option->attr;
        return;
    }
    if (option->kind == OPTION_ATIME) {
        attr->attr_set &= ~(uint64_t)MOUNT_ATTR__ATIME;
        attr->attr_clr |= MOUNT_ATTR__ATIME;
    } else {
        attr->attr_clr &= ~option->attr;
    }
    attr->attr_set |= option->attr;
}

static int take(const char *text, struct mount_options *out, struct error *err)
{
    bool recursive = false;
    unsigned long propagation = mount_propagation(text, &recursive);
    if (propagation) {
        out->attr.propagation = propagation;
        out->recursive_propagation = recursive;
        return 0;
    }
    const struct option *option = find(text, &recursive);
    if (!option) {
        strv_add(&out->data, text);
        return 0;
    }
    switch (option->kind) {
    case OPTION_NOTHING:
        break;
    case OPTION_RECURSIVE_BIND:
        out->recursive_bind = true;
        out->bind = true;
        break;
    case OPTION_BIND:
        out->bind = true;
        break;
    case OPTION_SET:
    case OPTION_CLEAR:
    case OPTION_ATIME:
        apply(option, recursive ? &out->recursive_attr : &out->attr);
        break;
    case OPTION_FS_FLAG:
        strv_add(&out->data, text);
        break;
    case OPTION_REFUSED:
        return error_set(err, ERROR_UNSUPPORTED, "mount option %s is not supported", text);
    }
    return 0;
}

int mount_options_parse(const struct oci_mount *mount, struct mount_options *out, struct error *err)
{
    *out = (struct mount_options){ .bind = str_eq(mount->type, "bind") };
    for (char **option = mount->options; option && *option; option++) {
        if (take(*option, out, err) < 0) {
            mount_options_done(out);
            return -1;
        }
    }
    if (!out->bind && (!mount->type || !*mount->type || strcmp(mount->type, "none") == 0)) {
        mount_options_done(out);
        return error_set(err, ERROR_INVALID, "neither a type nor the option bind");
    }
    if (out->bind && out->data) {
        error_set(err, ERROR_INVALID, "mount option %s is not one of a bind mount", out->data[0]);
        mount_options_done(out);
        return -1;
    }
    return 0;
}

void mount_options_done(struct mount_options *options_)
{
    strv_free(options_->data);
    options_->data = NULL;
}

void mount_options_each(void (*each)(const char *name, void *arg), void *arg)
{
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        if (options[i].kind == OPTION_REFUSED)
            continue;
        each(options[i].name, arg);
        if (options[i].has_recursive) {
            char name[32] = "r";
            strncat(name, options[i].name, sizeof name - 2);
            each(name, arg);
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(propagations); i++) {
        char name[32] = "r";
        strncat(name, propagations[i].name, sizeof name - 2);
        each(propagations[i].name, arg);
        each(name, arg);
    }
}

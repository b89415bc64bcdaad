#include "boot/kmod.h"

#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/cmdline.h"
#include "base/fd.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/str.h"

#define SOFTDEP_DEPTH_MAX 8
#define TABLE_LIMIT_BYTES (4U << 20)
#define COMPRESSED_FILE 4 /* MODULE_INIT_COMPRESSED_FILE */

/* "-" and "_" are the same in names, but not within the [ ] of an alias. */
static void normalise(char *name)
{
    bool within = false;
    for (; *name; name++) {
        if (*name == '[' || *name == ']')
            within = *name == '[';
        else if (*name == '-' && !within)
            *name = '_';
    }
}

/* "kernel/fs/ext4/ext4.ko.xz" -> "ext4" */
static char *name_of_file(const char *file)
{
    const char *base = path_base(file);
    char *name = xstrndup(base, strcspn(base, "."));
    normalise(name);
    return name;
}

int kmod_open(struct kmod *kmod, const char *dir, struct error *err)
{
    struct utsname uts;
    *kmod = (struct kmod){ .dir_fd = -1 };
    if (uname(&uts) < 0)
        return error_sys(err, "uname");
    _cleanup_free_ char *own = xasprintf("/lib/modules/%s", uts.release);
    _cleanup_str_ struct str softdeps = { 0 }, cmdline = { 0 };
    kmod->dir_fd = open(dir ? dir : own, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct error ignored; /* softdeps, what is built in and parameters may be missing */
    if (kmod->dir_fd < 0) {
        error_sys(err, "open %s", dir ? dir : own);
        goto failed;
    }
    if (kmod_index_open(&kmod->dep, kmod->dir_fd, "modules.dep.bin", err) < 0
        || kmod_index_open(&kmod->alias, kmod->dir_fd, "modules.alias.bin", err) < 0)
        goto failed;
    if (kmod_index_open(&kmod->builtin, kmod->dir_fd, "modules.builtin.bin", &ignored) < 0)
        kmod->builtin = (struct kmod_index){ 0 };
    if (fd_read_file(kmod->dir_fd, "modules.softdep", TABLE_LIMIT_BYTES, &softdeps, &ignored) < 0)
        str_reset(&softdeps);
    if (fd_read_file(AT_FDCWD, "/proc/cmdline", TABLE_LIMIT_BYTES, &cmdline, &ignored) < 0)
        str_reset(&cmdline);
    kmod->softdeps = str_take(&softdeps);
    kmod->cmdline = cmdline_split(str_text(&cmdline));
    return 0;
failed:
    kmod_close(kmod);
    return -1;
}

void kmod_close(struct kmod *kmod)
{
    close_cleanup(&kmod->dir_fd);
    kmod_index_close(&kmod->dep);
    kmod_index_close(&kmod->alias);
    kmod_index_close(&kmod->builtin);
    free(kmod->softdeps);
    strv_free(kmod->cmdline);
    *kmod = (struct kmod){ .dir_fd = -1 };
}

/* The words of line that follow "pre:", up to the next "WORD:". */
static void add_pre(char *line, char ***names)
{
    bool pre = false;
    char *rest = NULL;
    for (char *word = strtok_r(line, " \t", &rest); word; word = strtok_r(NULL, " \t", &rest)) {
        if (str_ends(word, ":"))
            pre = str_eq(word, "pre:");
        else if (pre)
            strv_add(names, word);
    }
}

/* What "softdep NAME pre: A B post: C" lines ask for before name. */
static char **softdeps_of(const struct kmod *kmod, const char *name)
{
    char **names = NULL;
    struct view rest = view_of(kmod->softdeps), line;
    size_t n = strlen(name);
    while (view_split(&rest, '\n', &line)) {
        _cleanup_free_ char *text = view_dup(line);
        if (!str_starts(text, "softdep "))
            continue;
        char *of = text + strlen("softdep ");
        size_t length = strcspn(of, " ");
        _cleanup_free_ char *subject = xstrndup(of, length);
        normalise(subject);
        if (strlen(subject) == n && str_eq(subject, name))
            add_pre(of + length, &names);
    }
    return names;
}

/* The list that is being made. */
struct plan {
    const struct kmod *kmod;
    bool all; /* every module that a softdep's alias names, not the first alone */
    char **files;
};

static int add_files(struct plan *plan, const char *name, int depth, struct error *err);

static bool add_alias(const char *value, void *data)
{
    strv_add(data, value);
    return true;
}

/* A softdep may be an alias ("crypto-sha256") and may be missing: then the module works without. */
static void add_softdep(struct plan *plan, const char *text, int depth)
{
    _cleanup_free_ char *name = xstrdup(text);
    struct error ignored;
    normalise(name);
    if (add_files(plan, name, depth, &ignored) == 0)
        return;
    _cleanup_strv_ char **modules = NULL;
    kmod_index_match(&plan->kmod->alias, name, add_alias, &modules);
    for (char **module = modules; module && *module; module++)
        if (add_files(plan, *module, depth, &ignored) == 0 && !plan->all)
            return;
}

static void add_file(struct plan *plan, const char *file, int depth)
{
    if (strv_has(plan->files, file))
        return;
    if (depth < SOFTDEP_DEPTH_MAX) {
        _cleanup_free_ char *name = name_of_file(file);
        _cleanup_strv_ char **before = softdeps_of(plan->kmod, name);
        for (char **text = before; text && *text; text++)
            add_softdep(plan, *text, depth + 1);
    }
    if (!strv_has(plan->files, file))
        strv_add(&plan->files, file);
}

/* The table says "FILE: DEPENDENCY DEPENDENCY ...", those needed first standing last. */
static int add_files(struct plan *plan, const char *name, int depth, struct error *err)
{
    const char *line = kmod_index_find(&plan->kmod->dep, name);
    if (!line)
        return error_set(err, ERROR_NOT_FOUND, "module %s: not found", name);
    const char *colon = strchr(line, ':');
    if (!colon)
        return error_set(err, ERROR_INVALID, "module %s: broken table", name);
    _cleanup_strv_ char **needed = strv_split(colon + 1, ' ');
    for (size_t i = strv_len(needed); i > 0; i--)
        add_file(plan, needed[i - 1], depth);
    _cleanup_free_ char *file = xstrndup(line, (size_t)(colon - line));
    add_file(plan, file, depth);
    return 0;
}

static int make_plan(const struct kmod *kmod, const char *name, bool all, char ***files,
    struct error *err)
{
    _cleanup_free_ char *plain = xstrdup(name);
    struct plan plan = { .kmod = kmod, .all = all };
    normalise(plain);
    if (add_files(&plan, plain, 0, err) < 0) {
        strv_free(plan.files);
        return -1;
    }
    *files = plan.files;
    return 0;
}

int kmod_files(const struct kmod *kmod, const char *name, char ***files, struct error *err)
{
    return make_plan(kmod, name, true, files, err);
}

static bool is_live(const char *name)
{
    _cleanup_free_ char *path = xasprintf("/sys/module/%s/initstate", name);
    _cleanup_str_ struct str state = { 0 };
    struct error ignored;
    return fd_read_file(AT_FDCWD, path, 64, &state, &ignored) == 0
           && str_starts(str_text(&state), "live");
}

/* "NAME.KEY=VALUE" words become "KEY=VALUE", before the caller's. */
static char *parameters_of(const struct kmod *kmod, const char *name, const char *parameters)
{
    _cleanup_str_ struct str all = { 0 };
    for (char **word = kmod->cmdline; word && *word; word++) {
        size_t n = strcspn(*word, ".=");
        if ((*word)[n] != '.')
            continue;
        _cleanup_free_ char *module = xstrndup(*word, n);
        normalise(module);
        if (str_eq(module, name))
            str_addf(&all, "%s ", *word + n + 1);
    }
    if (kmod->alone)
        str_add(&all, "async_probe ");
    str_add(&all, parameters ? parameters : "");
    return str_take(&all);
}

static int load_file(const struct kmod *kmod, const char *file, const char *parameters,
    struct error *err)
{
    _cleanup_free_ char *name = name_of_file(file);
    if (is_live(name))
        return 0;
    _cleanup_close_ int fd = openat(kmod->dir_fd, file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_sys(err, "open module %s", file);
    _cleanup_free_ char *all = parameters_of(kmod, name, parameters);
    int flags = str_ends(file, ".ko") ? 0 : COMPRESSED_FILE;
    if (syscall(SYS_finit_module, fd, all, flags) < 0 && errno != EEXIST)
        return error_sys(err, "load module %s", name);
    return 0;
}

/* What fails on the way (a softdep for another processor) matters only if the module itself then fails, too. */
static int load_files(const struct kmod *kmod, char *const *files, const char *parameters,
    struct error *err)
{
    struct error first = { 0 };
    bool failed = false;
    for (; *files; files++) {
        if (!files[1] && kmod->probing)
            atomic_store(kmod->probing, true);
        if (load_file(kmod, *files, files[1] ? NULL : parameters, err) == 0) {
            if (!files[1])
                return 0;
        } else if (!failed) {
            failed = true;
            first = *err;
        }
    }
    *err = first;
    return -1;
}

/* Of a softdep's alternatives one is enough, mostly: the first is tried alone. */
static int load_module(const struct kmod *kmod, const char *name, const char *parameters,
    struct error *err)
{
    _cleanup_strv_ char **few = NULL, **all = NULL;
    struct error ignored;
    if (make_plan(kmod, name, false, &few, err) < 0)
        return -1;
    if (load_files(kmod, few, parameters, err) == 0)
        return 0;
    if (make_plan(kmod, name, true, &all, &ignored) < 0 || strv_len(all) == strv_len(few))
        return -1;
    return load_files(kmod, all, parameters, err);
}

int kmod_load(struct kmod *kmod, const char *name, const char *parameters, struct error *err)
{
    _cleanup_free_ char *plain = xstrdup(name);
    normalise(plain);
    if (kmod_index_find(&kmod->builtin, plain))
        return 0;
    if (kmod_index_find(&kmod->dep, plain))
        return load_module(kmod, plain, parameters, err);
    _cleanup_strv_ char **modules = NULL;
    kmod_index_match(&kmod->alias, plain, add_alias, &modules);
    int rc = error_set(err, ERROR_NOT_FOUND, "module %s: not found", name);
    for (char **module = modules; module && *module; module++) {
        struct error one = { 0 };
        if (load_module(kmod, *module, parameters, &one) == 0)
            rc = 0;
        else if (rc < 0)
            *err = one;
    }
    return rc;
}

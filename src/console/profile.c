#include <string.h>

#include "base/atomic_file.h"
#include "base/cleanup.h"
#include "base/memory.h"
#include "base/path.h"
#include "config/config.h"
#include "console/steps.h"

#define PROFILE_DIR "/etc/profile.d"

/* 'text' for a shell. */
static void add_quoted(struct str *out, const char *text)
{
    str_addc(out, '\'');
    for (; *text; text++)
        if (*text == '\'')
            str_add(out, "'\\''");
        else
            str_addc(out, *text);
    str_addc(out, '\'');
}

static bool is_variable(const char *name)
{
    size_t n = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");
    return n && !name[n] && (*name < '0' || *name > '9');
}

static void add_export(struct str *out, const char *name, const char *value)
{
    if (!value || !is_variable(name))
        return;
    str_addf(out, "export %s=", name);
    add_quoted(out, value);
    str_addc(out, '\n');
}

static int write_script(int dir_fd, const char *name, const struct str *text, struct error *err)
{
    return text->n ? atomic_file_write_volatile(dir_fd, name, text->p, text->n, 0644, err) : 0;
}

static void add_proxies(const json *config, struct str *out)
{
    static const struct {
        const char *key, *upper, *lower;
    } proxies[] = {
        { "rancher.network.http_proxy", "HTTP_PROXY", "http_proxy" },
        { "rancher.network.https_proxy", "HTTPS_PROXY", "https_proxy" },
        { "rancher.network.no_proxy", "NO_PROXY", "no_proxy" },
    };
    for (size_t i = 0; i < ARRAY_LEN(proxies); i++) {
        add_export(out, proxies[i].upper, config_str(config, proxies[i].key, NULL));
        add_export(out, proxies[i].lower, config_str(config, proxies[i].key, NULL));
    }
}

/* proxy.sh from rancher.network, path.sh with PATH of rancher.environment, environment.sh with the rest of it. */
int profile_write(const json *config, struct error *err)
{
    _cleanup_str_ struct str proxy = { 0 }, path = { 0 }, environment = { 0 };
    const json *variables = config_get(config, "rancher.environment");
    _cleanup_strv_ char **names = json_keys(variables);
    add_proxies(config, &proxy);
    for (char **name = names; *name; name++)
        add_export(strcmp(*name, "PATH") == 0 ? &path : &environment, *name,
            json_str(variables, *name, NULL));
    _cleanup_close_ int dir_fd = dir_make_all(PROFILE_DIR, 0755, err);
    if (dir_fd < 0 || write_script(dir_fd, "proxy.sh", &proxy, err) < 0
        || write_script(dir_fd, "path.sh", &path, err) < 0)
        return -1;
    return write_script(dir_fd, "environment.sh", &environment, err);
}

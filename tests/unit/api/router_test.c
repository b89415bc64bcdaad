#include "check.h"

#include "api/fields.h"
#include "api/router.h"
#include "base/memory.h"

static int handler_a(struct request *req, struct error *err)
{
    return 0;
}

static const struct route rows[] = {
    { METHOD_GET, "/images/{name*}/json", 24, 0, handler_a },
    { METHOD_GET, "/images/json", 24, 0, handler_a },
    { METHOD_DELETE, "/images/{name*}", 24, 0, handler_a },
    { METHOD_POST, "/containers/{id}/start", 24, 0, handler_a },
    { METHOD_POST, "/containers/create", 24, 0, handler_a },
    { METHOD_GET, "/old", 24, 30, handler_a },
    { METHOD_GET, "/new", 31, 0, handler_a },
    { METHOD_GET, "/{name*}", 24, 0, handler_a },
};
static const struct routes routes = { rows, ARRAY_LEN(rows) };

static void route_find__prefers_the_most_literal_row(void **state)
{
    static const struct {
        enum http_method method;
        const char *path;
        int minor;
        const char *pattern, *name; /* NULL: no row */
    } cases[] = {
        { METHOD_GET, "/images/json", 45, "/images/json", NULL },
        { METHOD_GET, "/images/busybox/json", 45, "/images/{name*}/json", "busybox" },
        { METHOD_GET, "/images/host:5000/a/b:1/json", 45, "/images/{name*}/json",
            "host:5000/a/b:1" },
        { METHOD_GET, "/images/json/json", 45, "/images/{name*}/json", "json" },
        { METHOD_DELETE, "/images/a/b", 45, "/images/{name*}", "a/b" },
        { METHOD_DELETE, "/images", 45, NULL, NULL },
        { METHOD_POST, "/containers//web/start", 45, "/containers/{id}/start", "web" },
        { METHOD_POST, "/containers/a/b/start", 45, NULL, NULL },
        { METHOD_POST, "/containers/create/", 45, "/containers/create", NULL },
        { METHOD_PUT, "/containers/create", 45, NULL, NULL },
        { METHOD_GET, "/old", 31, "/{name*}", "old" },
        { METHOD_GET, "/old", 30, "/old", NULL },
        { METHOD_GET, "/new", 30, "/{name*}", "new" },
        { METHOD_GET, "/", 30, NULL, NULL },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_free_ char *name = NULL;
        const struct route *row =
            route_find(&routes, cases[i].method, cases[i].path, cases[i].minor, &name);
        CHECK(str_eq(row ? row->pattern : NULL, cases[i].pattern), "%s: got %s, wanted %s",
            cases[i].path, row ? row->pattern : "none", cases[i].pattern);
        CHECK(!row || str_eq(name, cases[i].name), "%s: name %s, wanted %s", cases[i].path, name,
            cases[i].name);
    }
}

static void version_take__refuses_in_dockers_words(void **state)
{
    static const struct {
        const char *path, *rest;
        int minor;
        const char *refusal;
    } cases[] = {
        { "/v1.24/info", "/info", 24, NULL },
        { "/v1.52/info", "/info", 52, NULL },
        { "/info", "/info", 7, NULL },
        { "/volumes", "/volumes", 7, NULL },
        { "/v1.24", "/v1.24", 7, NULL },
        { "/v1.53/info", NULL, 0, "client version 1.53 is too new. Maximum" },
        { "/v2/info", NULL, 0, "client version 2 is too new" },
        { "/v1.23/info", NULL, 0, "client version 1.23 is too old. Minimum supported API" },
        { "/v1/info", NULL, 0, "too old" },
        { "/v1.99999999999999999999/info", NULL, 0, "too new" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err = { 0 };
        _cleanup_free_ char *path = xstrdup(cases[i].path);
        int minor = 7, rc = version_take(path, &minor, &err);
        if (cases[i].refusal)
            CHECK(rc < 0 && err.kind == ERROR_INVALID && strstr(err.text, cases[i].refusal),
                "%s: %d %s", cases[i].path, rc, err.text);
        else
            CHECK(rc == 0 && minor == cases[i].minor && str_eq(path, cases[i].rest), "%s: %d %d %s",
                cases[i].path, rc, minor, path);
    }
}

static void fields_apply__removes_what_a_version_does_not_have(void **state)
{
    static const struct {
        const char *document, *in;
        int minor;
        const char *out;
    } cases[] = {
        { "container", "{\"NetworkSettings\":{\"IPAddress\":\"a\",\"Ports\":{}}}", 52,
            "{\"NetworkSettings\":{\"Ports\":{}}}" },
        { "container", "{\"NetworkSettings\":{\"IPAddress\":\"a\"}}", 51,
            "{\"NetworkSettings\":{\"IPAddress\":\"a\"}}" },
        { "container", "{\"NetworkSettings\":{\"Networks\":{\"x\":{\"GwPriority\":1}}}}", 47,
            "{\"NetworkSettings\":{\"Networks\":{\"x\":{}}}}" },
        { "container", "{\"Config\":{\"OnBuild\":[\"x\"]}}", 52,
            "{\"Config\":{\"OnBuild\":[\"x\"]}}" },
        { "container", "{\"Config\":{\"OnBuild\":null}}", 52, "{\"Config\":{}}" },
        { "image-list", "[{\"VirtualSize\":1},{\"VirtualSize\":2}]", 44, "[{},{}]" },
        { "image-list", "[{\"VirtualSize\":1}]", 43, "[{\"VirtualSize\":1}]" },
        { "image-list", "{\"VirtualSize\":1}", 44, "{\"VirtualSize\":1}" },
        { "info", "{\"FirewallBackend\":{}}", 48, "{}" },
        { "nothing", "{\"Warnings\":[]}", 38, "{\"Warnings\":[]}" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err = { 0 };
        _cleanup_json_ json *value = NULL;
        _cleanup_str_ struct str text = { 0 };
        CHECK_OK(json_parse(cases[i].in, strlen(cases[i].in), &value, &err));
        fields_apply(cases[i].document, value, cases[i].minor);
        json_text(value, &text);
        CHECK(str_eq(text.p, cases[i].out), "%s 1.%d %s: %s", cases[i].document, cases[i].minor,
            cases[i].in, text.p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(route_find__prefers_the_most_literal_row),
        cmocka_unit_test(version_take__refuses_in_dockers_words),
        cmocka_unit_test(fields_apply__removes_what_a_version_does_not_have),
    };
    return cmocka_run_group_tests_name("api/router", tests, NULL, NULL);
}

#include "check.h"

#include <fcntl.h>
#include <unistd.h>

#include "api/routes.h"
#include "base/fd.h"
#include "base/memory.h"

static const char *const method_names[] = {
    [METHOD_OTHER] = "?",
    [METHOD_GET] = "GET",
    [METHOD_HEAD] = "HEAD",
    [METHOD_POST] = "POST",
    [METHOD_PUT] = "PUT",
    [METHOD_DELETE] = "DELETE",
};

static const char head[] = "# The Docker Engine API here\n\n"
                           "Versions 1.24 to 1.52 are served side by side; a client that names "
                           "none gets the newest. The columns\n"
                           "come from the table in src/api/routes.c (tests/unit/api/routes_test.c "
                           "compares). A route that is not served\n"
                           "answers 501 and says why; `{name*}` may hold slashes. Which member of "
                           "an answer exists in which version is the\n"
                           "table in src/api/fields.c.\n\n"
                           "| method | path | |\n|---|---|---|\n";

static void routes__are_well_formed(void **state)
{
    for (size_t i = 0; i < api_routes.count; i++) {
        const struct route *row = &api_routes.rows[i];
        CHECK(row->method != METHOD_OTHER && row->pattern[0] == '/', "%s", row->pattern);
        CHECK(!row->handler == !!row->refusal, "%s: a handler or a refusal", row->pattern);
        CHECK(row->oldest >= API_OLDEST && (!row->newest || row->newest <= API_NEWEST), "%s",
            row->pattern);
        for (size_t k = 0; k < i; k++)
            CHECK(api_routes.rows[k].method != row->method
                      || strcmp(api_routes.rows[k].pattern, row->pattern) != 0,
                "%s is there twice", row->pattern);
    }
}

static void routes__are_listed_in_the_docs(void **state)
{
    struct error err = { 0 };
    _cleanup_str_ struct str want = { 0 }, got = { 0 };
    _cleanup_free_ char *path = xasprintf("%s/../../../docs/API.md", getenv("TEST_DATA"));
    str_add(&want, head);
    for (size_t i = 0; i < api_routes.count; i++) {
        const struct route *row = &api_routes.rows[i];
        str_addf(&want, "| %s | `%s` | %s%s |\n", method_names[row->method], row->pattern,
            row->handler ? "served" : "not served: ", row->handler ? "" : row->refusal);
    }
    if (getenv("WRITE_DOCS")) {
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        CHECK(fd >= 0, "%s", path);
        CHECK_OK(fd_write_all(fd, want.p, want.n, &err));
    }
    CHECK_OK(fd_read_file(AT_FDCWD, path, 1 << 20, &got, &err));
    CHECK(str_eq(got.p, want.p), "docs/API.md is old: run this with WRITE_DOCS=1 and TEST_DATA=%s",
        getenv("TEST_DATA"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(routes__are_well_formed),
        cmocka_unit_test(routes__are_listed_in_the_docs),
    };
    return cmocka_run_group_tests_name("api/routes", tests, NULL, NULL);
}

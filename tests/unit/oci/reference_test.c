#include "check.h"

#include "oci/reference.h"

static void reference_parse__normalises_as_docker_does(void **state)
{
    static const struct {
        const char *text, *canonical, *familiar; /* canonical NULL: refused */
    } cases[] = {
        { "busybox", "docker.io/library/busybox:latest", "busybox:latest" },
        { "busybox:1.36", "docker.io/library/busybox:1.36", "busybox:1.36" },
        { "library/busybox", "docker.io/library/busybox:latest", "busybox:latest" },
        { "u/app", "docker.io/u/app:latest", "u/app:latest" },
        { "docker.io/busybox", "docker.io/library/busybox:latest", "busybox:latest" },
        { "index.docker.io/u/app", "docker.io/u/app:latest", "u/app:latest" },
        { "docker.io/a/b/c", "docker.io/a/b/c:latest", "a/b/c:latest" },
        { "library/a/b", "docker.io/library/a/b:latest", "library/a/b:latest" },
        { "localhost/app", "localhost/app:latest", "localhost/app:latest" },
        { "localhost:5000/app:1", "localhost:5000/app:1", "localhost:5000/app:1" },
        { "host/app", "docker.io/host/app:latest", "host/app:latest" },
        { "host.name/app", "host.name/app:latest", "host.name/app:latest" },
        { "HOST/app", "HOST/app:latest", "HOST/app:latest" },
        { "[::1]:5000/app", "[::1]:5000/app:latest", "[::1]:5000/app:latest" },
        { "127.0.0.1:5000/a/b", "127.0.0.1:5000/a/b:latest", "127.0.0.1:5000/a/b:latest" },
        { "app@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
            "docker.io/library/"
            "app@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
            "app@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" },
        { "app:1@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
            "docker.io/library/"
            "app:1@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
            "app:1@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" },
        { "a__b.c-d--e", "docker.io/library/a__b.c-d--e:latest", "a__b.c-d--e:latest" },
        { "a:Tag_1.2-x", "docker.io/library/a:Tag_1.2-x", "a:Tag_1.2-x" },
        { "", NULL, NULL },
        { "Busybox", NULL, NULL },
        { "u/App", NULL, NULL },
        { "a:", NULL, NULL },
        { "a:.tag", NULL, NULL },
        { "a:b:c", NULL, NULL },
        { "a@sha256:12", NULL, NULL },
        { "a@", NULL, NULL },
        { "a//b", NULL, NULL },
        { "/a", NULL, NULL },
        { "a/", NULL, NULL },
        { "a___b", NULL, NULL },
        { "a..b", NULL, NULL },
        { "-a", NULL, NULL },
        { "a b", NULL, NULL },
        { "host.name:port/a", NULL, NULL },
        { "host.name:99999/a", NULL, NULL },
        { "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", NULL, NULL },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err = { 0 };
        _cleanup_reference_ struct reference reference = { 0 };
        int rc = reference_parse(cases[i].text, &reference, &err);
        CHECK((rc < 0) == !cases[i].canonical, "reference_parse(\"%s\") = %d %s", cases[i].text, rc,
            err.text);
        CHECK(rc == 0 || err.kind == ERROR_INVALID, "kind %d", err.kind);
        if (rc < 0)
            continue;
        reference_default_tag(&reference);
        _cleanup_free_ char *canonical = reference_text(&reference),
                            *familiar = reference_familiar(&reference);
        CHECK(strcmp(canonical, cases[i].canonical) == 0
                  && strcmp(familiar, cases[i].familiar) == 0,
            "\"%s\" is %s, %s", cases[i].text, canonical, familiar);
        _cleanup_free_ char *back = reference_text_familiar(canonical);
        CHECK(strcmp(back, familiar) == 0, "%s gives %s", canonical, back);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reference_parse__normalises_as_docker_does),
    };
    return cmocka_run_group_tests_name("oci/reference", tests, NULL, NULL);
}

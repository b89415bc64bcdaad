#include "check.h"

#include "oci/digest.h"
#include "oci/image.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define DIGEST "sha256:" HEX

static void digest__is_sha256(void **state)
{
    char digest[DIGEST_SIZE], chain[DIGEST_SIZE];
    digest_of("abc", 3, digest);
    CHECK(strcmp(digest, "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
              == 0,
        "%s", digest);
    digest_chain(NULL, DIGEST, chain);
    CHECK(strcmp(chain, DIGEST) == 0, "%s", chain);
    digest_chain(DIGEST, DIGEST, chain); /* sha256sum of "DIGEST DIGEST" */
    CHECK(strcmp(chain, "sha256:ccdf9b58ee7087c8f4415f1c3e98945bf64a4cd9920de109ec94d64947636830")
              == 0,
        "%s", chain);
    static const char *const invalid[] = { "", "sha256:", HEX, "sha512:" HEX, DIGEST "0",
        "sha256:"
        "G" HEX,
        "sha256:0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef" };
    for (size_t i = 0; i < ARRAY_LEN(invalid); i++)
        CHECK(!digest_is_valid(invalid[i]), "\"%s\" was taken", invalid[i]);
}

static void image_config_parse__reads_what_matters(void **state)
{
    static const char text[] =
        "{\"architecture\":\"amd64\",\"os\":\"linux\",\"created\":\"2024-01-02T03:04:05Z\","
        "\"unknown\":[1],"
        "\"config\":{\"User\":\"1000:10\",\"Env\":[\"A=b\",\"C\"],\"Entrypoint\":\"/bin/"
        "old\",\"Cmd\":null,"
        "\"Labels\":{\"k\":\"v\"},\"StopSignal\":\"SIGINT\",\"Healthcheck\":{\"Test\":[\"NONE\"],"
        "\"Retries\":3}},"
        "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" DIGEST "\"]},"
        "\"history\":[{\"created_by\":\"ADD\"},{\"created_by\":\"ENV\",\"empty_layer\":true}]}";
    struct error err = { 0 };
    _cleanup_image_config_ struct image_config config = { 0 };
    CHECK_OK(image_config_parse(text, sizeof text - 1, &config, &err));
    CHECK(strcmp(config.run.user, "1000:10") == 0 && strcmp(config.run.env[0], "A=b") == 0
              && strcmp(config.run.env[1], "C") == 0
              && strcmp(config.run.entrypoint[0], "/bin/old") == 0 && !config.run.cmd
              && strcmp(config.run.labels[0], "k=v") == 0 && config.run.healthcheck->retries == 3,
        "config");
    CHECK(config.history_count == 2 && config.history[1].empty_layer
              && strcmp(config.diff_ids[0], DIGEST) == 0,
        "history");
    CHECK(json_get(config.document, "unknown") != NULL, "what is not known is lost");
}

static void image_documents__are_checked(void **state)
{
    enum { CONFIG, MANIFEST, INDEX, KIND };
    static const struct {
        int what;
        const char *text, *words;
        enum error_kind kind;
    } cases[] = {
        { CONFIG, "", "JSON", ERROR_INVALID },
        { CONFIG, "[]", "must be an object", ERROR_INVALID },
        { CONFIG, "{}", "rootfs", ERROR_INVALID },
        { CONFIG, "{\"rootfs\":{\"type\":\"other\"}}", "rootfs", ERROR_INVALID },
        { CONFIG, "{\"rootfs\":{\"diff_ids\":[\"x\"]}}", "diff_ids[0]", ERROR_INVALID },
        { CONFIG, "{\"rootfs\":{\"diff_ids\":[7]}}", "diff_ids[0]", ERROR_INVALID },
        { CONFIG, "{\"os\":\"windows\",\"rootfs\":{}}", "operating system", ERROR_UNSUPPORTED },
        { CONFIG, "{\"rootfs\":{},\"history\":[{}]}", "tells of 1 layers", ERROR_INVALID },
        { CONFIG, "{\"config\":{\"Env\":[1]},\"rootfs\":{}}", "config: Env[0]", ERROR_INVALID },
        { MANIFEST, "{\"layers\":[]}", "config: is missing", ERROR_INVALID },
        { MANIFEST, "{\"config\":{\"digest\":\"md5:1\",\"size\":1}}", "is not sha256",
            ERROR_UNSUPPORTED },
        { MANIFEST, "{\"config\":{\"digest\":\"" DIGEST "\",\"size\":-1}}", "config.size",
            ERROR_INVALID },
        { MANIFEST, "{\"config\":{\"digest\":\"" DIGEST "\",\"size\":1},\"layers\":[{}]}",
            "layers[0]", ERROR_INVALID },
        { INDEX, "{\"manifests\":[{\"size\":1}]}", "manifests[0]", ERROR_INVALID },
        { KIND, "{\"layers\":[],\"manifests\":[]}", "either", ERROR_INVALID },
        { KIND, "{}", "either", ERROR_INVALID },
        { KIND, "{\"schemaVersion\":1,\"fsLayers\":[]}", "schema version 1", ERROR_UNSUPPORTED },
        { KIND, "{\"mediaType\":\"" MEDIA_OCI_INDEX "\",\"layers\":[]}", "media type",
            ERROR_UNSUPPORTED },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err = { 0 };
        struct image_config config = { 0 };
        struct image_manifest manifest = { 0 };
        struct image_index index = { 0 };
        enum image_document kind;
        size_t n = strlen(cases[i].text);
        int rc = cases[i].what == CONFIG ? image_config_parse(cases[i].text, n, &config, &err)
                 : cases[i].what == MANIFEST
                     ? image_manifest_parse(cases[i].text, n, &manifest, &err)
                 : cases[i].what == INDEX ? image_index_parse(cases[i].text, n, &index, &err)
                                          : image_document_kind(cases[i].text, n, &kind, &err);
        CHECK(rc < 0 && err.kind == cases[i].kind && strstr(err.text, cases[i].words),
            "case %zu: %d, kind %d \"%s\"", i, rc, err.kind, err.text);
    }
}

static void image_documents__hold_so_many_values(void **state)
{
    static const char *const pieces[] = { "[],", "{},", "0," };
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        struct error err = { 0 };
        enum image_document kind;
        _cleanup_str_ struct str text = { 0 };
        str_add(&text, "{\"layers\":[");
        while (text.n < (1U << 20))
            str_add(&text, pieces[i]);
        str_add(&text, "0]}");
        CHECK_FAILS(image_document_kind(text.p, text.n, &kind, &err), ERROR_INVALID,
            "too many values");
    }
}

static void image_index_choose__takes_the_best_fit(void **state)
{
    static const struct {
        const char *have[4], *want;
        int chosen; /* -1: none */
    } cases[] = {
        { { "linux/amd64", "linux/arm64/v8" }, "linux/amd64", 0 },
        { { "linux/amd64", "linux/arm64/v8" }, "arm64", 1 },
        { { "linux/amd64", "linux/arm64/v8" }, "aarch64", 1 },
        { { "windows/amd64", "linux/amd64" }, "amd64", 1 },
        { { "linux/amd64/v3", "linux/amd64" }, "amd64", 1 },
        { { "linux/amd64/v3" }, "amd64", -1 },
        { { "linux/arm/v6", "linux/arm/v7" }, "linux/arm/v7", 1 },
        { { "linux/arm/v6", "linux/arm/v7" }, "armhf", 1 },
        { { "linux/386" }, "linux/amd64", -1 },
        { { "unknown/unknown", "linux/s390x" }, "s390x", 1 },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err = { 0 };
        _cleanup_str_ struct str text = { 0 };
        _cleanup_image_index_ struct image_index index = { 0 };
        _cleanup_image_platform_ struct image_platform platform = { 0 };
        const struct image_descriptor *chosen = NULL;
        str_add(&text, "{\"manifests\":[");
        for (size_t n = 0; n < 4 && cases[i].have[n]; n++) {
            _cleanup_strv_ char **parts = strv_split(cases[i].have[n], '/');
            str_addf(&text,
                "%s{\"digest\":\"" DIGEST
                "\",\"size\":1,\"platform\":{\"os\":\"%s\",\"architecture\":\"%s\"",
                n ? "," : "", parts[0], parts[1]);
            if (parts[2])
                str_addf(&text, ",\"variant\":\"%s\"", parts[2]);
            str_add(&text, "}}");
        }
        str_add(&text, "]}");
        CHECK_OK(image_index_parse(text.p, text.n, &index, &err));
        CHECK_OK(image_platform_parse(cases[i].want, &platform, &err));
        int rc = image_index_choose(&index, &platform, &chosen, &err);
        int got = rc < 0 ? -1 : (int)(chosen - index.manifests);
        CHECK(got == cases[i].chosen, "case %zu: chose %d", i, got);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digest__is_sha256),
        cmocka_unit_test(image_config_parse__reads_what_matters),
        cmocka_unit_test(image_documents__are_checked),
        cmocka_unit_test(image_documents__hold_so_many_values),
        cmocka_unit_test(image_index_choose__takes_the_best_fit),
    };
    return cmocka_run_group_tests_name("oci/image", tests, NULL, NULL);
}

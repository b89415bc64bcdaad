#include "check.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "boot/steps.h"

#define HASH "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static int read_text(const char *text, struct base_file *base, struct error *err)
{
    char path[] = "/tmp/base-XXXXXX";
    int fd = mkstemp(path);
    if (fd_write_all(fd, text, strlen(text), err) < 0)
        fail_msg("%s", err->text);
    close(fd);
    int rc = base_record_read(AT_FDCWD, path, base, err);
    unlink(path);
    return rc;
}

static void base_record__reads_verity(void **state)
{
    struct base_file base;
    struct error err = { 0 };
    CHECK(read_text("{\"format\":1,\"name\":\"a.erofs\",\"size\":12288,\"uuid\":\"u\",\"verity\":{"
                    "\"root_hash\":\"" HASH "\",\"salt\":\"aa\",\"hash_offset\":8192}}",
              &base, &err)
              == 0,
        "%s", err.text);
    CHECK(base.verity && base.hash_offset == 8192 && str_eq(base.salt, "aa"), "verity");
    CHECK(str_eq(base.name, "a.erofs") && base.size == 12288, "name %s", base.name);
}

static void base_record__refuses_what_it_cannot_trust(void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        { "{\"format\":2,\"name\":\"a\",\"size\":1,\"uuid\":\"u\"}", "format 2" },
        { "{\"format\":1,\"name\":\"../a\",\"size\":1,\"uuid\":\"u\"}", "name" },
        { "{\"format\":1,\"name\":\"a\",\"uuid\":\"u\"}", "size" },
        { "{\"format\":1,\"name\":\"a\",\"size\":8192,\"uuid\":\"u\",\"verity\":{\"root_hash\":"
          "\"xyz\",\"hash_offset\":4096}}",
            "verity" },
        { "{\"format\":1,\"name\":\"a\",\"size\":8192,\"uuid\":\"u\",\"verity\":{\"root_hash\":"
          "\"" HASH "\",\"hash_offset\":8192}}",
            "verity" },
        { "", "JSON" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct base_file base;
        struct error err;
        CHECK_FAILS(read_text(cases[i].text, &base, &err),
            i == 0 ? ERROR_UNSUPPORTED : ERROR_INVALID, cases[i].words);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base_record__reads_verity),
        cmocka_unit_test(base_record__refuses_what_it_cannot_trust),
    };
    return cmocka_run_group_tests_name("boot/base_file", tests, NULL, NULL);
}

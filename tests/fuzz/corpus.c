/* Runs a fuzzer over the files of a folder, as an ordinary test: corpus FOLDER. */
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/fd.h"

#define FILE_MAX_BYTES (16U << 20)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int main(int argc, char **argv)
{
    struct error err;
    size_t count = 0;
    _cleanup_dir_ DIR *dir = argc == 2 ? opendir(argv[1]) : NULL;
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        _cleanup_str_ struct str bytes = { 0 };
        if (entry->d_name[0] == '.'
            || fd_read_file(dirfd(dir), entry->d_name, FILE_MAX_BYTES, &bytes, &err) < 0)
            continue;
        LLVMFuzzerTestOneInput((const uint8_t *)str_text(&bytes), bytes.n);
        count++;
    }
    printf("%zu files\n", count);
    return count ? 0 : 1;
}

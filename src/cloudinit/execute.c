#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "cloudinit/cloudinit.h"
#include "cloudinit/tasks.h"
#include "config/config.h"

void cloudinit_console(const json *config)
{
    task_ssh_keys(config);
    task_write_files(config);
    task_mounts(config);
    task_commands(config);
}

static const struct {
    const char *option;
    void (*run)(const json *config);
} stages[] = { { "-pre-console", task_sysctl }, { "-console", cloudinit_console } };

int cloud_init_execute_main(int argc, char **argv)
{
    struct error err = { 0 };
    _cleanup_json_ json *config = NULL;
    _cleanup_strv_ char **warnings = NULL;
    size_t i = 0;
    log_init(argv[0], LOG_LEVEL_INFO);
    while (argc == 2 && i < ARRAY_LEN(stages) && strcmp(argv[1], stages[i].option) != 0)
        i++;
    if (argc != 2 || i == ARRAY_LEN(stages)) {
        fprintf(stderr, "usage: cloud-init-execute -pre-console | -console\n");
        return 1;
    }
    if (config_load(NULL, &config, &warnings, &err) < 0) {
        log_error("%s", err.text);
        return 1;
    }
    stages[i].run(config);
    return 0;
}

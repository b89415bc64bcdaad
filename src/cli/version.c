#include "cli/cli.h"

#include <stdio.h>
#include <unistd.h>

bool cli_is_root(void)
{
    if (geteuid() == 0)
        return true;
    fprintf(stderr, "Need to be root\n");
    return false;
}

int version_command(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    printf("version %s from os image paddock/os:%s\n", PADDOCK_VERSION, PADDOCK_VERSION);
    return 0;
}

int absent_command(int argc, char **argv)
{
    (void)argc;
    fprintf(stderr, "ros %s: this version of Paddock does not have it yet\n", argv[0]);
    return 1;
}

/* ros: the table of its programs, nothing else. */
#include "program.h"

#include <stddef.h>

static const struct program programs[] = {
    { NULL, NULL, NULL },
};

int main(int argc, char **argv)
{
    return program_run(programs, argc, argv);
}

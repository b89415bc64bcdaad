/* prune.h - what the commands share that remove what nobody uses; private to client/. */
#pragma once

#include "client/command.h"

/* Prints the warning and asks; true for "y" and "yes". What is not asked of a person is answered by standard input, too. */
bool prune_confirm(const char *warning);
/* POSTs PATH?filters=..., prints the heading and the list of the answer's member when it is not empty, adds up the reclaimed bytes.
 * Elements are texts, or objects {Untagged, Deleted}. */
MUST_CHECK int prune_post(struct cli *cli, const char *path, char *const *filters,
    const char *member, const char *heading, int64_t *reclaimed, struct error *err);
void prune_print_total(int64_t reclaimed);

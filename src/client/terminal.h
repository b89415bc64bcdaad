/* terminal.h - the person's terminal: raw while a container has it, and as it was on every way out. Private to client/. */
#pragma once

#include <stdbool.h>
#include "base/error.h"

/* Standard input becomes raw; whatever ends the process from here on (exit, a crash) restores it. */
MUST_CHECK int terminal_raw(struct error *err);
void terminal_restore(void);
/* The size of the terminal at standard output; false when it is none. */
bool terminal_size(unsigned *rows, unsigned *columns);

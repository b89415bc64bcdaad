/* progress_bar.h - "[=====>     ]  1.2MB/3.4MB", which old clients print as it comes. */
#pragma once

#include <stdint.h>

/* Owned by the caller. */
char *progress_bar(uint64_t current, uint64_t total);

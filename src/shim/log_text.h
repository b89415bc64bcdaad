/* log_text.h - any bytes as the inside of a JSON string, escaped as Docker's logs are (Go's encoding/json). */
#pragma once

#include <stddef.h>
#include "base/str.h"

/* Control characters, <, > and & become \u00xx, U+2028 and U+2029 \u202x; each byte that is no UTF-8 becomes \ufffd. */
void log_text_add(struct str *out, const char *bytes, size_t n);
/* How much of the n bytes (4 at least) to take so that no UTF-8 sequence is cut at the end: n, or up to 3 less. */
size_t log_text_cut(const char *bytes, size_t n);

/* table.h - columns that line up, as Go's text/tabwriter lays them out for Docker; private to client/. */
#pragma once

#include "base/str.h"

/* text: cells ended by a tab, lines ended by a newline; what follows a line's last tab belongs to no column. A column is as
 * wide as its widest cell in neighbouring lines and padding, and at least minimum. Width counts characters. Appends. */
void table_layout(const char *text, size_t minimum, size_t padding, struct str *out);

/* Characters of a UTF-8 text; broken bytes count as one each. */
size_t text_width(const char *text, size_t n);
/* The first n characters of text, the last of them an ellipsis when it is longer. Appends. */
void text_ellipsis(const char *text, size_t n, struct str *out);

/* json_indent.h - JSON laid out for people, with the bytes of its strings and numbers as they are; private to client/. */
#pragma once

#include "base/str.h"

/* text is valid JSON; one element a line, indented by unit per level, "key": value, empty ones as {} and []. Appends. */
void json_indent(const char *text, const char *unit, struct str *out);

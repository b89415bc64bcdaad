/* utf8.h - telling UTF-8 from other bytes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* How many bytes a sequence has that begins with this byte; 0: none begins so. */
size_t utf8_length(unsigned char first);
/* The length of the character at the beginning of the n bytes, at least 1; 0 when they do not begin with one. */
size_t utf8_character(const char *bytes, size_t n);
bool utf8_is_valid(const char *bytes, size_t n);

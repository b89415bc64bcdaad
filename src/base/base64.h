/* base64.h - RFC 4648: encoding with padding; decoding takes both alphabets, with or without padding. */
#pragma once

#include "base/error.h"
#include "base/str.h"

void base64_encode(const void *bytes, size_t n, struct str *out);
/* Appends the bytes; ERROR_INVALID otherwise. Line ends are skipped. */
MUST_CHECK int base64_decode(const char *text, size_t n, struct str *out, struct error *err);

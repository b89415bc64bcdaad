/* words.h - a command line in one string, as compose files have it, into words: blanks, quotes and backslashes as in a shell. */
#pragma once

#include "base/error.h"

MUST_CHECK int words_split(const char *text, char ***words, struct error *err);

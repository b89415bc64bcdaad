/* id.h - random identifiers in hexadecimal. Never blocks: at boot, before the kernel's pool is ready, the bytes are
 * unique but not secret (GRND_INSECURE); ids need no more. */
#pragma once

#include <stddef.h>

/* Writes 2 * bytes digits and a NUL. */
void id_random(char *hex, size_t bytes);
/* A container, exec, network or volume id: 64 digits, not all of the first 12 decimal (as Docker: a short id must not
 * look like a number). */
#define ID_SIZE 65
void id_new(char id[ID_SIZE]);

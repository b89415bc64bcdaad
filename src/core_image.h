/* core_image.h - the core program, carried inside ros: an ELF file to write into a sealed memfd and execute. */
#pragma once

#include <stddef.h>

extern const unsigned char core_image[];
extern const size_t core_image_size;

/* recipe.h - from which a layer's tar stream is made again, byte for byte: what is not file content, and where that lies.
 *
 * A zstd stream of records; a record is a letter, varints and bytes:
 *   R size bytes                        bytes of the stream
 *   F offset length size path           content of fs/path
 *   M number size path                  what was at path until here has become kept/number */
#pragma once

#include "base/tar.h"

struct recipe_writer;
/* Makes the file recipe and the folder kept in layer_fd (borrowed); fills the recorder for tar_unpack. */
MUST_CHECK int recipe_begin(int layer_fd, struct recipe_writer **out, struct tar_recorder *recorder,
    struct error *err);
MUST_CHECK int recipe_finish(struct recipe_writer *writer, struct error *err);
void recipe_free(struct recipe_writer *writer);
DEFINE_CLEANUP(recipe, struct recipe_writer *, recipe_free)
#define _cleanup_recipe_ _cleanup_(recipe)

/* Writes the stream of the layer in layer_fd. */
MUST_CHECK int recipe_play(int layer_fd, const struct sink *sink, struct error *err);

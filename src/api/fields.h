/* fields.h - which members of a document an API version has. */
#pragma once

#include "base/json.h"

/* Takes out of value what version 1.minor of the document ("container", "image-list", ...; see fields.c) does not have. */
void fields_apply(const char *document, json *value, int minor);

/* container_row.h - one line of `docker ps`; private to client/. */
#pragma once

#include "client/listing.h"

const struct listing_spec *container_listing(bool size, bool no_trunc);
/* From an element of /containers/json; owned by the caller. */
json *container_row(const json *container, bool truncate);

/* text in Go's double quotes. Appends. */
void quote_text(const char *text, struct str *out);

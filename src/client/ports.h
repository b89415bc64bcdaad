/* ports.h - published ports: as lists show them. Private to client/. */
#pragma once

#include "base/json.h"

/* The PORTS column from the list of /containers/json: neighbouring ports are shown as ranges. Appends. */
void ports_text(const json *ports, struct str *out);

/* ports.h - published ports: as lists show them, and as people ask for them. Private to client/. */
#pragma once

#include "base/json.h"

/* The PORTS column from the list of /containers/json: neighbouring ports are shown as ranges. Appends. */
void ports_text(const json *ports, struct str *out);

/* Adds what --publish says ("[[ADDRESS:]PORT[-PORT]:]PORT[-PORT][/tcp]", or "target=80,published=8080,protocol=tcp") to
 * bindings { "80/tcp": [ { "HostIp", "HostPort" } ] } and exposed { "80/tcp": {} }. */
MUST_CHECK int port_publish(const char *text, json *bindings, json *exposed, struct error *err);
/* Adds what --expose says ("80", "80-90/udp") to exposed. */
MUST_CHECK int port_expose(const char *text, json *exposed, struct error *err);

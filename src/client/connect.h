/* connect.h - from a host ("unix:///PATH", "tcp://ADDRESS:PORT") to a connected stream socket; private to client/. */
#pragma once

#include "base/error.h"

/* The descriptor (blocking). Errors as http_open says. */
MUST_CHECK int connect_host(const char *host, struct error *err);
MUST_CHECK int connect_check_host(const char *host, struct error *err);

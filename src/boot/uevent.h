/* uevent.h - the kernel's announcements of devices (netlink, NETLINK_KOBJECT_UEVENT). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include "base/error.h"

struct uevent {
    char bytes[4096];
    const char *action;    /* "add", "change" ...; "" when not given, as the next ones */
    const char *subsystem; /* "block" */
    const char *modalias;
};

/* A non-blocking socket that hears all of them from now on. */
MUST_CHECK int uevent_open(struct error *err);
/* The next one from the kernel; false when there is none at the moment. */
bool uevent_next(int fd, struct uevent *event);
/* Sets the members from n bytes: a heading, then KEY=VALUE texts, each ended by a NUL. Exposed for its test. */
void uevent_parse(struct uevent *event, size_t n);

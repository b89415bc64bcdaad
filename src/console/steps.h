/* steps.h - the steps of console-init, one file each. Private to console/. */
#pragma once

#include "base/error.h"
#include "base/json.h"

MUST_CHECK int accounts_prepare(const json *config,
    struct error *err); /* home folders, /run/utmp, links to ros */
MUST_CHECK int accounts_password(const json *config, struct error *err); /* rancher.password */
MUST_CHECK int profile_write(const json *config,
    struct error *err); /* /etc/profile.d, /etc/environment */
MUST_CHECK int respawn_conf_write(const json *config, struct error *err);
/* The user's engine into this console's mount namespace, when it runs in that of one which has been replaced. */
MUST_CHECK int docker_follow(const json *config, struct error *err);

/* Whether rancher.disable lists this. */
bool console_is_disabled(const json *config, const char *what);

/* include.h - all services of a configuration: rancher.services, and what rancher.services_include adds. */
#pragma once

#include "base/json.h"

/* A map of definitions by name; the caller owns it. warnings gets a line for what was left out (appended). */
json *include_services(const json *config, char ***warnings);

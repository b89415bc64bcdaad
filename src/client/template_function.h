/* template_function.h - the functions of --format templates; shared by the files of template.h only. */
#pragma once

#include "client/template_value.h"

struct template_function {
    const char *name;
    int min_args, max_args; /* max_args -1: any number */
    int (*call)(const struct value *args, size_t count, struct value *out, struct error *err);
};

/* NULL when there is none. */
const struct template_function *template_function_find(const char *name);

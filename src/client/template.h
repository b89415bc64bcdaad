/* template.h - Go's text/template over JSON, for --format. Private to client/.
 *
 * Served: text, {{- -}}, comments, fields, variables, pipelines, literals, if/else if/with/range/break/continue, the functions
 * and or not eq ne lt le gt ge len index slice print printf println call-free, and Docker's json join split title lower upper
 * pad truncate. Not served: define, template, block.
 *
 * JSON does not say whether an object was a struct or a map in Go; template_value.c knows the maps of Docker's documents by
 * the names that they have in there. A field that a struct lacks is an error, a key that a map lacks is "<no value>". */
#pragma once

#include "base/json.h"

struct template;

/* "template: :1: unclosed action" */
MUST_CHECK int template_parse(const char *text, struct template **out, struct error *err);
void template_free(struct template *template);
DEFINE_CLEANUP(template, struct template *, template_free)
#define _cleanup_template_ _cleanup_(template)

/* What a template may call on the data itself: {{.Label "name"}}. */
struct template_method {
    const char *name;
    /* A new value for the one argument; context as given. */
    json *(*call)(void *context, const char *argument);
    void *context;
};

/* Appends what the template makes of data. method may be NULL. 'template: :1:2: executing "" at <.X>: ...' */
MUST_CHECK int template_run(const struct template *template, const json *data,
    const struct template_method *method, struct str *out, struct error *err);

/* True when {{.NAME}} of the data itself occurs anywhere. */
bool template_uses(const struct template *template, const char *name);

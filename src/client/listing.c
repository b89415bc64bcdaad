#include "client/listing.h"

#include <ctype.h>

#include "base/memory.h"
#include "client/table.h"

#define TABLE_MINIMUM 10
#define TABLE_PADDING 3

/* ---- formats ---- */

char *format_unescape(const char *format)
{
    struct str out = { 0 };
    for (const char *p = format; *p; p++) {
        bool pair = *p == '\\' && (p[1] == 't' || p[1] == 'n');
        str_addc(&out, !pair ? *p : p[1] == 't' ? '\t' : '\n');
        p += pair;
    }
    return str_take(&out);
}

int listing_begin(struct listing *listing, const struct listing_spec *spec, const char *format,
    bool quiet, struct error *err)
{
    *listing = (struct listing){ .spec = spec };
    const char *text = format && *format ? format : "table";
    if (str_eq(text, "table") || str_starts(text, "table ") || str_starts(text, "table\t")) {
        listing->is_table = true;
        text = text[5] ? text + 6 : spec->table;
    }
    if (str_eq(text, "json"))
        text = "{{json .}}";
    if (quiet) {
        listing->is_table = false;
        text = spec->quiet;
    }
    _cleanup_free_ char *plain = format_unescape(text);
    if (template_parse(plain, &listing->template, err) < 0)
        return error_prefix(err, "failed to parse template");
    return 0;
}

bool listing_uses(const struct listing *listing, const char *field)
{
    return template_uses(listing->template, field);
}

void listing_done(struct listing *listing)
{
    if (listing->template)
        template_free(listing->template);
    str_done(&listing->text);
    *listing = (struct listing){ 0 };
}

/* ---- rows ---- */

static int serialize_escaped(json *object, struct printbuf *out, int level UNUSED, int flags UNUSED)
{
    _cleanup_str_ struct str plain = { 0 };
    _cleanup_json_ json *copy = json_new_object();
    json_object_object_foreach(object, key, value) json_set(copy, key, json_object_get(value));
    json_text(copy, &plain);
    for (const char *p = str_text(&plain); *p; p++)
        if (strchr("<>&", *p))
            sprintbuf(out, "\\u%04x", *p);
        else
            printbuf_memappend(out, p, 1);
    return 0;
}

void row_escape(json *row)
{
    json_object_set_serializer(row, serialize_escaped, NULL, NULL);
}

void row_set(json *row, const char *key, struct str *s)
{
    json_set_str(row, key, str_text(s));
    str_reset(s);
}

void labels_text(const json *labels, struct str *out)
{
    bool first = true;
    if (!json_object_is_type(labels, json_type_object))
        return;
    json_object_object_foreach((json *)labels, key, value)
    {
        str_addf(out, "%s%s=%s", first ? "" : ",", key, json_object_get_string(value));
        first = false;
    }
}

static json *label_call(void *context, const char *name)
{
    return json_new_str(json_str(context, name, ""));
}

int listing_row(struct listing *listing, json *row, const json *labels, struct error *err)
{
    _cleanup_json_ json *owned = row;
    struct template_method label = { "Label", label_call, (json *)labels };
    row_escape(owned);
    if (template_run(listing->template, owned, &label, &listing->text, err) < 0)
        return error_prefix(err, "failed to execute template");
    str_addc(&listing->text, '\n');
    listing->rows++;
    return 0;
}

/* ---- the table's header ---- */

/* {{.Label "com.example.some-key"}} heads its column "some key". */
static json *header_call(void *context UNUSED, const char *name)
{
    const char *dot = strrchr(name, '.');
    _cleanup_free_ char *text = xstrdup(dot ? dot + 1 : name);
    for (char *p = text; *p; p++)
        if (*p == '-' || *p == '_')
            *p = ' ';
    return json_new_str(text);
}

static int add_header(struct listing *listing, struct str *out, struct error *err)
{
    _cleanup_json_ json *headers = json_new_object();
    struct template_method label = { "Label", header_call, NULL };
    for (size_t i = 0; i < listing->spec->column_count; i++)
        json_set_str(headers, listing->spec->columns[i].name, listing->spec->columns[i].header);
    if (template_run(listing->template, headers, &label, out, err) < 0)
        return error_prefix(err, "failed to execute template");
    str_addc(out, '\n');
    return 0;
}

int listing_text(struct listing *listing, struct str *out, struct error *err)
{
    if (!listing->is_table) {
        str_add_n(out, str_text(&listing->text), listing->text.n);
        return 0;
    }
    _cleanup_str_ struct str whole = { 0 };
    if (add_header(listing, &whole, err) < 0)
        return -1;
    str_add_n(&whole, str_text(&listing->text), listing->text.n);
    table_layout(str_text(&whole), TABLE_MINIMUM, TABLE_PADDING, out);
    return 0;
}

int listing_print(struct listing *listing, struct error *err)
{
    _cleanup_str_ struct str out = { 0 };
    if (listing_text(listing, &out, err) < 0)
        return -1;
    fwrite(str_text(&out), 1, out.n, stdout);
    return 0;
}

json *pairs_object(char *const *pairs)
{
    json *object = json_new_object();
    for (char *const *pair = pairs; pair && *pair; pair++) {
        const char *equals = strchrnul(*pair, '=');
        _cleanup_free_ char *name = xstrndup(*pair, (size_t)(equals - *pair));
        json_set_str(object, name, *equals ? equals + 1 : "");
    }
    return object;
}

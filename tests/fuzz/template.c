/* Every text is a template, or is refused; a template makes something of any document, or says why not. */
#include <stdint.h>

#include "client/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static const char document[] =
        "{\"A\":\"text\",\"N\":3,\"F\":0.5,\"L\":[1,\"b\",null],\"Labels\":{\"a\":\"b\"},"
        "\"S\":{\"T\":true}}";
    struct error err;
    _cleanup_json_ json *data = NULL;
    _cleanup_template_ struct template *template = NULL;
    _cleanup_str_ struct str text = { 0 }, out = { 0 };
    str_add_n(&text, bytes, n);
    if (json_parse(document, sizeof document - 1, &data, &err) == 0
        && template_parse(str_text(&text), &template, &err) == 0)
        (void)!template_run(template, data, NULL, &out, &err);
    return 0;
}

#include "check.h"

#include "base/schema.h"

struct timer {
    char *name;
    int64_t timeout;
};
static const struct schema_field timer_fields[] = {
    FIELD(struct timer, name, "name", STRING, .flags = SCHEMA_REQUIRED),
    FIELD(struct timer, timeout, "timeout", I64),
};
static const struct schema timer_schema = SCHEMA(struct timer, timer_fields);

struct document {
    bool on;
    int number;
    uint32_t small;
    uint64_t large;
    double ratio;
    struct opt_bool maybe;
    struct opt_i64 limit;
    char *text;
    char **list, **map;
    struct timer timer, *pointer, *timers;
    size_t timer_count;
    json *raw, *rest;
};
static const struct schema_field document_fields[] = {
    FIELD(struct document, on, "on", BOOL),
    FIELD(struct document, number, "number", INT),
    FIELD(struct document, small, "small", U32),
    FIELD(struct document, large, "large", U64),
    FIELD(struct document, ratio, "ratio", DOUBLE),
    FIELD(struct document, maybe, "maybe", OPT_BOOL),
    FIELD(struct document, limit, "limit", OPT_I64),
    FIELD(struct document, text, "text", STRING),
    FIELD(struct document, list, "list", STRINGS),
    FIELD(struct document, map, "map", MAP),
    FIELD_OF(struct document, pointer, "pointer", POINTER, timer_schema),
    FIELD_LIST(struct document, timers, timer_count, "timers", timer_schema),
    FIELD(struct document, raw, "raw", RAW),
    FIELD_REST(struct document, rest),
};
static const struct schema document_schema = SCHEMA(struct document, document_fields);

static int read_text(const char *text, struct document *out, struct error *err)
{
    _cleanup_json_ json *value = NULL;
    *out = (struct document){ 0 };
    return json_parse(text, strlen(text), &value, err) < 0
               ? -1
               : schema_read(&document_schema, value, out, err);
}

static void schema_read__comes_back_the_same(void **state)
{
    static const char *const texts[] = {
        "{}",
        "{\"on\":true,\"number\":-3,\"small\":4294967295,\"large\":18446744073709551615,\"maybe\":"
        "false,\"limit\":0}",
        "{\"text\":\"x\",\"list\":[\"a\",\"\"],\"map\":{\"k\":\"v=w\",\"e\":\"\"}}",
        "{\"pointer\":{\"name\":\"p\"},\"timers\":[{\"name\":\"a\",\"timeout\":1},{\"name\":\"b\"}]"
        "}",
        "{\"raw\":{\"any\":[1,2]},\"newer\":{\"version\":3},\"other\":1}",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct document document;
        struct error err = { 0 };
        _cleanup_str_ struct str got = { 0 };
        CHECK_OK(read_text(texts[i], &document, &err));
        _cleanup_json_ json *back = schema_write(&document_schema, &document);
        json_text(back, &got);
        CHECK(strcmp(got.p, texts[i]) == 0, "got %s, wanted %s", got.p, texts[i]);
        schema_done(&document_schema, &document);
    }
}

static void schema_read__names_the_path(void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        { "[]", "must be an object" },
        { "{\"on\":1}", "on: must be true or false" },
        { "{\"number\":\"1\"}", "number: must be a whole number" },
        { "{\"number\":2147483648}", "number: 2147483648 is out of range" },
        { "{\"small\":-1}", "small: -1 is out of range" },
        { "{\"large\":-1}", "large: must not be negative" },
        { "{\"text\":1}", "text: must be a string" },
        { "{\"text\":\"a\\u0000b\"}", "text: must not hold a NUL" },
        { "{\"list\":[\"a\",1]}", "list[1]: must be a string" },
        { "{\"map\":{\"a\":1}}", "map.a: must be a string, its key without \"=\"" },
        { "{\"timers\":[{\"name\":\"a\"},{\"name\":\"b\",\"timeout\":\"x\"}]}",
            "timers[1].timeout: must be a whole number" },
        { "{\"timers\":[{}]}", "timers[0].name: is missing" },
        { "{\"pointer\":{\"name\":7}}", "pointer.name: must be a string" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct document document;
        struct error err = { 0 };
        CHECK(read_text(cases[i].text, &document, &err) < 0, "%s was taken", cases[i].text);
        CHECK(strcmp(err.text, cases[i].words) == 0, "%s: \"%s\", wanted \"%s\"", cases[i].text,
            err.text, cases[i].words);
    }
}

static void schema_read__may_be_strict(void **state)
{
    struct schema strict = timer_schema;
    struct error err;
    struct timer timer = { 0 };
    _cleanup_json_ json *value = NULL;
    const char *text = "{\"name\":\"a\",\"colour\":1}";
    strict.strict = true;
    CHECK_OK(json_parse(text, strlen(text), &value, &err));
    CHECK_FAILS(schema_read(&strict, value, &timer, &err), ERROR_UNSUPPORTED,
        "colour: is not supported");
    CHECK(!timer.name, "what was read before is freed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schema_read__comes_back_the_same),
        cmocka_unit_test(schema_read__names_the_path),
        cmocka_unit_test(schema_read__may_be_strict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "check.h"

#include "client/template.h"

static const char document[] =
    "{\"Id\":\"abc\",\"Name\":\"/"
    "web\",\"N\":42,\"F\":1.5,\"T\":true,\"Nil\":null,\"CapAdd\":null,\"List\":[\"a\",\"b\",\"c\"],"
    "\"Empty\":[],\"State\":{\"Status\":\"running\",\"Running\":true,\"Pid\":7},\"path/"
    "slash\":\"<&>\","
    "\"Config\":{\"Cmd\":[\"sh\",\"-c\"],\"Labels\":{\"b\":\"2\",\"a\":\"1\",\"dotted.key\":\"3\"}}"
    ","
    "\"Ports\":{\"80/tcp\":[{\"HostIp\":\"0.0.0.0\",\"HostPort\":\"8080\"}],\"81/"
    "tcp\":null},\"timeNano\":12}";

static json *label(void *context, const char *name)
{
    char text[64];
    snprintf(text, sizeof text, "%s:%s", (const char *)context, name);
    return json_new_str(text);
}

static int run(const char *text, struct str *out, struct error *err)
{
    _cleanup_json_ json *data = NULL;
    _cleanup_template_ struct template *template = NULL;
    char context[] = "label";
    struct template_method method = { "Label", label, context };
    if (json_parse(document, strlen(document), &data, err) < 0
        || template_parse(text, &template, err) < 0)
        return -1;
    return template_run(template, data, &method, out, err);
}

static void template_run__prints_as_go_does(void **state UNUSED)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        { "plain", "plain" },
        { "{{.Id}} {{ .Name }}", "abc /web" },
        { "{{.N}} {{.F}} {{.T}} {{.Init}} {{.CapAdd}}", "42 1.5 true <nil> []" },
        { "{{.List}} {{.Empty}}", "[a b c] []" },
        { "{{.State}}", "{running true 7}" },
        { "{{.State.Status}}", "running" },
        { "{{.Config.Labels}}", "map[a:1 b:2 dotted.key:3]" },
        { "{{.Config.Labels.a}}{{.Config.Labels.zz}}", "1<no value>" },
        { "{{index .Config.Labels \"dotted.key\"}}-{{index .Config.Labels \"none\"}}-", "3--" },
        { "{{(index (index .Ports \"80/tcp\") 0).HostPort}}", "8080" },
        { "{{.Ports}}", "map[80/tcp:[{0.0.0.0 8080}] 81/tcp:[]]" },
        { "{{json .State}}", "{\"Status\":\"running\",\"Running\":true,\"Pid\":7}" },
        { "{{json .List}} {{json .Nil}} {{json \"<a/b>\"}}", "[\"a\",\"b\",\"c\"] null \"<a/b>\"" },
        { "{{if .T}}yes{{else}}no{{end}}{{if .Empty}}yes{{else}}no{{end}}", "yesno" },
        { "{{if .Nil}}1{{else if eq .N 42}}2{{else}}3{{end}}", "2" },
        { "{{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}}", "none" },
        { "{{range .List}}<{{.}}>{{end}}", "<a><b><c>" },
        { "{{range $i, $x := .List}}{{$i}}={{$x}};{{end}}", "0=a;1=b;2=c;" },
        { "{{range $k, $v := .Config.Labels}}{{$k}}={{$v}};{{end}}", "a=1;b=2;dotted.key=3;" },
        { "{{range .Empty}}x{{else}}nothing{{end}}", "nothing" },
        { "{{range .List}}{{if eq . \"b\"}}{{continue}}{{end}}{{.}}{{end}}", "ac" },
        { "{{range .List}}{{if eq . \"b\"}}{{break}}{{end}}{{.}}{{end}}", "a" },
        { "{{with .State}}{{.Pid}}{{$.Id}}{{end}}{{with .Nil}}x{{else}}y{{end}}", "7abcy" },
        { "{{$x := .Id}}{{$x}}{{$x = .N}}{{$x}}", "abc42" },
        { "{{$x := 1}}{{range .List}}{{$x = .}}{{end}}{{$x}}", "c" },
        { "{{eq .N 42}} {{ne .Id \"x\"}} {{lt 1 2}} {{le 2 2}} {{gt 1 2}} {{ge 1.5 .F}}",
            "true true true true false true" },
        { "{{eq .Id \"x\" \"abc\"}} {{and .T .Id}} {{or .Nil \"d\"}} {{not .T}}",
            "true abc d false" },
        { "{{len .List}} {{len .Id}} {{len .State}}", "3 3 3" },
        { "{{slice .Id 1}} {{slice .Id 0 1}} {{slice .List 1 2}}", "bc a [b]" },
        { "{{join .List \",\"}} {{split \"a b\" \" \"}} {{upper .Id}} {{lower \"AB\"}} {{title "
          "\"ab cd\"}}",
            "a,b,c [a b] ABC ab Ab Cd" },
        { "[{{pad .Id 1 2}}] {{truncate .Id 2}}", "[ abc  ] ab" },
        { "{{printf \"%s-%d-%q-%v-%5s|%-5s|%05d|%.2f|%t|%x|%%\" .Id .N .Id .List .Id .Id .N .F .T "
          "255}}",
            "abc-42-\"abc\"-[a b c]-  abc|abc  |00042|1.50|true|ff|%" },
        { "{{print 1 2 \"a\" \"b\" 3}} {{println .Id}}", "1 2ab3 abc\n" },
        { "{{.Id | printf \"%s!\" | upper}}", "ABC!" },
        { "a  {{- \" b \" -}}  c", "a b c" },
        { "{{/* nothing */}}x{{- /* trimmed */ -}} y", "xy" },
        { "{{\"q\\\"\\n\\t\"}}{{`raw\\n`}}", "q\"\n\traw\\n" },
        { "{{true}} {{.TimeNano}} {{1.25}} {{-3}} {{0x10}}", "true 12 1.25 -3 16" },
        { "{{.Label \"x\"}}", "label:x" },
        { "{{range $.List}}{{$.Label .}} {{end}}", "label:a label:b label:c " },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err = { 0 };
        _cleanup_str_ struct str out = { 0 };
        int rc = run(cases[i].text, &out, &err);
        CHECK(rc == 0 && str_eq(str_text(&out), cases[i].want),
            "%s\n    got \"%s\" %s\n    not \"%s\"", cases[i].text, str_text(&out), err.text,
            cases[i].want);
    }
}

static void template_run__says_what_is_wrong(void **state UNUSED)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        { "{{.Foo}}",
            "template: :1:2: executing \"\" at <.Foo>: map has no entry for key \"Foo\"" },
        { "\n{{.State.Foo}}",
            "template: :2:8: executing \"\" at <.State.Foo>: map has no entry for key \"Foo\"" },
        { "{{.Id.Foo}}", "can't evaluate field Foo in type string" },
        { "{{.Nil.Foo}}", "nil pointer evaluating interface {}.Foo" },
        { "{{index .List 3}}",
            "executing \"\" at <index .List 3>: error calling index: index out of range: 3" },
        { "{{len 3}}", "error calling len: len of type int" },
        { "{{lt 1 \"a\"}}", "error calling lt: incompatible types for comparison" },
        { "{{index}}", "wrong number of args for index: want at least 1 got 0" },
        { "{{range .T}}{{end}}", "range can't iterate over true" },
        { "{{$nope}}", "undefined variable \"$nope\"" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err = { 0 };
        _cleanup_str_ struct str out = { 0 };
        CHECK(run(cases[i].text, &out, &err) < 0 && strstr(err.text, cases[i].want),
            "%s: \"%s\" %s", cases[i].text, str_text(&out), err.text);
    }
}

static void template_parse__refuses(void **state UNUSED)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        { "{{", "template: :1: unclosed action" },
        { "{{.Id", "template: :1: unclosed action" },
        { "{{}}", "missing value for command" },
        { "{{if .Id}}", "template: :1: unexpected EOF" },
        { "\n\n{{end}}", "template: :3: unexpected {{end}}" },
        { "{{else}}", "unexpected {{else}}" },
        { "{{foo}}", "template: :1: function \"foo\" not defined" },
        { "{{(.Id}}", "unclosed left paren" },
        { "{{.Id)}}", "unexpected \")\" in action" },
        { "{{\"a}}", "unterminated quoted string" },
        { "{{`a}}", "unterminated raw quoted string" },
        { "{{/* a }}", "unclosed comment" },
        { "{{break}}", "{{break}} outside {{range}}" },
        { "{{define \"x\"}}{{end}}", "{{define}} is not supported yet" },
        { "{{1x}}", "bad number syntax: \"1x\"" },
        { "{{.Id | }}", "missing value for command" },
        { "{{.Id&}}", "unexpected \"&\" in operand" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err = { 0 };
        _cleanup_str_ struct str out = { 0 };
        CHECK(run(cases[i].text, &out, &err) < 0 && strstr(err.text, cases[i].want),
            "%s: \"%s\" %s", cases[i].text, str_text(&out), err.text);
    }
}

static void template_uses__finds_fields(void **state UNUSED)
{
    struct error err = { 0 };
    _cleanup_template_ struct template *template = NULL;
    CHECK_OK(template_parse("{{if .A}}{{range .B}}{{printf \"%s\" (len $.Size)}}{{end}}{{end}}",
        &template, &err));
    CHECK(template_uses(template, "Size") && template_uses(template, "A")
              && !template_uses(template, "C"),
        "wrong");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(template_run__prints_as_go_does),
        cmocka_unit_test(template_run__says_what_is_wrong),
        cmocka_unit_test(template_parse__refuses),
        cmocka_unit_test(template_uses__finds_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What people write: ports, mounts, volumes, detach keys, times; and what is shown to them: tables, sizes, spans. */
#include "check.h"

#include <unistd.h>

#include "client/detach.h"
#include "client/frames.h"
#include "client/human.h"
#include "client/json_indent.h"
#include "client/mounts.h"
#include "client/ports.h"
#include "client/progress.h"
#include "client/table.h"
#include "client/timestamp.h"

static void port_publish__reads_every_form(void **state UNUSED)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        { "80", "{\"80/tcp\":[{\"HostIp\":\"\",\"HostPort\":\"\"}]}" },
        { "8080:80", "{\"80/tcp\":[{\"HostIp\":\"\",\"HostPort\":\"8080\"}]}" },
        { "127.0.0.1:53:53/UDP", "{\"53/udp\":[{\"HostIp\":\"127.0.0.1\",\"HostPort\":\"53\"}]}" },
        { "127.0.0.1::80", "{\"80/tcp\":[{\"HostIp\":\"127.0.0.1\",\"HostPort\":\"\"}]}" },
        { "[::1]:80:81", "{\"81/tcp\":[{\"HostIp\":\"::1\",\"HostPort\":\"80\"}]}" },
        { "90-91:80-81", "{\"80/tcp\":[{\"HostIp\":\"\",\"HostPort\":\"90\"}],\"81/"
                         "tcp\":[{\"HostIp\":\"\",\"HostPort\":\"91\"}]}" },
        { "90-95:80", "{\"80/tcp\":[{\"HostIp\":\"\",\"HostPort\":\"90-95\"}]}" },
        { "target=80,published=8080,protocol=sctp",
            "{\"80/sctp\":[{\"HostIp\":\"\",\"HostPort\":\"8080\"}]}" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err = { 0 };
        _cleanup_json_ json *bindings = json_new_object(), *exposed = json_new_object();
        _cleanup_str_ struct str text = { 0 };
        CHECK_OK(port_publish(cases[i].text, bindings, exposed, &err));
        json_text(bindings, &text);
        CHECK(str_eq(str_text(&text), cases[i].want), "%s: %s", cases[i].text, str_text(&text));
    }
}

static void port_publish__refuses(void **state UNUSED)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        { "x:80", "Invalid hostPort: x" },
        { "80:x", "Invalid containerPort: x" },
        { "80:70000", "Invalid containerPort: 70000" },
        { "80:", "No port specified: 80:<empty>" },
        { "a.b:1:2", "Invalid ip address: a.b" },
        { "80/foo", "Invalid proto: foo" },
        { "1-3:5-6", "Invalid ranges specified for container and host Ports: 5-6 and 1-3" },
        { "9-8:1-2", "Invalid hostPort: 9-8" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err = { 0 };
        _cleanup_json_ json *bindings = json_new_object(), *exposed = json_new_object();
        CHECK_FAILS(port_publish(cases[i].text, bindings, exposed, &err), ERROR_INVALID,
            cases[i].want);
    }
}

static void ports_text__joins_neighbours(void **state UNUSED)
{
    static const char list[] =
        "[{\"PrivatePort\":81,\"Type\":\"tcp\"},{\"PrivatePort\":80,\"Type\":\"tcp\"},"
        "{\"IP\":\"0.0.0.0\",\"PrivatePort\":90,\"PublicPort\":90,\"Type\":\"tcp\"},"
        "{\"IP\":\"0.0.0.0\",\"PrivatePort\":91,\"PublicPort\":91,\"Type\":\"tcp\"},"
        "{\"IP\":\"::\",\"PrivatePort\":1,\"PublicPort\":2,\"Type\":\"udp\"}]";
    struct error err = { 0 };
    _cleanup_json_ json *ports = NULL;
    _cleanup_str_ struct str text = { 0 };
    CHECK_OK(json_parse(list, strlen(list), &ports, &err));
    ports_text(ports, &text);
    CHECK(str_eq(str_text(&text), "80-81/tcp, 0.0.0.0:90-91->90-91/tcp, :::2->1/udp"), "%s",
        str_text(&text));
}

static void mount_parse__reads_every_field(void **state UNUSED)
{
    struct error err = { 0 };
    struct mount_request mount = { 0 };
    CHECK_OK(mount_parse("type=bind,src=/a,\"dst=/b,c\",readonly,bind-propagation=rslave", &mount,
        &err));
    CHECK(str_eq(mount.type, "bind") && str_eq(mount.source, "/a") && str_eq(mount.target, "/b,c")
              && mount.read_only && str_eq(mount.bind->propagation, "rslave"),
        "%s %s", mount.source, mount.target);
    mount_request_done(&mount);
    CHECK_OK(mount_parse(
        "source=v,target=/v,ro=false,volume-nocopy,volume-label=a=b,volume-driver=d,volume-opt=o=1",
        &mount, &err));
    CHECK(str_eq(mount.type, "volume") && !mount.read_only && mount.volume->no_copy
              && str_eq(mount.volume->labels[0], "a=b")
              && str_eq(mount.volume->driver_config->options[0], "o=1"),
        "%s", mount.type);
    mount_request_done(&mount);
    CHECK_OK(mount_parse("type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=1770", &mount, &err));
    CHECK(mount.tmpfs->size_bytes == 1048576 && mount.tmpfs->mode == 01770, "%jd",
        (intmax_t)mount.tmpfs->size_bytes);
    mount_request_done(&mount);
}

static void mount_parse__refuses(void **state UNUSED)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        { "foo", "invalid field 'foo' must be a key=value pair" },
        { "type=bind", "target is required" },
        { "type=,target=/x", "type is required" },
        { "typo=bind", "unexpected key 'typo' in 'typo=bind'" },
        { "type=tmpfs,volume-nocopy,dst=/x",
            "cannot mix 'volume-*' options with mount type 'tmpfs'" },
        { "dst=/x,ro=maybe", "invalid value for ro: maybe" },
        { "a\"b", "bare \"" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err = { 0 };
        struct mount_request mount = { 0 };
        CHECK_FAILS(mount_parse(cases[i].text, &mount, &err), ERROR_INVALID, cases[i].want);
    }
}

static void volume_parse__tells_binds_from_volumes(void **state UNUSED)
{
    struct error err = { 0 };
    _cleanup_json_ json *volumes = json_new_object();
    _cleanup_strv_ char **binds = NULL;
    char here[4096];
    CHECK(chdir("/tmp") == 0 && getcwd(here, sizeof here), "chdir");
    CHECK_OK(volume_parse("/data", &binds, volumes, &err));
    CHECK_OK(volume_parse("name:/v:ro", &binds, volumes, &err));
    CHECK_OK(volume_parse("./a/../b:/v", &binds, volumes, &err));
    CHECK(json_get(volumes, "/data") && strv_len(binds) == 2 && str_eq(binds[0], "name:/v:ro")
              && str_eq(binds[1], "/tmp/b:/v"),
        "%s", binds[1]);
    CHECK_FAILS(volume_parse("/a:", &binds, volumes, &err), ERROR_INVALID,
        "empty section between colons");
}

static void detach_keys_filter__finds_the_keys_and_passes_the_rest(void **state UNUSED)
{
    static const struct {
        const char *keys, *in, *out;
        bool found;
    } cases[] = {
        { "ctrl-p,ctrl-q", "ab\x10\x11zz", "ab", true },
        { "ctrl-p,ctrl-q",
            "\x10"
            "a\x10\x10\x11",
            "\x10"
            "a\x10",
            true },
        { "ctrl-a,b",
            "\x01"
            "c",
            "\x01"
            "c",
            false },
        { "x", "abxc", "ab", true },
        { "ctrl-@,ctrl-_", "\x1f", "\x1f", false },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err = { 0 };
        struct detach detach;
        _cleanup_str_ struct str out = { 0 };
        bool found = false;
        CHECK_OK(detach_keys_init(&detach, cases[i].keys, &err));
        for (const char *p = cases[i].in; *p && !found; p++) /* one by one, as a keyboard has it */
            found = detach_keys_filter(&detach, p, 1, &out);
        CHECK(found == cases[i].found && str_eq(str_text(&out), cases[i].out),
            "case %zu: %d \"%s\"", i, found, str_text(&out));
    }
    struct error err = { 0 };
    struct detach detach;
    CHECK_FAILS(detach_keys_init(&detach, "ctrl-1", &err), ERROR_INVALID,
        "Unknown character: 'ctrl-1'");
}

static void frames_write__takes_frames_cut_anywhere(void **state UNUSED)
{
    static const char stream[] =
        "\1\0\0\0\0\0\0\3out\2\0\0\0\0\0\0\4err!\1\0\0\0\0\0\0\2ok\3\0\0\0\0\0\0\3bad";
    int out[2], errors[2];
    CHECK(pipe(out) == 0 && pipe(errors) == 0, "pipe");
    struct frames frames = { .out_fd = out[1], .error_fd = errors[1] };
    struct error err = { 0 };
    int rc = 0;
    for (size_t i = 0; i < sizeof stream - 1 && rc == 0; i++)
        rc = frames_write(&frames, stream + i, 1, &err);
    char text[64] = "", error_text[64] = "";
    CHECK(read(out[0], text, 63) == 5 && str_eq(text, "outok"), "%s", text);
    CHECK(read(errors[0], error_text, 63) == 4 && str_eq(error_text, "err!"), "%s", error_text);
    CHECK(rc < 0 && str_eq(err.text, "error from daemon in stream: bad"), "%d %s", rc, err.text);
    for (int i = 0; i < 2; i++) {
        close(out[i]);
        close(errors[i]);
    }
}

static void table_layout__lines_columns_up(void **state UNUSED)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        { "A\tB\tC\nlonger text\tb\tc\n",
            "A             B         C\nlonger text   b         c\n" },
        { "a\tb\n", "a         b\n" },
        { "\xc3\xa4\xc3\xa4\tb\n", "\xc3\xa4\xc3\xa4        b\n" },
        { "x\tlast \n\ty\n", "x         last \n          y\n" },
        { "no columns\n", "no columns\n" },
        { "", "" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_str_ struct str out = { 0 };
        table_layout(cases[i].text, 10, 3, &out);
        CHECK(str_eq(str_text(&out), cases[i].want), "case %zu: \"%s\"", i, str_text(&out));
    }
}

static void human_size__has_dockers_digits(void **state UNUSED)
{
    static const struct {
        double bytes;
        int digits;
        const char *want, *binary;
    } cases[] = {
        { 0, 3, "0B", "0B" },
        { 999, 3, "999B", "999B" },
        { 2024601, 3, "2.02MB", "1.931MiB" },
        { 2024601, 4, "2.025MB", "1.931MiB" },
        { 1024, 4, "1.024kB", "1KiB" },
        { 25276514304., 4, "25.28GB", "23.54GiB" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_str_ struct str text = { 0 }, binary = { 0 };
        human_size(cases[i].bytes, cases[i].digits, &text);
        human_size_binary(cases[i].bytes, &binary);
        CHECK(str_eq(str_text(&text), cases[i].want) && str_eq(str_text(&binary), cases[i].binary),
            "%f: %s %s", cases[i].bytes, str_text(&text), str_text(&binary));
    }
}

static void human_span__has_dockers_words(void **state UNUSED)
{
    static const struct {
        int64_t seconds;
        const char *want;
    } cases[] = {
        { 0, "Less than a second" },
        { 1, "1 second" },
        { 59, "59 seconds" },
        { 60, "About a minute" },
        { 120, "2 minutes" },
        { 3599, "59 minutes" },
        { 3600, "About an hour" },
        { 7199, "2 hours" },
        { 47LL * 3600, "47 hours" },
        { 48LL * 3600, "2 days" },
        { 14LL * 86400, "2 weeks" },
        { 61LL * 86400, "2 months" },
        { 730LL * 86400, "2 years" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_str_ struct str text = { 0 };
        human_span(cases[i].seconds * 1000000000, &text);
        CHECK(str_eq(str_text(&text), cases[i].want), "%jd: %s", (intmax_t)cases[i].seconds,
            str_text(&text));
    }
}

static void human_time__prints_as_go_does(void **state UNUSED)
{
    _cleanup_str_ struct str text = { 0 };
    human_time(1700000000120000000, false, &text);
    CHECK(str_eq(str_text(&text), "2023-11-14 22:13:20.12 +0000 UTC"), "%s", str_text(&text));
}

static void timestamp_parse__reads_dates_and_spans(void **state UNUSED)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        { "1700000000", "1700000000" },
        { "1700000000.5", "1700000000.5" },
        { "0", "0" },
        { "2023-11-14T22:13:20Z", "1700000000.000000000" },
        { "2023-11-14T22:13:20.12Z", "1700000000.120000000" },
        { "2023-11-14T23:13:20+01:00", "1700000000.000000000" },
        { "2023-11-14T21:13:20-01:00", "1700000000.000000000" },
        { "2023-11-14T22:13Z", "1699999980.000000000" },
        { "2023-11-14Z", "1699920000.000000000" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err = { 0 };
        _cleanup_str_ struct str text = { 0 };
        CHECK(timestamp_parse(cases[i].text, &text, &err) == 0
                  && str_eq(str_text(&text), cases[i].want),
            "%s: %s %s", cases[i].text, str_text(&text), err.text);
    }
    struct error err = { 0 };
    _cleanup_str_ struct str text = { 0 };
    CHECK_FAILS(timestamp_parse("foo", &text, &err), ERROR_INVALID,
        "failed to parse value as time or duration: \"foo\"");
    CHECK_FAILS(timestamp_parse("2023-99-14", &text, &err), ERROR_INVALID, "parsing time");
}

static void json_indent__keeps_bytes(void **state UNUSED)
{
    _cleanup_str_ struct str out = { 0 };
    json_indent("[{\"a\":\"\\u003c:,{\",\"b\":[],\"c\":{},\"d\":[1,2.50]}]", "  ", &out);
    CHECK(str_eq(str_text(&out), "[\n  {\n    \"a\": \"\\u003c:,{\",\n    \"b\": [],\n    \"c\": "
                                 "{},\n    \"d\": [\n      1,\n      2.50\n    ]\n  }\n]"),
        "%s", str_text(&out));
}

static void progress_text__draws_bars(void **state UNUSED)
{
    static const struct {
        const char *detail;
        unsigned width;
        const char *want;
    } cases[] = {
        { "{}", 200, "" },
        { "{\"current\":1024}", 200, " 1.024kB" },
        { "{\"current\":50,\"total\":100}", 200,
            "[=========================>                         ]      50B/100B" },
        { "{\"current\":100,\"total\":100}", 100, "    100B/100B" },
        { "{\"current\":3,\"total\":4,\"units\":\"files\"}", 80, "3/4 files" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err = { 0 };
        _cleanup_json_ json *detail = NULL;
        _cleanup_str_ struct str text = { 0 };
        CHECK_OK(json_parse(cases[i].detail, strlen(cases[i].detail), &detail, &err));
        progress_text(detail, cases[i].width, &text);
        CHECK(str_eq(str_text(&text), cases[i].want), "%s: \"%s\"", cases[i].detail,
            str_text(&text));
    }
}

static void progress_show__redraws_lines_on_a_terminal(void **state UNUSED)
{
    static const char *const messages[] = {
        "{\"status\":\"Pulling from x\",\"id\":\"latest\"}",
        "{\"status\":\"Pulling fs layer\",\"progressDetail\":{},\"id\":\"a\"}",
        "{\"status\":\"Pulling fs layer\",\"progressDetail\":{},\"id\":\"b\"}",
        "{\"status\":\"Downloading\",\"progressDetail\":{\"current\":1,\"total\":2},\"id\":\"a\"}",
        "{\"status\":\"Status: done\"}",
    };
    static const char *const wanted[] = {
        "latest: Pulling from x\na: Pulling fs layer\nb: Pulling fs layer\nStatus: done\n",
        "latest: Pulling from x\n\n\x1b[1A\x1b[2K\ra: Pulling fs layer "
        "\r\x1b[1B\n\x1b[1A\x1b[2K\rb: Pulling fs layer \r\x1b[1B"
        "\x1b[2A\x1b[2K\ra: Downloading [=========================>                         ]      "
        " 1B/2B\r\x1b[2BStatus: done\n",
    };
    for (int terminal = 0; terminal < 2; terminal++) {
        char text[4096] = "";
        struct error err = { 0 };
        struct progress progress = { .to = fmemopen(text, sizeof text, "w"), .terminal = terminal };
        for (size_t i = 0; i < ARRAY_LEN(messages); i++) {
            _cleanup_json_ json *message = NULL;
            CHECK_OK(json_parse(messages[i], strlen(messages[i]), &message, &err));
            CHECK_OK(progress_show(&progress, message, &err));
        }
        fclose(progress.to);
        progress_done(&progress);
        CHECK(str_eq(text, wanted[terminal]), "\"%s\"", text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(port_publish__reads_every_form),
        cmocka_unit_test(port_publish__refuses),
        cmocka_unit_test(ports_text__joins_neighbours),
        cmocka_unit_test(mount_parse__reads_every_field),
        cmocka_unit_test(mount_parse__refuses),
        cmocka_unit_test(volume_parse__tells_binds_from_volumes),
        cmocka_unit_test(detach_keys_filter__finds_the_keys_and_passes_the_rest),
        cmocka_unit_test(frames_write__takes_frames_cut_anywhere),
        cmocka_unit_test(table_layout__lines_columns_up),
        cmocka_unit_test(human_size__has_dockers_digits),
        cmocka_unit_test(human_span__has_dockers_words),
        cmocka_unit_test(human_time__prints_as_go_does),
        cmocka_unit_test(timestamp_parse__reads_dates_and_spans),
        cmocka_unit_test(json_indent__keeps_bytes),
        cmocka_unit_test(progress_text__draws_bars),
        cmocka_unit_test(progress_show__redraws_lines_on_a_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "client/progress.h"

#include <sys/ioctl.h>

#include "base/clock.h"
#include "client/human.h"

#define BAR_WIDTH 50
#define WIDE 110 /* columns from which on there is room for a bar */
#define WIDTH_DEFAULT 200

static void add_bar(int filled, struct str *out)
{
    str_addc(out, '[');
    for (int i = 0; i < filled; i++)
        str_addc(out, '=');
    str_addc(out, '>');
    for (int i = filled; i < BAR_WIDTH; i++)
        str_addc(out, ' ');
    str_add(out, "] ");
}

/* right-aligned in 8 columns */
static void add_amount(int64_t bytes, struct str *out)
{
    _cleanup_str_ struct str size = { 0 };
    human_size((double)bytes, 4, &size);
    str_addf(out, "%8s", str_text(&size));
}

static void add_numbers(const json *detail, int64_t current, int64_t total, struct str *out)
{
    const char *units = json_str(detail, "units", "");
    if (*units) {
        str_addf(out, "%jd/%jd %s", (intmax_t)current, (intmax_t)total, units);
        return;
    }
    add_amount(current, out);
    if (current <= total) {
        str_addc(out, '/');
        human_size((double)total, 4, out);
    }
}

static void add_time_left(const json *detail, int64_t current, int64_t total, struct str *out)
{
    int64_t start_s = json_i64(detail, "start", 0);
    int64_t gone_ns = clock_wall_ns() - start_s * INT64_C(1000000000);
    if (current <= 0 || start_s <= 0 || gone_ns <= 0)
        return;
    int64_t seconds = (gone_ns / current * (total - current) + 500000000) / 1000000000;
    if (seconds >= 3600)
        str_addf(out, " %jdh%jdm%jds", (intmax_t)(seconds / 3600), (intmax_t)(seconds / 60 % 60),
            (intmax_t)(seconds % 60));
    else if (seconds >= 60)
        str_addf(out, " %jdm%jds", (intmax_t)(seconds / 60), (intmax_t)(seconds % 60));
    else
        str_addf(out, " %jds", (intmax_t)seconds);
}

void progress_text(const json *detail, unsigned width, struct str *out)
{
    int64_t current = json_i64(detail, "current", 0), total = json_i64(detail, "total", 0);
    const char *units = json_str(detail, "units", "");
    if (current <= 0 && total <= 0)
        return;
    if (total <= 0) {
        if (*units)
            str_addf(out, "%jd %s", (intmax_t)current, units);
        else
            add_amount(current, out);
        return;
    }
    int filled = (int)((double)current / (double)total * 100) / 2;
    filled = MIN(filled, BAR_WIDTH);
    if (width > WIDE)
        add_bar(filled, out);
    if (!json_flag(detail, "hidecounts", false))
        add_numbers(detail, current, total, out);
    if (filled < BAR_WIDTH && width > BAR_WIDTH)
        add_time_left(detail, current, total, out);
}

static unsigned columns_of(FILE *to)
{
    struct winsize size = { 0 };
    return ioctl(fileno(to), TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : WIDTH_DEFAULT;
}

/* How many lines above the cursor the line of this id is; a new one begins where it has none. 0 for messages without a place. */
static size_t find_line(struct progress *progress, const char *id, bool is_progress)
{
    if (!*id || !is_progress) {
        if (progress->ids)
            strv_free(progress->ids);
        progress->ids = NULL;
        return 0;
    }
    size_t line = 0, count = strv_len(progress->ids);
    while (line < count && !str_eq(progress->ids[line], id))
        line++;
    if (line == count) {
        strv_add(&progress->ids, id);
        count++;
        if (progress->terminal)
            fputc('\n', progress->to);
    }
    return count - line;
}

static void print_message(const struct progress *progress, const json *message, const char *id)
{
    const json *detail = json_get(message, "progressDetail");
    const char *stream = json_str(message, "stream", ""), *from = json_str(message, "from", "");
    const char *status = json_str(message, "status", "");
    _cleanup_str_ struct str bar = { 0 };
    if (detail)
        progress_text(detail, columns_of(progress->to), &bar);
    bool in_place = progress->terminal && !*stream && detail;
    if (in_place)
        fputs("\x1b[2K\r", progress->to);
    else if (bar.n) /* no bars but on a terminal */
        return;
    if (*id)
        fprintf(progress->to, "%s: ", id);
    if (*from)
        fprintf(progress->to, "(from %s) ", from);
    if (in_place)
        fprintf(progress->to, "%s %s\r", status, str_text(&bar));
    else if (*stream)
        fputs(stream, progress->to);
    else
        fprintf(progress->to, "%s\n", status);
}

int progress_show(struct progress *progress, const json *message, struct error *err)
{
    const char *failure =
        json_str(json_get(message, "errorDetail"), "message", json_str(message, "error", NULL));
    if (failure)
        return error_set(err, ERROR_INTERNAL, "%s", failure);
    if (progress->quiet || json_get(message, "aux"))
        return 0;
    const char *id = json_str(message, "id", "");
    size_t up = find_line(progress, id, json_get(message, "progressDetail") != NULL);
    if (up && progress->terminal)
        fprintf(progress->to, "\x1b[%zuA", up);
    print_message(progress, message, id);
    if (up && progress->terminal)
        fprintf(progress->to, "\x1b[%zuB", up);
    return 0;
}

void progress_done(struct progress *progress)
{
    if (progress->ids)
        strv_free(progress->ids);
    progress->ids = NULL;
}

int progress_stream(struct http_exchange *exchange, FILE *to, bool quiet, struct error *err)
{
    _cleanup_client_lines_ struct client_lines lines = { .exchange = exchange };
    struct progress progress = { .to = to, .terminal = isatty(fileno(to)), .quiet = quiet };
    int rc = 1;
    while (rc > 0) {
        _cleanup_json_ json *message = NULL;
        if (!client_lines_buffered(&lines))
            fflush(to);
        rc = client_lines_next(&lines, &message, err);
        if (rc > 0 && progress_show(&progress, message, err) < 0)
            rc = -1;
    }
    fflush(to);
    progress_done(&progress);
    return rc;
}

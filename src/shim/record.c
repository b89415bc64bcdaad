#include "shim/record.h"

#include <stdio.h>

#include "base/atomic_file.h"
#include "base/clock.h"
#include "base/schema.h"

#define RECORD_MAX 65536
#define RECORD_FORMAT 1

struct record {
    int format, pid;
    const char *started_at;
    int exit_code, signal;
    const char *finished_at;
    bool oom_killed;
    const char *error;
};

static const struct schema_field state_fields[] = {
    FIELD(struct record, format, "format", INT),
    FIELD(struct record, pid, "pid", INT),
    FIELD(struct record, started_at, "started_at", STRING),
};
static const struct schema state_schema = SCHEMA(struct record, state_fields);

static const struct schema_field exit_fields[] = {
    FIELD(struct record, format, "format", INT),
    FIELD(struct record, exit_code, "exit_code", INT, .flags = SCHEMA_REQUIRED | SCHEMA_ALWAYS),
    FIELD(struct record, signal, "signal", INT),
    FIELD(struct record, finished_at, "finished_at", STRING, .flags = SCHEMA_REQUIRED),
    FIELD(struct record, oom_killed, "oom_killed", BOOL),
    FIELD(struct record, error, "error", STRING),
};
static const struct schema exit_schema = SCHEMA(struct record, exit_fields);

static int write_record(int run_fd, const char *name, const struct schema *schema,
    const struct record *record, struct error *err)
{
    _cleanup_json_ json *doc = schema_write(schema, record);
    _cleanup_str_ struct str text = { 0 };
    json_text(doc, &text);
    str_addc(&text, '\n');
    return atomic_file_write_volatile(run_fd, name, text.p, text.n, 0600, err);
}

int record_write_state(int run_fd, pid_t pid, int64_t started_at_ns, struct error *err)
{
    char started_at[CLOCK_TEXT_SIZE];
    clock_format(started_at_ns, started_at);
    struct record record = { .format = RECORD_FORMAT, .pid = pid, .started_at = started_at };
    return write_record(run_fd, SHIM_STATE, &state_schema, &record, err);
}

int record_write_exit(int run_fd, const struct shim_exit *exit, struct error *err)
{
    char finished_at[CLOCK_TEXT_SIZE];
    clock_format(exit->finished_at_ns, finished_at);
    struct record record = {
        .format = RECORD_FORMAT,
        .exit_code = exit->exit_code,
        .signal = exit->signal,
        .finished_at = finished_at,
        .oom_killed = exit->oom_killed,
        .error = exit->error,
    };
    return write_record(run_fd, SHIM_EXIT, &exit_schema, &record, err);
}

static int fill_exit(const struct record *record, struct shim_exit *out, struct error *err)
{
    *out = (struct shim_exit){
        .exit_code = record->exit_code,
        .signal = record->signal,
        .oom_killed = record->oom_killed,
    };
    snprintf(out->error, sizeof out->error, "%s", record->error ? record->error : "");
    return clock_parse(record->finished_at, &out->finished_at_ns, err);
}

int record_read_exit(int run_fd, struct shim_exit *out, struct error *err)
{
    _cleanup_json_ json *doc = NULL;
    struct record record = { 0 };
    if (json_read_file(run_fd, SHIM_EXIT, RECORD_MAX, &doc, err) < 0)
        return -1;
    if (schema_read(&exit_schema, doc, &record, err) < 0)
        return error_prefix(err, SHIM_EXIT);
    int rc = fill_exit(&record, out, err);
    schema_done(&exit_schema, &record);
    return rc < 0 ? error_prefix(err, SHIM_EXIT) : 0;
}

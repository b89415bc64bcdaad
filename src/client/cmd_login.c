/* login, logout */
#include <termios.h>

#include "base/fd.h"
#include "base/memory.h"
#include "client/commands.h"

#define PASSWORD_LIMIT_BYTES 65536

struct login {
    const char *username, *password;
    bool password_stdin;
};

static const struct option login_options[] = {
    OPTION(struct login, password, "password", 'p', TEXT, "Password"),
    OPTION(struct login, password_stdin, "password-stdin", 0, FLAG,
        "Read the password from standard input"),
    OPTION(struct login, username, "username", 'u', TEXT, "User name"),
};

/* "https://host:5000/v1/" to "host:5000"; Docker's own registry has no name here. */
static char *server_name(const char *text)
{
    if (!text)
        return xstrdup("");
    const char *start = str_starts(text, "https://")  ? text + 8
                        : str_starts(text, "http://") ? text + 7
                                                      : text;
    return xstrndup(start, strcspn(start, "/"));
}

/* A line from the person; echo off for passwords. */
static int ask(const char *prompt, bool secret, char **out, struct error *err)
{
    struct termios saved, silent;
    char line[1024] = "";
    if (!isatty(STDIN_FILENO))
        return error_set(err, ERROR_INVALID,
            "Error: Cannot perform an interactive login from a non TTY device");
    fputs(prompt, stdout);
    fflush(stdout);
    bool hide = secret && tcgetattr(STDIN_FILENO, &saved) == 0;
    if (hide) {
        silent = saved;
        silent.c_lflag &= ~(tcflag_t)ECHO;
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
    }
    bool got = fgets(line, sizeof line, stdin) != NULL;
    if (hide) {
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &saved);
        putchar('\n');
    }
    line[strcspn(line, "\r\n")] = '\0';
    if (!got || !*line)
        return error_set(err, ERROR_INVALID, "Error: %s required",
            secret ? "Password" : "Non-null Username");
    *out = xstrdup(line);
    explicit_bzero(line, sizeof line);
    return 0;
}

static int read_password(char **out, struct error *err)
{
    struct str text = { 0 };
    if (fd_read_to_end(STDIN_FILENO, PASSWORD_LIMIT_BYTES, &text, err) < 0)
        return -1;
    char *password = str_take(&text);
    size_t n = strlen(password);
    if (n && password[n - 1] == '\n')
        password[--n] = '\0';
    if (n && password[n - 1] == '\r')
        password[--n] = '\0';
    *out = password;
    return 0;
}

/* What the options and the person say, or what is stored already. */
static int gather(const struct cli *cli, const struct login *login, const char *server,
    struct credentials *out, struct error *err)
{
    if (login->password && login->password_stdin)
        return error_set(err, ERROR_INVALID,
            "--password and --password-stdin are mutually exclusive");
    if (login->password)
        fputs("WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n", stderr);
    if (login->password_stdin && (!login->username || !*login->username))
        return error_set(err, ERROR_INVALID, "Must provide --username with --password-stdin");
    if (!login->username && !login->password) {
        if (credentials_find(&cli->file, server, out, err) < 0)
            return -1;
        if (out->username || out->identity_token) {
            puts("Authenticating with existing credentials...");
            return 0;
        }
    }
    if (login->username)
        out->username = xstrdup(login->username);
    else if (ask("Username: ", false, &out->username, err) < 0)
        return -1;
    if (login->password)
        out->password = xstrdup(login->password);
    else if ((login->password_stdin ? read_password(&out->password, err)
                                    : ask("Password: ", true, &out->password, err))
             < 0)
        return -1;
    return 0;
}

static int login_run(struct cli *cli, void *values, char **args, struct error *err)
{
    _cleanup_free_ char *server = server_name(args[0]);
    _cleanup_credentials_ struct credentials credentials = { 0 };
    _cleanup_json_ json *body = json_new_object(), *answer = NULL;
    if (gather(cli, values, server, &credentials, err) < 0)
        return -1;
    json_set_str(body, "username", credentials.username ? credentials.username : "");
    json_set_str(body, "password", credentials.password ? credentials.password : "");
    if (credentials.identity_token)
        json_set_str(body, "identitytoken", credentials.identity_token);
    json_set_str(body, "serveraddress", credentials_key(server));
    if (client_post(cli->client, "/auth", body, &answer, err) < 0)
        return -1;
    const char *token = json_str(answer, "IdentityToken", "");
    if (*token && !credentials.identity_token)
        credentials.identity_token = xstrdup(token);
    if (credentials_store(&cli->file, server, &credentials, NULL, err) < 0)
        return error_prefix(err, "Error saving credentials");
    fprintf(stderr, "WARNING! Your password will be stored unencrypted in %s/config.json.\n",
        cli->file.folder);
    puts(json_str(answer, "Status", "Login Succeeded"));
    return 0;
}

const struct command command_login = {
    .usage = "[OPTIONS] [SERVER]",
    .summary = "Log in to a registry",
    .max_args = 1,
    OPTIONS(login_options),
    .values_size = sizeof(struct login),
    .run = login_run,
};

static int logout_run(struct cli *cli, void *values UNUSED, char **args, struct error *err)
{
    _cleanup_free_ char *server = server_name(args[0]);
    const char *key = credentials_key(server);
    printf("Removing login credentials for %s\n", key);
    return credentials_store(&cli->file, server, NULL, NULL, err);
}

const struct command command_logout = {
    .usage = "[SERVER]",
    .summary = "Log out from a registry",
    .max_args = 1,
    .run = logout_run,
};

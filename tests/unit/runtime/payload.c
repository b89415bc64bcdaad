/* The only file of the containers in these tests: payload VERB [ARG...]. Linked statically, without a C library's start-up costs
 * mattering; prints what it finds and ends with 0, or says why not and ends with 9. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static int failed(const char *what)
{
    printf("%s: %s\n", what, strerrorname_np(errno));
    return 9;
}

static int do_echo(char **args)
{
    for (; *args; args++)
        printf("%s%s", *args, args[1] ? " " : "\n");
    return 0;
}

static int do_exit(char **args)
{
    return (int)strtol(args[0], NULL, 10);
}

static int do_cat(char **args)
{
    char buffer[4096];
    for (; *args; args++) {
        int fd = open(*args, O_RDONLY);
        ssize_t n = fd < 0 ? -1 : read(fd, buffer, sizeof buffer);
        if (n < 0)
            return failed(*args);
        fwrite(buffer, 1, (size_t)n, stdout);
        close(fd);
    }
    return 0;
}

/* Lines of a file that begin with one of the words. */
static int do_grep(char **args)
{
    char line[4096];
    FILE *file = fopen(args[0], "re");
    if (!file)
        return failed(args[0]);
    while (fgets(line, sizeof line, file))
        for (char **word = args + 1; *word; word++)
            if (strncmp(line, *word, strlen(*word)) == 0)
                fputs(line, stdout);
    fclose(file);
    return 0;
}

static int do_write(char **args)
{
    int fd = open(args[0], O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (fd < 0 || write(fd, args[1], strlen(args[1])) < 0)
        return failed(args[0]);
    puts("written");
    return 0;
}

static int do_id(char **args)
{
    gid_t groups[64];
    int n = getgroups(64, groups);
    printf("%d:%d", getuid(), getgid());
    for (int i = 0; i < n; i++)
        printf(",%d", groups[i]);
    puts("");
    return 0;
}

static int do_cwd(char **args)
{
    char path[4096];
    puts(getcwd(path, sizeof path) ? path : strerrorname_np(errno));
    return 0;
}

static int do_env(char **args)
{
    for (char **entry = environ; *entry; entry++)
        puts(*entry);
    return 0;
}

static int do_ls(char **args)
{
    DIR *dir = opendir(args[0]);
    if (!dir)
        return failed(args[0]);
    for (struct dirent *entry; (entry = readdir(dir));)
        if (entry->d_name[0] != '.')
            puts(entry->d_name);
    closedir(dir);
    return 0;
}

static int do_stat(char **args)
{
    struct stat st;
    for (; *args; args++) {
        if (lstat(*args, &st) < 0)
            printf("%s: %s\n", *args, strerrorname_np(errno));
        else
            printf("%s: %o %d:%d %d:%d\n", *args, st.st_mode, st.st_uid, st.st_gid,
                major(st.st_rdev), minor(st.st_rdev));
    }
    return 0;
}

/* Which descriptors came through exec. */
static int do_fds(char **args)
{
    for (int fd = 0; fd < 1024; fd++)
        if (fcntl(fd, F_GETFD) >= 0)
            printf("%d ", fd);
    puts("");
    return 0;
}

static int do_node(char **args)
{
    dev_t device =
        makedev((unsigned)strtoul(args[2], NULL, 10), (unsigned)strtoul(args[3], NULL, 10));
    if (mknod(args[0], (args[1][0] == 'b' ? S_IFBLK : S_IFCHR) | 0666, device) < 0)
        return failed("mknod");
    int fd = open(args[0], O_RDWR | O_NONBLOCK);
    if (fd < 0)
        return failed("open");
    puts("opened");
    return 0;
}

static int do_syscall(char **args)
{
    long rc = syscall(strtol(args[0], NULL, 10), 0, 0, 0, 0, 0, 0);
    puts(rc < 0 ? strerrorname_np(errno) : "done");
    return 0;
}

static int do_terminal(char **args)
{
    struct winsize size = { 0 };
    struct stat a, b;
    if (ioctl(0, TIOCGWINSZ, &size) < 0 || fstat(0, &a) < 0 || stat("/dev/console", &b) < 0)
        return failed("terminal");
    int controlling = open("/dev/tty", O_RDWR);
    printf("%s %dx%d uid %d%s%s\n", ttyname(0), size.ws_row, size.ws_col, a.st_uid,
        a.st_rdev == b.st_rdev ? " console" : "", controlling >= 0 ? " controlling" : "");
    return 0;
}

static int do_limit(char **args)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    printf("%lu:%lu\n", limit.rlim_cur, limit.rlim_max);
    return 0;
}

static int do_host(char **args)
{
    char name[256];
    gethostname(name, sizeof name);
    puts(name);
    return 0;
}

static int do_signals(char **args)
{
    sigset_t mask;
    struct sigaction action;
    sigprocmask(SIG_BLOCK, NULL, &mask);
    for (int i = 1; i < 32; i++) {
        if (sigismember(&mask, i))
            printf("blocked %d ", i);
        if (sigaction(i, NULL, &action) == 0 && action.sa_handler == SIG_IGN)
            printf("ignored %d ", i);
    }
    puts("");
    return 0;
}

static int do_wait(char **args)
{
    puts("waiting");
    fflush(stdout);
    return pause();
}

static int do_umask(char **args)
{
    printf("%03o\n", umask(0));
    return 0;
}

static const struct {
    const char *name;
    int args;
    int (*run)(char **args);
} verbs[] = {
    { "echo", 0, do_echo },
    { "exit", 1, do_exit },
    { "cat", 1, do_cat },
    { "grep", 2, do_grep },
    { "write", 2, do_write },
    { "id", 0, do_id },
    { "cwd", 0, do_cwd },
    { "env", 0, do_env },
    { "ls", 1, do_ls },
    { "stat", 1, do_stat },
    { "fds", 0, do_fds },
    { "node", 4, do_node },
    { "syscall", 1, do_syscall },
    { "terminal", 0, do_terminal },
    { "limit", 0, do_limit },
    { "host", 0, do_host },
    { "signals", 0, do_signals },
    { "wait", 0, do_wait },
    { "umask", 0, do_umask },
};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < sizeof verbs / sizeof *verbs; i++)
        if (strcmp(verbs[i].name, argv[1]) == 0 && argc - 2 >= verbs[i].args)
            return verbs[i].run(argv + 2);
    puts("no such verb");
    return 9;
}

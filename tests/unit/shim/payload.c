/* What runs in the containers of shim_test: one static program with verbs. */
#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static volatile sig_atomic_t got_signal;

static void note(int signal)
{
    got_signal = signal;
}

static int say(int argc, char **argv)
{
    for (int i = 2; i < argc; i++)
        printf("%s\n", argv[i]);
    return 0;
}

static int leave(int argc, char **argv)
{
    return (int)strtol(argv[2], NULL, 10);
}

/* flood BYTES: as many to each of stdout and stderr, in turns. */
static int flood(int argc, char **argv)
{
    long left = strtol(argv[2], NULL, 10);
    char block[1000];
    for (long at = 0; at < left; at += (long)sizeof block) {
        for (size_t i = 0; i < sizeof block; i++)
            block[i] = (char)(i % 50 == 49 ? '\n' : 'a' + (at / 1000 + (long)i) % 26);
        size_t n = left - at < (long)sizeof block ? (size_t)(left - at) : sizeof block;
        if (write(1, block, n) != (ssize_t)n || write(2, block, n) != (ssize_t)n)
            return 1;
    }
    return 0;
}

static int cat(int argc, char **argv)
{
    char block[4096];
    ssize_t n;
    while ((n = read(0, block, sizeof block)) > 0)
        if (write(1, block, (size_t)n) != n)
            return 1;
    printf("the end\n");
    return 0;
}

/* Says "up", then waits for SIGTERM or SIGUSR1; SIGTERM ends it with 7. */
static int linger(int argc, char **argv)
{
    printf("up\n");
    fflush(stdout);
    for (;;) {
        while (!got_signal)
            poll(NULL, 0, 20);
        if (got_signal == SIGTERM)
            return 7;
        printf("signal %d\n", (int)got_signal);
        fflush(stdout);
        got_signal = 0;
    }
}

/* Counts, a line every 10 ms, until SIGTERM. */
static int count(int argc, char **argv)
{
    for (int i = 0; !got_signal; i++) {
        printf("%d\n", i);
        fflush(stdout);
        poll(NULL, 0, 10);
    }
    return 0;
}

static void print_size(void)
{
    struct winsize size = { 0 };
    ioctl(1, TIOCGWINSZ, &size);
    printf("%d x %d\n", size.ws_row, size.ws_col);
    fflush(stdout);
}

/* Prints the terminal's size at each change, and lines that it reads, until SIGTERM. */
static int terminal(int argc, char **argv)
{
    char line[100];
    struct pollfd input = { .fd = 0, .events = POLLIN };
    setvbuf(stdin, NULL, _IONBF, 0);
    print_size();
    while (got_signal != SIGTERM) {
        if (got_signal == SIGWINCH) {
            got_signal = 0;
            print_size();
        }
        if (poll(&input, 1, 20) == 1 && fgets(line, sizeof line, stdin))
            printf("line: %s", line);
        fflush(stdout);
    }
    return 0;
}

/* echo tcp|udp PORT: sends back what comes, in capitals, on 127.0.0.1. */
static int echo(int argc, char **argv)
{
    char block[2048];
    struct sockaddr_in at = { .sin_family = AF_INET,
        .sin_port = htons((uint16_t)strtol(argv[3], NULL, 10)),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int udp = strcmp(argv[2], "udp") == 0;
    int fd = socket(AF_INET, udp ? SOCK_DGRAM : SOCK_STREAM, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
    if (bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || (!udp && listen(fd, 5) < 0))
        return 1;
    printf("up\n");
    fflush(stdout);
    for (;;) {
        struct sockaddr_in from;
        socklen_t size = sizeof from;
        int peer = udp ? fd : accept(fd, NULL, NULL);
        ssize_t n;
        while ((n = recvfrom(peer, block, sizeof block, 0, (struct sockaddr *)&from, &size)) > 0) {
            for (ssize_t i = 0; i < n; i++)
                block[i] = (char)(block[i] >= 'a' && block[i] <= 'z' ? block[i] - 32 : block[i]);
            sendto(peer, block, (size_t)n, 0, udp ? (struct sockaddr *)&from : NULL,
                udp ? size : 0);
        }
        if (!udp)
            close(peer);
    }
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(int argc, char **argv);
    } verbs[] = { { "say", say }, { "leave", leave }, { "flood", flood }, { "cat", cat },
        { "linger", linger }, { "count", count }, { "terminal", terminal }, { "echo", echo } };
    static const int signals[] = { SIGTERM, SIGUSR1, SIGWINCH };
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        sigaction(signals[i], &(struct sigaction){ .sa_handler = note }, NULL);
    for (size_t i = 0; argc > 1 && i < sizeof verbs / sizeof *verbs; i++)
        if (strcmp(argv[1], verbs[i].name) == 0)
            return verbs[i].run(argc, argv);
    return 2;
}

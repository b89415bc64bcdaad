#include "network/netlink.h"

#include <errno.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"

void *netlink_begin(struct netlink_message *message, uint16_t type, uint16_t flags,
    size_t extra_size)
{
    message->header = mnl_nlmsg_put_header(message->bytes);
    message->header->nlmsg_type = type;
    message->header->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
    return mnl_nlmsg_put_extra_header(message->header, extra_size);
}

int netlink_open(int protocol, struct error *err)
{
    _cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
    int on = 1;
    if (fd < 0 || setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on) < 0)
        return error_sys(err, "netlink socket");
    return TAKE_FD(fd);
}

static int keep_message(const struct nlattr *attr, void *data)
{
    if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG)
        *(const char **)data = mnl_attr_get_str(attr);
    return MNL_CB_OK;
}

/* The kernel's words in an error answer (NETLINK_EXT_ACK), or NULL. */
static const char *kernel_words(const struct nlmsghdr *answer)
{
    const struct nlmsgerr *failure = mnl_nlmsg_get_payload(answer);
    const char *words = NULL;
    size_t skip = sizeof *failure;
    if (!(answer->nlmsg_flags & NLM_F_ACK_TLVS))
        return NULL;
    if (!(answer->nlmsg_flags & NLM_F_CAPPED))
        skip += mnl_nlmsg_get_payload_len(&failure->msg);
    mnl_attr_parse(answer, (unsigned)skip, keep_message, &words);
    return words;
}

static int answer_error(const struct nlmsghdr *answer, struct error *err)
{
    const struct nlmsgerr *failure = mnl_nlmsg_get_payload(answer);
    if (failure->error == 0)
        return 0;
    const char *words = kernel_words(answer);
    errno = -failure->error;
    return words ? error_sys(err, "netlink: %s", words) : error_sys(err, "netlink");
}

static ssize_t receive(int fd, char *bytes, size_t n, int flags, struct error *err)
{
    for (;;) {
        ssize_t got = recv(fd, bytes, n, flags);
        if (got >= 0 || (errno == EAGAIN && flags & MSG_DONTWAIT))
            return got >= 0 ? got : 0;
        if (errno != EINTR)
            return error_sys(err, "netlink: receive");
    }
}

int netlink_request(int fd, struct netlink_message *message, struct error *err)
{
    message->header->nlmsg_flags |= NLM_F_ACK;
    if (socket_send(fd, message->header, message->header->nlmsg_len, NULL, 0, err) < 0)
        return -1;
    alignas(struct nlmsghdr) char bytes[NETLINK_BUFFER_BYTES];
    for (;;) {
        ssize_t n = receive(fd, bytes, sizeof bytes, 0, err);
        if (n < 0)
            return -1;
        int left = (int)n;
        for (struct nlmsghdr *h = (void *)bytes; mnl_nlmsg_ok(h, left);
            h = mnl_nlmsg_next(h, &left))
            if (h->nlmsg_type == NLMSG_ERROR)
                return answer_error(h, err);
    }
}

int netlink_dump(int fd, struct netlink_message *message, netlink_each *each, void *data,
    struct error *err)
{
    message->header->nlmsg_flags |= NLM_F_DUMP;
    if (socket_send(fd, message->header, message->header->nlmsg_len, NULL, 0, err) < 0)
        return -1;
    alignas(struct nlmsghdr) char bytes[4 * NETLINK_BUFFER_BYTES];
    for (;;) {
        ssize_t n = receive(fd, bytes, sizeof bytes, 0, err);
        if (n < 0)
            return -1;
        int left = (int)n;
        for (struct nlmsghdr *h = (void *)bytes; mnl_nlmsg_ok(h, left);
            h = mnl_nlmsg_next(h, &left)) {
            if (h->nlmsg_type == NLMSG_DONE)
                return 0;
            if (h->nlmsg_type == NLMSG_ERROR)
                return answer_error(h, err);
            if (each(h, data) < 0)
                return error_set(err, ERROR_INTERNAL,
                    "netlink: an answer of the kernel does not parse");
        }
    }
}

int netlink_batch(int fd, const void *bytes, size_t n, struct error *err)
{
    if (socket_send(fd, bytes, n, NULL, 0, err) < 0)
        return -1;
    alignas(struct nlmsghdr) char answers[4 * NETLINK_BUFFER_BYTES];
    for (;;) {
        ssize_t got = receive(fd, answers, sizeof answers, MSG_DONTWAIT, err);
        if (got <= 0)
            return (int)got;
        int left = (int)got;
        for (struct nlmsghdr *h = (void *)answers; mnl_nlmsg_ok(h, left);
            h = mnl_nlmsg_next(h, &left))
            if (h->nlmsg_type == NLMSG_ERROR && answer_error(h, err) < 0)
                return -1;
    }
}

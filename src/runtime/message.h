/* message.h - the one record that creator, init and the receiver of a result exchange over SOCK_SEQPACKET pairs (private). */
#pragma once

#include <stdint.h>
#include <sys/types.h>
#include "base/error.h"
#include "runtime/runtime.h"

enum message_kind {
    MESSAGE_ERROR,      /* err */
    MESSAGE_NAMESPACES, /* init -> creator: it is in its namespaces; wait for MESSAGE_GO */
    MESSAGE_GO,         /* creator -> init */
    MESSAGE_READY,      /* init -> creator: waits for the start; with descriptors */
    MESSAGE_RESULT,     /* creator -> its parent */
    MESSAGE_END,        /* never sent: the other end has been closed */
};

/* Receives one message: fills *result with its pid, warnings (added to those that are there) and descriptors. Returns the kind,
 * MESSAGE_END at the end of the connection, or -1: the sender's error, or what went wrong here. */
MUST_CHECK int message_receive(int fd, struct runtime_result *result, struct error *err);

/* result may be NULL; failure only with MESSAGE_ERROR. */
MUST_CHECK int message_send(int fd, enum message_kind kind, const struct runtime_result *result,
    const struct error *failure, struct error *err);

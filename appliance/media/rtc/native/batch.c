#define _GNU_SOURCE
#include "batch.h"

#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>

#include "engine.h"

#define CONTROL_ROOM 64

struct batch {
    struct mmsghdr messages[BATCH];
    struct iovec pieces[BATCH];
    struct sockaddr_storage sources[BATCH];
    _Alignas(16) uint8_t control[BATCH][CONTROL_ROOM];
    _Alignas(16) uint8_t data[BATCH][DATAGRAM_ROOM];
};

batch *batch_new(void) { return calloc(1, sizeof(batch)); }

void batch_free(batch *b) { free(b); }

void batch_prepare(int fd) {
    int on = 1;
    /* without it the time of reading has to do */
    (void)setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
}

static int64_t wall_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* Return how long ago a message arrived. */
static int64_t age_us(struct msghdr *message, int64_t wall) {
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS)
            continue;
        struct timespec t;
        memcpy(&t, CMSG_DATA(c), sizeof t);
        int64_t age = wall - ((int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000);
        /* the wall clock may be set at any time */
        return age < 0 || age > 1000000 ? 0 : age;
    }
    return 0;
}

int batch_receive(batch *b, int fd, datagram *out) {
    for (int i = 0; i < BATCH; i++) {
        b->pieces[i] = (struct iovec){b->data[i], DATAGRAM_ROOM};
        b->messages[i].msg_hdr = (struct msghdr){
            .msg_name = &b->sources[i],
            .msg_namelen = sizeof b->sources[i],
            .msg_iov = &b->pieces[i],
            .msg_iovlen = 1,
            .msg_control = b->control[i],
            .msg_controllen = CONTROL_ROOM,
        };
    }
    int count = recvmmsg(fd, b->messages, BATCH, MSG_DONTWAIT, NULL);
    int64_t wall = wall_us(), now = now_us();
    for (int i = 0; i < count; i++) {
        struct mmsghdr *m = &b->messages[i];
        out[i].data = b->data[i];
        out[i].size = m->msg_hdr.msg_flags & MSG_TRUNC ? 0 : m->msg_len;
        out[i].at_us = now - age_us(&m->msg_hdr, wall);
        out[i].source = &b->sources[i];
    }
    return count;
}

int batch_send(int fd, const struct sockaddr *to, socklen_t to_size, packet *const *packets, int count) {
    struct mmsghdr messages[BATCH];
    struct iovec pieces[BATCH];
    memset(messages, 0, sizeof messages);
    for (int i = 0; i < count; i++) {
        pieces[i] = (struct iovec){packets[i]->data, packets[i]->size};
        messages[i].msg_hdr.msg_name = (void *)to;
        messages[i].msg_hdr.msg_namelen = to_size;
        messages[i].msg_hdr.msg_iov = &pieces[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    int sent = 0;
    while (sent < count) {
        int now = sendmmsg(fd, messages + sent, (unsigned)(count - sent), MSG_DONTWAIT);
        if (now <= 0)
            break;
        sent += now;
    }
    return sent;
}

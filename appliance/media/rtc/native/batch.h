/* Many datagrams in one system call, with the times the kernel saw them. */
#ifndef SALON_BATCH_H
#define SALON_BATCH_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "pacer.h"

#define BATCH 32
#define DATAGRAM_ROOM 2048

typedef struct batch batch;

typedef struct {
    uint8_t *data;
    size_t size; /* 0 for one that was longer than any of ours can be */
    int64_t at_us;
    const struct sockaddr_storage *source;
} datagram;

batch *batch_new(void);
void batch_free(batch *b);

/* Ask the kernel to note arrival times of what comes on a socket. */
void batch_prepare(int fd);

/* Read what waits on a socket, at most BATCH; the datagrams are valid until the next call. */
int batch_receive(batch *b, int fd, datagram *out);

/* Send at most BATCH packets; what the kernel does not take is lost, as on any network. Returns how many went. */
int batch_send(int fd, const struct sockaddr *to, socklen_t to_size, packet *const *packets, int count);

#endif

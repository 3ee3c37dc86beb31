/* An engine without thread, sockets and clock around a real connection: time passes when the script says so, datagrams
 * come from memory, and what leaves can be looked at, or comes back. */
#ifndef FUZZ_FAKE_ENGINE_H
#define FUZZ_FAKE_ENGINE_H

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "batch.h"
#include "connection.h"
#include "script.h"

#define MOST_ON_WIRE 1024

typedef struct {
    uint8_t *data;
    size_t size;
} on_wire;

typedef struct {
    engine engine;
    connection *connection;
    int64_t now_us;
    bool refuses;   /* SRTP: every packet is a forgery, and none can be protected */
    bool congested; /* the kernel takes no packet */
    /* the datagram that the socket has now, and from where */
    uint8_t *incoming;
    size_t incoming_size;
    struct sockaddr_storage source;
    on_wire wire[MOST_ON_WIRE];
    size_t wire_count;
} world;

static world *here;

int64_t now_us(void) {
    return here->now_us;
}

void engine_wake_by(engine *e, int64_t when_us) {
    e->due_us = when_us < e->due_us ? when_us : e->due_us;
}

void engine_tell(engine *e) {
    e->told = e->told || e->events.count > 0;
}

void batch_prepare(int fd) {
    CHECK(fd >= 0);
}

int batch_receive(batch *b, int fd, datagram *out) {
    CHECK(b == NULL && fd >= 0);
    out[0] = (datagram){here->incoming, here->incoming_size, now_us(), &here->source};
    return 1;
}

/* Without the tag that protecting added. */
static void put_on_wire(const packet *p) {
    if (here->wire_count == MOST_ON_WIRE)
        return;
    CHECK(p->size >= SRTP_ROOM);
    size_t size = p->size - (size_t)SRTP_ROOM;
    here->wire[here->wire_count++] = (on_wire){copy_of(p->data, size), size};
}

int batch_send(int fd, const struct sockaddr *to, socklen_t to_size, packet *const *packets, int count) {
    CHECK(fd >= 0 && count <= BATCH && to_size >= sizeof(struct sockaddr_in) && to->sa_family != AF_UNSPEC);
    for (int i = 0; i < count && !here->congested; i++)
        put_on_wire(packets[i]);
    return here->congested ? 0 : count;
}

static void clear_wire(world *w) {
    for (size_t i = 0; i < w->wire_count; i++)
        free(w->wire[i].data);
    w->wire_count = 0;
}

/* As long a tag as there may be, so that the sanitizer sees where room for it is missing. */
static int protect_fake(void *session, void *data, int *size) {
    CHECK(session == here && *size >= 0 && *size + SRTP_ROOM <= UINT16_MAX);
    if (here->refuses)
        return 1;
    memset((uint8_t *)data + *size, 0xAA, SRTP_ROOM);
    *size += SRTP_ROOM;
    return 0;
}

static int unprotect_fake(void *session, void *data, int *size) {
    CHECK(session == here && data != NULL && *size > 0);
    return here->refuses;
}

static int remove_fake(void *session, unsigned int ssrc) {
    (void)ssrc;
    CHECK(session == here);
    return 0;
}

/* What the thread does when it wakes. A next time that has come already would be a busy loop. */
static void wake(world *w) {
    w->engine.due_us = connection_tick(w->connection, w->now_us);
    CHECK(w->engine.due_us > w->now_us);
    engine_tell(&w->engine);
}

static void wake_if_due(world *w) {
    if (w->engine.due_us <= w->now_us)
        wake(w);
}

static void pass_time(world *w, int64_t us) {
    int64_t until = w->now_us + us;
    /* timers that come late are met as well: not all of a long time is gone through */
    for (int wakes = 0; wakes < 100 && w->engine.due_us <= until; wakes++) {
        w->now_us = w->engine.due_us > w->now_us ? w->engine.due_us : w->now_us;
        wake(w);
    }
    w->now_us = until;
    wake_if_due(w);
}

static void arrive(world *w, const uint8_t *data, size_t size) {
    w->incoming = copy_of(data, size);
    w->incoming_size = size;
    connection_read(w->connection, 0);
    free(w->incoming);
    wake(w);
}

/* False when there is no memory. */
static bool open_world(world *w, bool patient) {
    static int epoll = -1;
    static const uint8_t nowhere[4] = {192, 0, 2, 1};
    if (epoll < 0)
        epoll = epoll_create1(EPOLL_CLOEXEC);
    here = w;
    w->now_us = 10000000;
    w->engine = (engine){.epoll = epoll, .due_us = INT64_MAX};
    w->engine.srtp = (srtp_functions){protect_fake, unprotect_fake, protect_fake, unprotect_fake, remove_fake};
    pthread_mutex_init(&w->engine.lock, NULL);
    w->connection = connection_open(&w->engine, 0xC0FFEE, w, w, patient);
    if (w->connection == NULL)
        return false;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    CHECK(fd >= 0 && connection_add_socket(w->connection, fd) == 0);
    close(fd);
    CHECK(connection_route(w->connection, 0, AF_INET, nowhere, 9) == 0);
    return true;
}

static void close_world(world *w) {
    if (w->connection != NULL)
        connection_close(w->connection);
    events_clear(&w->engine.events);
    pthread_mutex_destroy(&w->engine.lock);
    clear_wire(w);
}

#endif

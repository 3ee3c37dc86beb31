#define _GNU_SOURCE
#include "engine.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "batch.h"
#include "connection.h"

#define REST_US 4000  /* packets that come within this time share one wake-up */
#define QUIET_US 8000 /* and events share one of Python's, which costs more than all that is done then */
#define CROWD_QUIET_US 24000 /* so do pictures of many and reports, if who takes them is patient: sound takes them along */
#define CROWD 120            /* of them a second, as of four people */
#define CROWD_OVER_US 500000
#define FLOOD 64
#define MOST_READY 64
#define FOREVER INT64_MAX

int engine_version(void) { return ENGINE_VERSION; }

int64_t now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int milliseconds_until(int64_t when_us) {
    if (when_us == FOREVER)
        return -1;
    int64_t left = when_us - now_us();
    return left <= 0 ? 0 : left > 60000000 ? 60000 : (int)((left + 999) / 1000);
}

static void drain(int fd) {
    uint64_t count;
    while (read(fd, &count, sizeof count) < 0 && errno == EINTR) {
    }
}

static void raise_fd(int fd) {
    uint64_t one = 1;
    while (write(fd, &one, sizeof one) < 0 && errno == EINTR) {
    }
}

void engine_wake_by(engine *e, int64_t when_us) {
    if (when_us >= e->due_us)
        return;
    e->due_us = when_us;
    if (when_us < e->asleep_until_us)
        raise_fd(e->wake);
}

void engine_tell(engine *e) {
    if (!e->events.count || e->told)
        return;
    int64_t now = now_us();
    bool patient = e->crowded && e->events.patient == e->events.count;
    int64_t next = e->told_us + (patient ? CROWD_QUIET_US : QUIET_US);
    if (now < next) {
        engine_wake_by(e, next);
        return;
    }
    e->told = true;
    e->told_us = now;
    raise_fd(e->ready);
}

static connection *find(engine *e, uint32_t id) {
    connection *c = e->connections;
    while (c && c->id != id)
        c = c->next;
    return c;
}

/* Read what is ready; return how many datagrams there were. */
static int read_ready(engine *e, const struct epoll_event *ready, int count) {
    int datagrams = 0;
    for (int i = 0; i < count; i++) {
        if (ready[i].data.u64 == 0) {
            drain(e->wake);
            continue;
        }
        connection *c = find(e, (uint32_t)(ready[i].data.u64 >> 8));
        if (c)
            datagrams += connection_read(c, (int)(ready[i].data.u64 & 0xFF));
    }
    return datagrams;
}

static int64_t tick_all(engine *e) {
    int64_t next = FOREVER, now = now_us();
    for (connection *c = e->connections; c; c = c->next) {
        int64_t wanted = connection_tick(c, now);
        next = wanted < next ? wanted : next;
    }
    return next;
}

/* Sleep until packets come or something is due; return how many descriptors are ready. */
static int listen_for(engine *e, struct epoll_event *ready) {
    int64_t until = e->asleep_until_us = e->due_us;
    pthread_mutex_unlock(&e->lock);
    int count = epoll_wait(e->epoll, ready, MOST_READY, milliseconds_until(until));
    pthread_mutex_lock(&e->lock);
    e->asleep_until_us = 0;
    return count > 0 ? count : 0;
}

/* Let packets gather; only what Python wants done, or what falls due, cuts this short. */
static void rest(engine *e) {
    struct pollfd wake = {.fd = e->wake, .events = POLLIN};
    int64_t rested = now_us() + REST_US;
    int64_t until = e->asleep_until_us = e->due_us < rested ? e->due_us : rested;
    pthread_mutex_unlock(&e->lock);
    poll(&wake, 1, milliseconds_until(until));
    pthread_mutex_lock(&e->lock);
    e->asleep_until_us = 0;
}

static void *run(void *argument) {
    engine *e = argument;
    struct epoll_event ready[MOST_READY];
    pthread_mutex_lock(&e->lock);
    while (!e->stopping) {
        int datagrams = read_ready(e, ready, listen_for(e, ready));
        e->due_us = tick_all(e);
        engine_tell(e);
        /* in a flood the sockets' buffers would not last that long */
        if (datagrams && datagrams < FLOOD && !e->stopping)
            rest(e);
    }
    pthread_mutex_unlock(&e->lock);
    return NULL;
}

static bool start(engine *e) {
    struct epoll_event wake = {.events = EPOLLIN, .data.u64 = 0};
    e->epoll = epoll_create1(EPOLL_CLOEXEC);
    e->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    e->ready = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    e->batch = batch_new();
    if (e->epoll < 0 || e->wake < 0 || e->ready < 0 || !e->batch)
        return false;
    if (epoll_ctl(e->epoll, EPOLL_CTL_ADD, e->wake, &wake) < 0)
        return false;
    sigset_t all, before;
    sigfillset(&all);
    /* signals are Python's */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int refused = pthread_create(&e->thread, NULL, run, e);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return !refused;
}

static void release(engine *e) {
    const int fds[] = {e->epoll, e->wake, e->ready};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    events_clear(&e->events);
    batch_free(e->batch);
    pthread_mutex_destroy(&e->lock);
    free(e);
}

engine *engine_new(const srtp_functions *srtp) {
    engine *e = calloc(1, sizeof *e);
    if (!e)
        return NULL;
    e->epoll = e->wake = e->ready = -1;
    e->srtp = *srtp;
    e->due_us = FOREVER;
    pthread_mutex_init(&e->lock, NULL);
    if (start(e))
        return e;
    release(e);
    return NULL;
}

void engine_free(engine *e) {
    pthread_mutex_lock(&e->lock);
    e->stopping = true;
    raise_fd(e->wake);
    pthread_mutex_unlock(&e->lock);
    pthread_join(e->thread, NULL);
    while (e->connections)
        connection_free(e->connections);
    release(e);
}

int engine_ready_fd(const engine *e) { return e->ready; }

static void count_patient(engine *e, int64_t now) {
    e->counted += e->events.patient;
    int64_t elapsed = now - e->counted_us;
    if (elapsed < CROWD_OVER_US)
        return;
    e->crowded = e->counted * 1000000 > CROWD * (uint64_t)elapsed;
    e->counted = 0;
    e->counted_us = now;
}

size_t engine_take(engine *e, const event **out, uint64_t *dropped) {
    pthread_mutex_lock(&e->lock);
    drain(e->ready);
    e->told = false;
    count_patient(e, now_us());
    size_t count = events_take(&e->events, out);
    *dropped = e->events.dropped;
    pthread_mutex_unlock(&e->lock);
    return count;
}

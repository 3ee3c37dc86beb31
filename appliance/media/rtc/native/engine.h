/* One thread for all media of a process: it sleeps in epoll, reads and writes sockets in batches, and rests a moment
 * between two batches. One lock guards everything; whoever holds it does the work at hand, thread or caller. */
#ifndef SALON_ENGINE_H
#define SALON_ENGINE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "events.h"
#include "export.h"
#include "srtp.h"

#define ENGINE_VERSION 3 /* of what Python and the library say to each other */

typedef struct connection connection;

typedef struct engine {
    pthread_mutex_t lock;
    pthread_t thread;
    srtp_functions srtp;
    event_queue events;
    connection *connections;
    struct batch *batch;
    int epoll, wake, ready; /* ready rises for Python when events wait */
    bool stopping, told, crowded;
    uint32_t last_id;
    int64_t due_us, told_us, counted_us;
    uint64_t counted; /* taken since counted_us, of what may wait */
    int64_t asleep_until_us; /* 0 while the thread is awake: who finds work then need not wake it */
} engine;

RTP_API int engine_version(void);

/* Start the thread; NULL when the system refuses it. */
RTP_API engine *engine_new(const srtp_functions *srtp);

/* Stop the thread and forget all connections. */
RTP_API void engine_free(engine *e);

/* The eventfd that Python waits for. */
RTP_API int engine_ready_fd(const engine *e);

/* Return all events, valid until the next call, and how many were dropped so far because nobody took them in time. */
RTP_API size_t engine_take(engine *e, const event **out, uint64_t *dropped);

/* For connections, under the lock: let Python know, and be awake by then. */
void engine_tell(engine *e);
void engine_wake_by(engine *e, int64_t when_us);

int64_t now_us(void);

#endif

/* What the engine tells Python: a bounded queue, taken whole. A slow reader loses old frames, never memory. */
#ifndef SALON_EVENTS_H
#define SALON_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum event_kind {
    EVENT_FRAME = 1,     /* a whole encoded frame */
    EVENT_RTCP = 2,      /* a decrypted compound */
    EVENT_DATAGRAM = 3,  /* STUN, DTLS or anything else that is not media */
    EVENT_NEEDS_KEY = 4, /* a line cannot show anything before its next key frame */
    EVENT_STREAM = 5,    /* an SSRC began on a line */
    EVENT_HEARD = 6,     /* the first packet since the last reports were taken */
    EVENT_ROOM = 7,      /* no more pictures wait to leave; told to those who asked */
};

#define NO_LEVEL 255

/* Python reads it with struct.unpack: 64 bytes, no padding that the compiler chose. */
typedef struct {
    const uint8_t *data;
    int64_t at_us;
    uint32_t size, connection, ssrc, timestamp;
    uint16_t line; /* of a frame; the socket of a datagram */
    uint16_t port;
    uint8_t kind, key, payload_type, level, layer, family;
    uint8_t patient; /* Python need not be woken up for it alone where much comes */
    uint8_t unused;
    uint8_t address[16]; /* who sent a datagram: four or sixteen bytes by its family */
    uint8_t unused_too[4];
} event;

_Static_assert(sizeof(event) == 64, "Python unpacks 64 bytes");

/* Frames of one stream that wait together: dropping in the midst of video would spoil what follows. */
typedef struct {
    bool video;
    bool starved; /* frames were dropped: nothing goes in before a key frame */
    uint32_t waiting;
} lane;

typedef struct event_node event_node;

typedef struct {
    event_node *first, *last, *taken;
    event *list;
    size_t list_room, count, bytes, others, patient;
    uint64_t dropped;
} event_queue;

/* Copy an event in; false when something was dropped for want of room. Without a lane it is not a frame. */
bool events_put(event_queue *queue, const event *e, lane *from);

/* Return all events, valid until the next call. */
size_t events_take(event_queue *queue, const event **out);

#define EVERY_LINE (-1)

/* Forget what waits of a connection, or of one m-line of it, that is gone. */
void events_forget(event_queue *queue, uint32_t connection, int32_t line);

void events_clear(event_queue *queue);

#endif

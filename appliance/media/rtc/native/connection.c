#define _GNU_SOURCE
#include "connection.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "batch.h"
#include "bytes.h"

#define MOST_ROUNDS 8 /* of reading one socket before the others have their turn */
#define LOCKED(c) pthread_mutex_lock(&(c)->of->lock)
#define UNLOCKED(c) pthread_mutex_unlock(&(c)->of->lock)

connection *connection_open(engine *e, uint32_t ssrc, void *receive, void *send, int patient) {
    connection *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    *c = (connection){.of = e, .ssrc = ssrc, .receive = receive, .send = send, .route = -1};
    pthread_mutex_lock(&e->lock);
    c->id = ++e->last_id;
    incoming_init(&c->in, &e->events, c->id, patient);
    c->next = e->connections;
    e->connections = c;
    pthread_mutex_unlock(&e->lock);
    return c;
}

uint32_t connection_id(const connection *c) { return c->id; }

void connection_free(connection *c) {
    for (connection **at = &c->of->connections; *at; at = &(*at)->next) {
        if (*at == c) {
            *at = c->next;
            break;
        }
    }
    for (int i = 0; i < c->socket_count; i++) {
        /* Python's own descriptor may live on, and with it what epoll watches */
        epoll_ctl(c->of->epoll, EPOLL_CTL_DEL, c->sockets[i], NULL);
        close(c->sockets[i]);
    }
    events_forget(&c->of->events, c->id, EVERY_LINE);
    incoming_clear(&c->in);
    outgoing_clear(&c->out);
    arrivals_free(c->arrived);
    free(c);
}

static bool tell(connection *c, enum event_kind kind, uint32_t ssrc) {
    event e = {.kind = (uint8_t)kind, .connection = c->id, .ssrc = ssrc};
    return events_put(&c->of->events, &e, NULL);
}

/* ---- out ---- */

static int send_packets(connection *c, packet **packets, int count) {
    if (c->route < 0)
        return 0;
    return batch_send(c->sockets[c->route], (struct sockaddr *)&c->remote, c->remote_size, packets, count);
}

static bool protect(connection *c, packet *p, bool rtcp) {
    const srtp_functions *srtp = &c->of->srtp;
    int size = p->size;
    if ((rtcp ? srtp->protect_rtcp : srtp->protect)(c->send, p->data, &size))
        return false;
    p->size = (uint16_t)size;
    return true;
}

static packet *next_packet(connection *c, int64_t now) {
    packet *p = pacer_take(&c->out.pace, now);
    return p || !outgoing_pad(&c->out, now) ? p : pacer_take(&c->out.pace, now);
}

/* Send what the pacer lets go; return when it will let go more. */
static int64_t flush(connection *c, int64_t now) {
    packet *leaving[BATCH];
    int count;
    do {
        count = 0;
        for (packet *p; count < BATCH && (p = next_packet(c, now));) {
            outgoing_leave(&c->out, p, now);
            if (protect(c, p, false))
                leaving[count++] = p;
            else
                free(p);
        }
        send_packets(c, leaving, count);
        for (int i = 0; i < count; i++)
            free(leaving[i]);
    } while (count == BATCH);
    if (c->wants_room && !pacer_holds(&c->out.pace))
        c->wants_room = !tell(c, EVENT_ROOM, 0);
    return pacer_next_us(&c->out.pace);
}

static bool send_now(connection *c, const uint8_t *data, size_t size) {
    packet *p = malloc(sizeof *p + size + SRTP_ROOM);
    if (!p)
        return false;
    p->size = (uint16_t)size;
    memcpy(p->data, data, size);
    bool sent = protect(c, p, datagram_kind_of(data, size) == DATAGRAM_RTCP) && send_packets(c, &p, 1) == 1;
    free(p);
    return sent;
}

/* ---- in ---- */

static void note_arrival(connection *c, const rtp_packet *p, const datagram *d) {
    const uint8_t *number;
    size_t size;
    uint8_t id = c->in.ids.transport_sequence;
    if (!id || rtp_extension_get(p, id, &number, &size) < 0 || size != 2)
        return;
    if (!c->arrived && !(c->arrived = arrivals_new()))
        return;
    c->arrived_ssrc = p->ssrc;
    arrivals_add(c->arrived, get_16(number), d->at_us);
    c->counters.numbered++;
}

/* Only what authenticated counts: nobody else could push a stream out. */
static void note_heard(connection *c, uint32_t ssrc, int64_t now) {
    uint32_t gone;
    if (heard_add(&c->heard, ssrc, now, &gone))
        c->of->srtp.remove_stream(c->receive, htonl(gone));
}

static void take_rtp(connection *c, const datagram *d) {
    int size = (int)d->size;
    rtp_packet p;
    if (c->of->srtp.unprotect(c->receive, d->data, &size) || rtp_parse(&p, d->data, (size_t)size) < 0) {
        c->counters.malformed++;
        return;
    }
    note_heard(c, p.ssrc, d->at_us);
    note_arrival(c, &p, d);
    incoming_packet(&c->in, &p, d->data, (size_t)size, d->at_us);
}

static void take_rtcp(connection *c, const datagram *d, int64_t now) {
    int size = (int)d->size;
    if (c->of->srtp.unprotect_rtcp(c->receive, d->data, &size)) {
        c->counters.malformed++;
        return;
    }
    if (size >= 8)
        note_heard(c, get_32(d->data + 4), d->at_us);
    outgoing_requests(&c->out, d->data, (size_t)size, now);
    event e = {
        .kind = EVENT_RTCP,
        .connection = c->id,
        .at_us = d->at_us,
        .data = d->data,
        .size = (uint32_t)size,
        .patient = c->in.patient,
    };
    events_put(&c->of->events, &e, NULL);
}

static void hand_up(connection *c, const datagram *d, int socket) {
    event e = {
        .kind = EVENT_DATAGRAM,
        .connection = c->id,
        .line = (uint16_t)socket,
        .at_us = d->at_us,
        .data = d->data,
        .size = (uint32_t)d->size,
        .family = (uint8_t)d->source->ss_family,
    };
    if (d->source->ss_family == AF_INET) {
        const struct sockaddr_in *from = (const struct sockaddr_in *)d->source;
        memcpy(e.address, &from->sin_addr, 4);
        e.port = ntohs(from->sin_port);
    } else if (d->source->ss_family == AF_INET6) {
        const struct sockaddr_in6 *from = (const struct sockaddr_in6 *)d->source;
        memcpy(e.address, &from->sin6_addr, 16);
        e.port = ntohs(from->sin6_port);
    }
    events_put(&c->of->events, &e, NULL);
}

static void take(connection *c, const datagram *d, int socket, int64_t now) {
    c->counters.octets += d->size;
    switch (datagram_kind_of(d->data, d->size)) {
    case DATAGRAM_RTP:
        take_rtp(c, d);
        break;
    case DATAGRAM_RTCP:
        take_rtcp(c, d, now);
        break;
    default:
        hand_up(c, d, socket);
    }
}

int connection_read(connection *c, int socket) {
    datagram datagrams[BATCH];
    int count = BATCH, all = 0;
    if (socket >= c->socket_count)
        return 0;
    for (int round = 0; round < MOST_ROUNDS && count == BATCH; round++) {
        count = batch_receive(c->of->batch, c->sockets[socket], datagrams);
        int64_t now = now_us();
        for (int i = 0; i < count; i++)
            if (datagrams[i].size)
                take(c, &datagrams[i], socket, now);
        all += count > 0 ? count : 0;
    }
    return all;
}

/* Tell whoever numbers its packets which came; return when there will be more to tell. */
static int64_t send_feedback(connection *c, int64_t now) {
    uint8_t feedback[FEEDBACK_ROOM];
    if (!c->arrived)
        return INT64_MAX;
    for (size_t size; (size = arrivals_take(c->arrived, c->ssrc, c->arrived_ssrc, now, feedback));)
        send_now(c, feedback, size);
    return arrivals_due_us(c->arrived);
}

int64_t connection_tick(connection *c, int64_t now) {
    uint8_t request[RTCP_ROOM];
    int64_t wanted = incoming_tick(&c->in, now), due = send_feedback(c, now);
    wanted = due < wanted ? due : wanted;
    for (size_t size; (size = incoming_requests(&c->in, c->ssrc, now, request, sizeof request));)
        send_now(c, request, size);
    int64_t paced = flush(c, now);
    return wanted < paced ? wanted : paced;
}

/* ---- what Python calls ---- */

void connection_close(connection *c) {
    engine *e = c->of;
    pthread_mutex_lock(&e->lock);
    connection_free(c);
    pthread_mutex_unlock(&e->lock);
}

int connection_add_socket(connection *c, int fd) {
    int ours = fcntl(fd, F_DUPFD_CLOEXEC, 0), number = -1;
    if (ours < 0)
        return -1;
    batch_prepare(ours);
    LOCKED(c);
    struct epoll_event what = {.events = EPOLLIN, .data.u64 = (uint64_t)c->id << 8 | (uint64_t)c->socket_count};
    if (c->socket_count < MOST_SOCKETS && epoll_ctl(c->of->epoll, EPOLL_CTL_ADD, ours, &what) == 0) {
        number = c->socket_count++;
        c->sockets[number] = ours;
    }
    UNLOCKED(c);
    if (number < 0)
        close(ours);
    return number;
}

int connection_route(connection *c, int socket, int family, const uint8_t *address, uint16_t port) {
    struct sockaddr_storage remote = {.ss_family = (sa_family_t)family};
    socklen_t size = sizeof(struct sockaddr_in);
    if (family == AF_INET) {
        struct sockaddr_in *to = (struct sockaddr_in *)&remote;
        memcpy(&to->sin_addr, address, 4);
        to->sin_port = htons(port);
    } else {
        struct sockaddr_in6 *to = (struct sockaddr_in6 *)&remote;
        memcpy(&to->sin6_addr, address, 16);
        to->sin6_port = htons(port);
        size = sizeof *to;
    }
    LOCKED(c);
    bool known = socket >= 0 && socket < c->socket_count;
    if (known) {
        c->route = socket;
        c->remote = remote;
        c->remote_size = size;
    }
    UNLOCKED(c);
    return known ? 0 : -1;
}

void connection_inject(connection *c, const uint8_t *data, size_t size) {
    _Alignas(16) uint8_t copy[DATAGRAM_ROOM];
    struct sockaddr_storage nowhere = {0};
    if (size > sizeof copy)
        return;
    memcpy(copy, data, size);
    LOCKED(c);
    int64_t now = now_us();
    take(c, &(datagram){copy, size, now, &nowhere}, 0, now);
    engine_tell(c->of);
    engine_wake_by(c->of, now);
    UNLOCKED(c);
}

/* One connection has one set of ids (RFC 8843 section 9.1), but not every m-line has them all. */
static void merge_ids(extension_ids *all, const extension_ids *some) {
    const uint8_t *from = (const uint8_t *)some;
    uint8_t *to = (uint8_t *)all;
    for (size_t i = 0; i < sizeof *all; i++)
        to[i] = from[i] ? from[i] : to[i];
}

int connection_set_line(connection *c, const line_setup *setup, const extension_ids *ids) {
    LOCKED(c);
    int64_t now = now_us();
    merge_ids(&c->in.ids, ids);
    bool done = incoming_set_line(&c->in, setup, now);
    engine_tell(c->of);
    engine_wake_by(c->of, now);
    UNLOCKED(c);
    return done ? 0 : -1;
}

void connection_drop_line(connection *c, uint16_t number) {
    LOCKED(c);
    incoming_drop_line(&c->in, number);
    UNLOCKED(c);
}

void connection_layer_name(connection *c, uint16_t number, uint8_t layer, char *out) {
    LOCKED(c);
    const char *name = incoming_layer_name(&c->in, number, layer);
    memset(out, 0, NAME_ROOM);
    if (name)
        memcpy(out, name, NAME_ROOM);
    UNLOCKED(c);
}

uint64_t connection_layer_packets(connection *c, uint16_t number, uint8_t layer) {
    LOCKED(c);
    uint64_t packets = incoming_layer_packets(&c->in, number, layer);
    UNLOCKED(c);
    return packets;
}

int connection_set_sender(connection *c, const sender_setup *setup, uint32_t seed) {
    LOCKED(c);
    bool done = outgoing_set_sender(&c->out, setup, seed);
    UNLOCKED(c);
    return done ? 0 : -1;
}

void connection_drop_sender(connection *c, uint16_t number) {
    LOCKED(c);
    outgoing_drop_sender(&c->out, number);
    UNLOCKED(c);
}

size_t connection_send_frame(connection *c, uint16_t number, const uint8_t *data, size_t size, uint32_t timestamp,
                             uint8_t level) {
    LOCKED(c);
    size_t packets = outgoing_frame(&c->out, number, data, size, timestamp, level);
    engine_wake_by(c->of, flush(c, now_us()));
    engine_tell(c->of);
    UNLOCKED(c);
    return packets;
}

int connection_holds(connection *c) {
    LOCKED(c);
    c->wants_room = pacer_holds(&c->out.pace);
    bool holds = c->wants_room;
    UNLOCKED(c);
    return holds;
}

int connection_can_pad(connection *c) {
    LOCKED(c);
    bool can = outgoing_can_pad(&c->out);
    UNLOCKED(c);
    return can;
}

void connection_probe(connection *c, uint64_t bits_per_second, size_t bytes) {
    LOCKED(c);
    int64_t now = now_us();
    pacer_probe(&c->out.pace, bits_per_second, bytes, now);
    engine_wake_by(c->of, flush(c, now));
    engine_tell(c->of);
    UNLOCKED(c);
}

int connection_send(connection *c, const uint8_t *data, size_t size) {
    if (size > RTP_MAX_PACKET - SRTP_ROOM)
        return -1;
    LOCKED(c);
    bool sent = send_now(c, data, size);
    UNLOCKED(c);
    return sent ? 0 : -1;
}

void connection_pace(connection *c, uint64_t bits_per_second, uint64_t repairs) {
    LOCKED(c);
    c->out.pace.bits_per_second = bits_per_second;
    c->out.repairs.bits_per_second = repairs;
    UNLOCKED(c);
}

void connection_set_rtt(connection *c, int64_t rtt_us) {
    LOCKED(c);
    c->out.rtt_us = rtt_us;
    UNLOCKED(c);
}

size_t connection_take_reports(connection *c, reception_report *out, size_t room) {
    LOCKED(c);
    size_t count = incoming_reports(&c->in, out, room);
    UNLOCKED(c);
    return count;
}

size_t connection_take_sent(connection *c, log_entry *out, size_t room) {
    LOCKED(c);
    size_t count = log_take(&c->out.sent, out, room);
    UNLOCKED(c);
    return count;
}

void connection_count(connection *c, connection_counters *out) {
    LOCKED(c);
    *out = c->counters;
    UNLOCKED(c);
}

int connection_count_line(connection *c, uint16_t number, line_counters *out) {
    LOCKED(c);
    bool known = incoming_count(&c->in, number, out);
    UNLOCKED(c);
    return known ? 0 : -1;
}

int connection_count_sender(connection *c, uint16_t number, sender_counters *out) {
    LOCKED(c);
    bool known = outgoing_count(&c->out, number, out);
    UNLOCKED(c);
    return known ? 0 : -1;
}

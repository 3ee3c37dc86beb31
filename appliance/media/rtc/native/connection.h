/* One peer connection's media: its sockets, its SRTP sessions, what comes and what goes. All calls from Python. */
#ifndef SALON_CONNECTION_H
#define SALON_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "arrivals.h"
#include "engine.h"
#include "export.h"
#include "heard.h"
#include "incoming.h"
#include "outgoing.h"

#define MOST_SOCKETS 256 /* one for each of the machine's addresses; epoll's data has eight bits for the number */

typedef struct {
    uint64_t octets, numbered, malformed; /* received; numbered: with a transport-wide number */
} connection_counters;

struct connection {
    connection *next;
    engine *of;
    uint32_t id, ssrc; /* ssrc: in whose name requests go out */
    void *receive, *send; /* SRTP sessions */
    int sockets[MOST_SOCKETS];
    int socket_count, route; /* route: the socket that media leaves by, -1 while there is none */
    struct sockaddr_storage remote;
    socklen_t remote_size;
    heard heard;
    incoming in;
    outgoing out;
    arrivals *arrived; /* NULL until a packet had a transport-wide number */
    uint32_t arrived_ssrc;
    bool wants_room;
    connection_counters counters;
};

/* Python keeps the sessions alive until the connection is closed. NULL when there is no memory. Patient: where pictures
 * come in crowds, they and reports may wait for each other as long as nothing else is to be told. */
RTP_API connection *connection_open(engine *e, uint32_t ssrc, void *receive, void *send, int patient);
RTP_API void connection_close(connection *c);
RTP_API uint32_t connection_id(const connection *c);

/* Read a socket from now on (a duplicate of it: closing the original is Python's affair); its number, or -1. */
RTP_API int connection_add_socket(connection *c, int fd);

/* Send there from now on. */
RTP_API int connection_route(connection *c, int socket, int family, const uint8_t *address, uint16_t port);

/* Take a datagram that Python had read already. */
RTP_API void connection_inject(connection *c, const uint8_t *data, size_t size);

RTP_API int connection_set_line(connection *c, const line_setup *setup, const extension_ids *ids);
RTP_API void connection_drop_line(connection *c, uint16_t number);

/* The RID of a layer (NAME_ROOM bytes), empty without simulcast. */
RTP_API void connection_layer_name(connection *c, uint16_t number, uint8_t layer, char *out);

/* How many packets of a layer came. */
RTP_API uint64_t connection_layer_packets(connection *c, uint16_t number, uint8_t layer);

RTP_API int connection_set_sender(connection *c, const sender_setup *setup, uint32_t seed);
RTP_API void connection_drop_sender(connection *c, uint16_t number);

/* Send a frame: how many packets it became, 0 if it was refused. */
RTP_API size_t connection_send_frame(connection *c, uint16_t number, const uint8_t *data, size_t size,
                                     uint32_t timestamp, uint8_t level);

/* Protect and send one RTP packet or RTCP compound at once; 0, or -1. */
RTP_API int connection_send(connection *c, const uint8_t *data, size_t size);

/* How fast pictures and repairs may leave, repairs on average (0: as fast), and how long there and back takes. */
RTP_API void connection_pace(connection *c, uint64_t bits_per_second, uint64_t repairs);
/* Whether pictures wait to leave; if so, EVENT_ROOM says when they have left. */
RTP_API int connection_holds(connection *c);

/* Whether a picture has left, which padding repeats. */
RTP_API int connection_can_pad(connection *c);

/* Try whether the network carries that rate: so many bytes at once, padded with repairs. */
RTP_API void connection_probe(connection *c, uint64_t bits_per_second, size_t bytes);
RTP_API void connection_set_rtt(connection *c, int64_t rtt_us);

RTP_API size_t connection_take_reports(connection *c, reception_report *out, size_t room);
RTP_API size_t connection_take_sent(connection *c, log_entry *out, size_t room);

RTP_API void connection_count(connection *c, connection_counters *out);
RTP_API int connection_count_line(connection *c, uint16_t number, line_counters *out);
RTP_API int connection_count_sender(connection *c, uint16_t number, sender_counters *out);

/* For the engine, under its lock: read a socket and return how many datagrams there were; let time pass. */
int connection_read(connection *c, int socket);
int64_t connection_tick(connection *c, int64_t now);
void connection_free(connection *c);

#endif

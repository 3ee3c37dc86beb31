/* The receiving half of a connection: which m-line a packet belongs to, by its SSRC, else its MID, else its type.
 *
 * A MID that names another m-line than the SSRC's wins (RFC 8843). Layers of simulcast are told apart by their RID. */
#ifndef SALON_INCOMING_H
#define SALON_INCOMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "events.h"
#include "extensions.h"
#include "layer.h"
#include "reception.h"
#include "rtp.h"

#define MOST_CODECS 48
#define MOST_SSRCS 16 /* that one description names for one m-line */
#define MOST_LAYERS 4
#define MOST_SOURCES 512

enum line_codec { LINE_VP8 = 1, LINE_H264, LINE_AUDIO, LINE_RTX };

/* What Python knows of an m-line after a negotiation. */
typedef struct {
    uint16_t number;
    uint8_t video, codec_count, ssrc_count;
    char mid[NAME_ROOM];
    struct {
        uint8_t payload_type, codec, repairs; /* repairs: the payload type that RTX repairs */
        uint32_t clock_rate;
    } codecs[MOST_CODECS];
    struct {
        uint32_t ssrc, repairs; /* repairs: the SSRC that this one repairs, or 0 */
    } ssrcs[MOST_SSRCS];
} line_setup;

typedef struct line line;
typedef struct early_packet early_packet;

typedef struct {
    line *to;
    uint8_t layer;
    bool named; /* its RID was said */
    uint32_t repairs;
    int64_t heard_us;
    reception seen;
} source;

typedef struct {
    event_queue *events;
    uint32_t connection;
    bool patient; /* pictures may wait for each other */
    extension_ids ids;
    line *lines;
    uint32_t ssrcs[MOST_SOURCES]; /* beside `sources`, so that looking one up is one short loop */
    source sources[MOST_SOURCES];
    size_t source_count;
    early_packet *early, **early_end; /* of nobody yet: a description may name them in a moment */
    size_t early_count;
    bool heard; /* said so since the last reports */
} incoming;

void incoming_init(incoming *in, event_queue *events, uint32_t connection, bool patient);
void incoming_clear(incoming *in);

/* Make or change an m-line; packets that came too early for it are looked at again. */
bool incoming_set_line(incoming *in, const line_setup *setup, int64_t now_us);
void incoming_drop_line(incoming *in, uint16_t number);

/* Take a decrypted packet: as parsed, and its bytes. */
void incoming_packet(incoming *in, const rtp_packet *p, const uint8_t *data, size_t size, int64_t at_us);

/* Let time pass; return when to come again. */
int64_t incoming_tick(incoming *in, int64_t now_us);

/* Write a compound of requests in the name of `ssrc`; 0 when there are no more. */
size_t incoming_requests(incoming *in, uint32_t ssrc, int64_t now_us, uint8_t *out, size_t room);

/* Report what was heard since the last time. */
size_t incoming_reports(incoming *in, reception_report *out, size_t room);
/* The RID of a layer: NAME_ROOM bytes; NULL without simulcast. */
const char *incoming_layer_name(const incoming *in, uint16_t number, uint8_t layer);
/* How many packets of a layer came. */
uint64_t incoming_layer_packets(const incoming *in, uint16_t number, uint8_t layer);
bool incoming_count(const incoming *in, uint16_t number, line_counters *out);

#endif

#include "incoming.h"

#include <stdlib.h>
#include <string.h>

#define MOST_EARLY 256
#define EARLY_US 2000000
#define MOST_HELD (32u << 20) /* bytes of unfinished pictures: a hundred people's, when the network loses a lot */

struct line {
    line *next;
    line_setup setup;
    uint8_t by_type[128]; /* payload type to an index in setup.codecs, plus one */
    layer layers[MOST_LAYERS];
    char names[MOST_LAYERS][NAME_ROOM]; /* the layers' RIDs, in the order they were first heard */
    uint8_t name_count;
    uint64_t bytes;
};

struct early_packet {
    early_packet *next;
    int64_t at_us;
    size_t size;
    uint8_t data[];
};

void incoming_init(incoming *in, event_queue *events, uint32_t connection, bool patient) {
    *in = (incoming){.events = events, .connection = connection, .patient = patient};
    in->early_end = &in->early;
}

/* ---- who sends what ---- */

static source *source_of(incoming *in, uint32_t ssrc) {
    for (size_t i = 0; i < in->source_count; i++)
        if (in->ssrcs[i] == ssrc)
            return &in->sources[i];
    return NULL;
}

static source *new_source(incoming *in, uint32_t ssrc, line *to, int64_t now_us) {
    size_t at = in->source_count;
    if (at < MOST_SOURCES) {
        in->source_count++;
    } else {
        /* the one that has been silent for longest makes room */
        at = 0;
        for (size_t i = 1; i < MOST_SOURCES; i++)
            if (in->sources[i].heard_us < in->sources[at].heard_us)
                at = i;
    }
    in->ssrcs[at] = ssrc;
    in->sources[at] = (source){.to = to, .heard_us = now_us};
    return &in->sources[at];
}

static void forget_sources(incoming *in, const line *of) {
    for (size_t i = 0; i < in->source_count;) {
        if (in->sources[i].to != of) {
            i++;
            continue;
        }
        in->source_count--;
        in->sources[i] = in->sources[in->source_count];
        in->ssrcs[i] = in->ssrcs[in->source_count];
    }
}

/* ---- packets of nobody yet ---- */

static void drop_first_early(incoming *in) {
    early_packet *first = in->early;
    in->early = first->next;
    if (!in->early)
        in->early_end = &in->early;
    in->early_count--;
    free(first);
}

static void keep_early(incoming *in, const uint8_t *data, size_t size, int64_t at_us) {
    while (in->early && at_us - in->early->at_us > EARLY_US)
        drop_first_early(in);
    /* the first ones matter: a key frame may begin with them */
    early_packet *kept = in->early_count < MOST_EARLY ? malloc(sizeof *kept + size) : NULL;
    if (!kept)
        return;
    *kept = (early_packet){.at_us = at_us, .size = size};
    memcpy(kept->data, data, size);
    *in->early_end = kept;
    in->early_end = &kept->next;
    in->early_count++;
}

static void take_early(incoming *in, int64_t now_us) {
    early_packet *one = in->early;
    in->early = NULL;
    in->early_end = &in->early;
    in->early_count = 0;
    for (early_packet *next; one; one = next) {
        rtp_packet p;
        next = one->next;
        if (now_us - one->at_us <= EARLY_US && rtp_parse(&p, one->data, one->size) == 0)
            incoming_packet(in, &p, one->data, one->size, one->at_us);
        free(one);
    }
}

/* ---- lines ---- */

static line *line_numbered(const incoming *in, uint16_t number) {
    line *found = in->lines;
    while (found && found->setup.number != number)
        found = found->next;
    return found;
}

static line *new_line(incoming *in, const line_setup *setup) {
    line *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    for (uint8_t i = 0; i < MOST_LAYERS; i++)
        l->layers[i] = (layer){
            .events = in->events,
            .connection = in->connection,
            .line = setup->number,
            .index = i,
            .waiting.video = setup->video,
            .patient = setup->video && in->patient,
        };
    l->next = in->lines;
    in->lines = l;
    return l;
}

bool incoming_set_line(incoming *in, const line_setup *setup, int64_t now_us) {
    line *l = line_numbered(in, setup->number);
    if (!l)
        l = new_line(in, setup);
    if (!l)
        return false;
    l->setup = *setup;
    memset(l->by_type, 0, sizeof l->by_type);
    for (uint8_t i = 0; i < setup->codec_count && i < MOST_CODECS; i++)
        l->by_type[setup->codecs[i].payload_type & 0x7F] = (uint8_t)(i + 1);
    for (size_t i = 0; i < MOST_LAYERS; i++)
        l->layers[i].level_id = in->ids.audio_level;
    for (uint8_t i = 0; i < setup->ssrc_count && i < MOST_SSRCS; i++) {
        source *known = source_of(in, setup->ssrcs[i].ssrc);
        if (!known)
            known = new_source(in, setup->ssrcs[i].ssrc, l, now_us);
        known->to = l;
        known->repairs = setup->ssrcs[i].repairs;
    }
    take_early(in, now_us);
    return true;
}

static void free_line(line *l) {
    for (size_t i = 0; i < MOST_LAYERS; i++)
        layer_clear(&l->layers[i]);
    free(l);
}

void incoming_drop_line(incoming *in, uint16_t number) {
    for (line **at = &in->lines; *at; at = &(*at)->next) {
        if ((*at)->setup.number != number)
            continue;
        line *gone = *at;
        *at = gone->next;
        forget_sources(in, gone);
        events_forget(in->events, in->connection, number);
        free_line(gone);
        return;
    }
}

void incoming_clear(incoming *in) {
    for (line *l = in->lines, *next; l; l = next) {
        next = l->next;
        free_line(l);
    }
    while (in->early)
        drop_first_early(in);
    *in = (incoming){0};
}

/* ---- whose packet is it ---- */

static bool text_of(const rtp_packet *p, uint8_t id, char *out) {
    const uint8_t *data;
    size_t size;
    if (!id || rtp_extension_get(p, id, &data, &size) < 0 || !size || size >= NAME_ROOM)
        return false;
    memset(out, 0, NAME_ROOM);
    memcpy(out, data, size);
    return true;
}

static line *line_by_mid(const incoming *in, const rtp_packet *p) {
    char mid[NAME_ROOM];
    if (!text_of(p, in->ids.mid, mid))
        return NULL;
    line *found = in->lines;
    while (found && strcmp(found->setup.mid, mid))
        found = found->next;
    return found;
}

/* The one m-line that knows the payload type; NULL if several do. */
static line *line_by_type(const incoming *in, uint8_t payload_type) {
    line *found = NULL;
    for (line *l = in->lines; l; l = l->next) {
        if (!l->by_type[payload_type])
            continue;
        if (found)
            return NULL;
        found = l;
    }
    return found;
}

static void note_layer(const incoming *in, source *from, const rtp_packet *p) {
    char rid[NAME_ROOM];
    line *on = from->to;
    if (!text_of(p, in->ids.rid, rid) && !text_of(p, in->ids.repaired_rid, rid))
        return;
    uint8_t at = 0;
    while (at < on->name_count && strcmp(on->names[at], rid))
        at++;
    from->named = at < MOST_LAYERS;
    if (!from->named)
        return;
    if (at == on->name_count)
        memcpy(on->names[on->name_count++], rid, NAME_ROOM);
    from->layer = at;
}

const char *incoming_layer_name(const incoming *in, uint16_t number, uint8_t layer) {
    const line *on = line_numbered(in, number);
    return on && layer < on->name_count ? on->names[layer] : NULL;
}

static source *route(incoming *in, const rtp_packet *p, int64_t now_us) {
    source *known = source_of(in, p->ssrc);
    line *to = line_by_mid(in, p);
    if (!to)
        to = known ? known->to : line_by_type(in, p->payload_type);
    if (!to || !to->by_type[p->payload_type])
        return NULL;
    if (!known)
        known = new_source(in, p->ssrc, to, now_us);
    known->to = to;
    known->heard_us = now_us;
    note_layer(in, known, p);
    return known;
}

/* ---- what becomes of it ---- */

static enum codec core_codec(uint8_t codec) {
    return codec == LINE_VP8 ? CODEC_VP8 : codec == LINE_H264 ? CODEC_H264 : CODEC_OPUS;
}

static void take(const source *from, rtp_packet p, int64_t at_us) {
    const line *on = from->to;
    layer *l = &from->to->layers[from->layer];
    uint8_t index = on->by_type[p.payload_type];
    if (on->setup.codecs[index - 1].codec == LINE_RTX) {
        if (!layer_unwrap(l, &p, from->repairs, on->setup.codecs[index - 1].repairs & 0x7F))
            return;
        index = on->by_type[p.payload_type];
    }
    if (index && on->setup.codecs[index - 1].codec != LINE_RTX)
        layer_take(l, &p, core_codec(on->setup.codecs[index - 1].codec), at_us);
}

void incoming_packet(incoming *in, const rtp_packet *p, const uint8_t *data, size_t size, int64_t at_us) {
    source *from = route(in, p, at_us);
    if (!from) {
        keep_early(in, data, size, at_us);
        return;
    }
    line *on = from->to;
    if (on->name_count && !from->named)
        return; /* a layer that has not said which: its next packets will */
    uint32_t clock_rate = on->setup.codecs[on->by_type[p->payload_type] - 1].clock_rate;
    reception_add(&from->seen, p->sequence, p->timestamp, clock_rate, at_us);
    on->layers[from->layer].packets++;
    on->bytes += p->payload_size;
    take(from, *p, at_us);
    in->heard = in->heard || layer_tell(&on->layers[from->layer], EVENT_HEARD);
}

/* ---- time and feedback ---- */

/* Who never finishes a picture must not fill the memory: whoever holds most begins anew. */
static void bound_held(incoming *in, int64_t now_us) {
    size_t all = 0, most = 0;
    layer *fullest = NULL;
    for (line *on = in->lines; on; on = on->next) {
        for (size_t i = 0; i < MOST_LAYERS; i++) {
            size_t held = on->layers[i].buffer ? assembler_held(on->layers[i].buffer) : 0;
            all += held;
            if (held > most) {
                most = held;
                fullest = &on->layers[i];
            }
        }
    }
    if (all > MOST_HELD)
        layer_restart(fullest, now_us);
}

int64_t incoming_tick(incoming *in, int64_t now_us) {
    bound_held(in, now_us);
    int64_t next = INT64_MAX;
    for (line *on = in->lines; on; on = on->next) {
        for (size_t i = 0; i < MOST_LAYERS; i++) {
            int64_t wanted = layer_tick(&on->layers[i], now_us);
            next = wanted < next ? wanted : next;
        }
    }
    return next;
}

size_t incoming_requests(incoming *in, uint32_t ssrc, int64_t now_us, uint8_t *out, size_t room) {
    size_t size = 0;
    for (line *on = in->lines; on; on = on->next)
        for (size_t i = 0; i < MOST_LAYERS; i++)
            size += layer_request(&on->layers[i], ssrc, now_us, out + size, room - size);
    return size;
}

size_t incoming_reports(incoming *in, reception_report *out, size_t room) {
    size_t count = 0;
    for (size_t i = 0; i < in->source_count && count < room; i++) {
        if (!in->sources[i].seen.fresh)
            continue;
        reception_take(&in->sources[i].seen, &out[count]);
        out[count++].ssrc = in->ssrcs[i];
    }
    in->heard = false;
    return count;
}

uint64_t incoming_layer_packets(const incoming *in, uint16_t number, uint8_t layer) {
    const line *on = line_numbered(in, number);
    return on && layer < MOST_LAYERS ? on->layers[layer].packets : 0;
}

bool incoming_count(const incoming *in, uint16_t number, line_counters *out) {
    *out = (line_counters){0};
    const line *on = line_numbered(in, number);
    if (!on)
        return false;
    out->bytes = on->bytes;
    for (size_t i = 0; i < MOST_LAYERS; i++)
        layer_count(&on->layers[i], out);
    return true;
}

/* What the fuzz entries share: an input read as a script, and allocations that fail when it asks for it. */
#ifndef FUZZ_SCRIPT_H
#define FUZZ_SCRIPT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition) \
    ((condition) ? (void)0 : (fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition), abort()))

typedef struct {
    const uint8_t *at;
    size_t left;
} script;

/* Allocations that still succeed (linked with --wrap); NO_LIMIT for all. */
#define NO_LIMIT UINT32_MAX
static unsigned allocations_left = NO_LIMIT;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool allocation_fails(void) {
    if (allocations_left == NO_LIMIT)
        return false;
    return allocations_left == 0 || --allocations_left == 0;
}

void *__wrap_malloc(size_t size) {
    return allocation_fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size) {
    return allocation_fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size) {
    return allocation_fails() ? NULL : __real_realloc(old, size);
}

static unsigned take(script *s, unsigned bytes) {
    unsigned value = 0;
    for (; bytes > 0 && s->left > 0; bytes--, s->at++, s->left--)
        value = value << 8 | *s->at;
    return value;
}

/* As many of the next bytes as there are. */
static const uint8_t *take_bytes(script *s, size_t *size) {
    const uint8_t *bytes = s->at;
    *size = *size < s->left ? *size : s->left;
    s->at += *size;
    s->left -= *size;
    return bytes;
}

/* A copy of its own, so that the sanitizer sees every byte read beyond the end. */
static uint8_t *copy_of(const uint8_t *data, size_t size) {
    uint8_t *copy = __real_malloc(size ? size : 1);
    CHECK(copy != NULL);
    if (size > 0)
        memcpy(copy, data, size);
    return copy;
}

/* These bytes again and again, up to a size that needs many packets. */
static uint8_t *repeated(const uint8_t *data, size_t size, unsigned times, size_t most, size_t *whole) {
    *whole = size * (times + 1) < most ? size * (times + 1) : most;
    uint8_t *bytes = __real_malloc(*whole ? *whole : 1);
    CHECK(bytes != NULL);
    for (size_t i = 0; i < *whole; i++)
        bytes[i] = data[i % size];
    return bytes;
}

#endif

/* Numbers in network order. */
#ifndef SALON_BYTES_H
#define SALON_BYTES_H

#include <stdint.h>

static inline uint16_t get_16(const uint8_t *at) { return (uint16_t)(at[0] << 8 | at[1]); }

static inline uint32_t get_32(const uint8_t *at) { return (uint32_t)get_16(at) << 16 | get_16(at + 2); }

static inline void put_16(uint8_t *at, uint16_t value) {
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static inline void put_32(uint8_t *at, uint32_t value) {
    put_16(at, (uint16_t)(value >> 16));
    put_16(at + 2, (uint16_t)value);
}

#endif

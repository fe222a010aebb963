/* scan: search for special bytes, eight at a time.  Pure.
 *
 * Nearly all text that passes through is plain: no quotes, no escapes, no control characters.
 * These test a word of it; the result is not 0 when one of its bytes matches.  Finding out which
 * takes a loop over the bytes, which is rarely needed. */
#ifndef POLLUX_SCAN_H
#define POLLUX_SCAN_H

#include <stdint.h>
#include <string.h>

#define SCAN_WORD sizeof(uint64_t)
#define SCAN_ONES UINT64_C(0x0101010101010101)
#define SCAN_TOPS UINT64_C(0x8080808080808080)

/* The next word; at least SCAN_WORD bytes must follow `p`. */
static inline uint64_t
scan_word(const char *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
	return word;
}

/* Whether one of the bytes is below `limit`, which is at most 0x80. */
static inline uint64_t
scan_below(uint64_t word, unsigned char limit)
{
	return (word - SCAN_ONES * limit) & ~word & SCAN_TOPS;
}

/* Whether one of them is `c`. */
static inline uint64_t
scan_equal(uint64_t word, unsigned char c)
{
	return scan_below(word ^ (SCAN_ONES * c), 1);
}

/* Whether one of them is not ASCII. */
static inline uint64_t
scan_high(uint64_t word)
{
	return word & SCAN_TOPS;
}

#endif

/* keys: a sorted list of session keys, so that a long one is looked through quickly. */
#ifndef POLLUX_KEYS_H
#define POLLUX_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Sort `n` keys in place, ascending. */
void keys_sort(int64_t *keys, size_t n);

/* Is the key in a list that keys_sort() has sorted? */
bool keys_have(const int64_t *keys, size_t n, int64_t key);

#endif

#include "shared/base/keys.h"

#include <stdlib.h>

static int
compare_keys(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static bool
are_sorted(const int64_t *keys, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (keys[i - 1] > keys[i])
			return false;
	return true;
}

void
keys_sort(int64_t *keys, size_t n)
{
	/* a list is sorted where it is made, and often comes here again */
	if (!are_sorted(keys, n))
		qsort(keys, n, sizeof(*keys), compare_keys);
}

bool
keys_have(const int64_t *keys, size_t n, int64_t key)
{
	return n > 0 && bsearch(&key, keys, n, sizeof(*keys), compare_keys) != NULL;
}

#include "linkd/stream_id.h"

#include <stdlib.h>
#include <string.h>

/* Both parts have at most 20 digits: they are 64 bits without a sign. */
#define DIGITS 20

bool
stream_id_is(const char *text)
{
	size_t n = strspn(text, "0123456789"), m;

	if (n == 0 || n > DIGITS || text[n] != '-')
		return false;
	m = strspn(text + n + 1, "0123456789");
	return m > 0 && m <= DIGITS && text[n + 1 + m] == '\0';
}

static int
stream_id_order(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

int
stream_id_compare(const char *a, const char *b)
{
	int order = stream_id_order(strtoull(a, NULL, 10), strtoull(b, NULL, 10));

	if (order != 0)
		return order;
	return stream_id_order(
	    strtoull(strchr(a, '-') + 1, NULL, 10), strtoull(strchr(b, '-') + 1, NULL, 10));
}

uint64_t
stream_id_age(const char *id, int64_t now_ms)
{
	uint64_t at = strtoull(id, NULL, 10);

	return now_ms > 0 && at < (uint64_t)now_ms ? (uint64_t)now_ms - at : 0;
}

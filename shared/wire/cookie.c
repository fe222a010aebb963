#include "shared/wire/cookie.h"

/* Cut what comes before the first `c` off `*rest`, and `c` with it; all of it if there is none. */
static struct slice
cut_before(struct slice *rest, char c)
{
	const char *at = rest->n == 0 ? NULL : memchr(rest->p, c, rest->n);
	struct slice piece = {rest->p, at == NULL ? rest->n : (size_t)(at - rest->p)};

	*rest = slice_skip(*rest, at == NULL ? rest->n : piece.n + 1);
	return piece;
}

bool
cookie_find(struct slice header, struct slice name, struct slice *value)
{
	while (header.n > 0) {
		struct slice pair = cut_before(&header, ';');
		size_t whole = pair.n;
		struct slice key = cut_before(&pair, '=');

		if (key.n == whole || !slice_equal(slice_trim(key), name))
			continue; /* without a '=' it has no name */
		*value = slice_trim(pair);
		if (value->n >= 2 && value->p[0] == '"' && value->p[value->n - 1] == '"')
			*value = (struct slice){value->p + 1, value->n - 2};
		return true;
	}
	return false;
}

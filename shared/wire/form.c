#include "shared/wire/form.h"

#include <strings.h>

#include "shared/wire/digit.h"

bool
form_is_type(struct slice content_type)
{
	static const char form[] = "application/x-www-form-urlencoded";

	/* parameters may follow */
	return content_type.n >= sizeof(form) - 1 &&
	       strncasecmp(content_type.p, form, sizeof(form) - 1) == 0;
}

size_t
form_body_max(size_t decoded)
{
	return sizeof("d=") - 1 + 3 * (decoded + 2);
}

bool
form_next(struct slice *rest, struct slice *key, struct slice *value)
{
	struct slice pair;

	do { /* "a=1&&b=2": empty pairs are skipped */
		if (!slice_cut(rest, '&', &pair))
			return false;
	} while (pair.n == 0);
	slice_cut(&pair, '=', key);
	*value = pair;
	return true;
}

bool
form_field(struct slice form, const char *name, struct slice *value)
{
	struct slice key;

	while (form_next(&form, &key, value))
		if (slice_is(key, name))
			return true;
	return false;
}

/* The byte of the %XX at the front of `s`, or -1. */
static int
percent_escaped_byte(struct slice s)
{
	int high, low;

	if (s.n < 3 || s.p[0] != '%')
		return -1;
	high = digit_hex(s.p[1]);
	low = digit_hex(s.p[2]);
	return high == -1 || low == -1 ? -1 : high << 4 | low;
}

void
form_decode(struct buf *out, struct slice raw)
{
	/* reserve once instead of per byte: most of a body is escapes, which only shrink */
	char *to = buf_reserve(out, raw.n);

	if (to == NULL)
		return;
	while (raw.n > 0) {
		int byte = percent_escaped_byte(raw);

		*to++ = byte != -1 ? (char)byte : raw.p[0] == '+' ? ' ' : raw.p[0];
		out->n++;
		raw = slice_skip(raw, byte != -1 ? 3 : 1);
	}
}

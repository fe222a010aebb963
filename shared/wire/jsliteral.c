#include "shared/wire/jsliteral.h"

#include "shared/wire/json.h"

/* How the character at the front of `s` is written when it must be escaped inside a page but need
 * not be in JSON; NULL for all others. */
static const char *
page_escape(struct slice s)
{
	if (s.p[0] == '/') /* </script> */
		return "\\/";
	if (s.p[0] == '<' && s.n > 1 && s.p[1] == '!') /* <!--, where </script> is plain text */
		return "\\u003c";
	return NULL;
}

void
jsliteral_write(struct buf *out, struct slice text)
{
	size_t start = 0;

	buf_add_char(out, '"');
	for (size_t i = 0; i < text.n; i++) {
		const char *escaped = page_escape(slice_skip(text, i));

		if (escaped == NULL)
			continue;
		json_write_text(out, (struct slice){text.p + start, i - start});
		buf_puts(out, escaped);
		start = i + 1;
	}
	if (text.n > start)
		json_write_text(out, slice_skip(text, start));
	buf_add_char(out, '"');
}

void
jsliteral_guard_slashes(struct buf *out, struct slice json)
{
	size_t start = 0, backslashes = 0;

	for (size_t i = 0; i < json.n; i++) {
		/* after an odd number the last backslash belongs to "\/", which may become "/" */
		if (json.p[i] == '/' && backslashes > 0 && backslashes % 2 == 0) {
			buf_add(out, json.p + start, i - start);
			buf_puts(out, "\\u002f");
			start = i + 1;
		}
		backslashes = json.p[i] == '\\' ? backslashes + 1 : 0;
	}
	if (json.n > start)
		buf_add_slice(out, slice_skip(json, start));
}

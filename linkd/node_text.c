#include "linkd/node_text.h"

#include <inttypes.h>
#include <string.h>

void
node_text_write(struct buf *out, const struct node_text *t)
{
	buf_printf(out, "1 %" PRId64 " %s %s %s %s %s %s", t->counter, t->name, t->token,
	    t->incarnation, t->epoch, t->place, t->version);
	if (t->figures[0] != '\0')
		buf_printf(out, " %s", t->figures);
}

/* It goes into logs and lists: printable, and no blanks but between words. */
static bool
node_text_is_clean(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < ' ' || s.p[i] > '~')
			return false;
	return s.n > 0;
}

static bool
node_text_cut(struct slice *rest, char word[NODE_WORD_MAX])
{
	struct slice piece;

	if (!slice_cut(rest, ' ', &piece) || piece.n == 0 || piece.n >= NODE_WORD_MAX)
		return false;
	memcpy(word, piece.p, piece.n);
	word[piece.n] = '\0';
	return true;
}

static bool
node_text_read_counter(struct slice *rest, int64_t *counter)
{
	struct slice digits;

	*counter = 0;
	if (!slice_cut(rest, ' ', &digits) || digits.n == 0 || digits.n > 18)
		return false;
	for (size_t i = 0; i < digits.n; i++) {
		if (digits.p[i] < '0' || digits.p[i] > '9')
			return false;
		*counter = 10 * *counter + (digits.p[i] - '0');
	}
	return true;
}

bool
node_text_read(struct node_text *t, struct slice text)
{
	struct slice version;

	*t = (struct node_text){.counter = 0};
	if (text.n > NODE_TEXT_MAX || !node_text_is_clean(text) ||
	    !slice_cut(&text, ' ', &version) || !slice_is(version, "1") ||
	    !node_text_read_counter(&text, &t->counter) || !node_text_cut(&text, t->name) ||
	    !node_text_cut(&text, t->token) || !node_text_cut(&text, t->incarnation) ||
	    !node_text_cut(&text, t->epoch) || !node_text_cut(&text, t->place) ||
	    !node_text_cut(&text, t->version))
		return false;
	if (text.n >= sizeof(t->figures))
		text.n = 0; /* they are only for people */
	if (text.n > 0)
		memcpy(t->figures, text.p, text.n);
	t->figures[text.n] = '\0';
	return true;
}

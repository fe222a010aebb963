#include "wsd/head.h"

static void
end_head_line(struct head *h)
{
	if (!h->later_line)
		h->bare_lf = h->last != '\r';
	h->done = !h->in_line;
	h->later_line = true;
	h->in_line = false;
}

const char *
head_look(struct head *h, struct slice *in)
{
	for (; in->n > 0 && !h->done; *in = slice_skip(*in, 1)) {
		char c = in->p[0];

		if (h->last == '\r' && c != '\n')
			return "The head has a CR without its LF.";
		if (c == '\n') {
			end_head_line(h);
		} else if (c != '\r') {
			if (h->later_line && !h->in_line && (c == ' ' || c == '\t'))
				return "A header continues in a folded line.";
			h->in_line = true;
		}
		h->last = c;
	}
	return NULL;
}

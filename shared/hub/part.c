#include "shared/hub/part.h"

#include <stdlib.h>

#include "shared/hub/internal.h"

void
part_is_lost(struct hub *h, struct session *s)
{
	struct parts *p = &h->parts;

	/* a turn that is rolled back ends the sinks of all visitors */
	held_visit(h, s);
	if (p->lost_n == p->lost_cap) {
		size_t cap = p->lost_cap == 0 ? 16 : 2 * p->lost_cap;
		uint64_t *grown = realloc(p->lost, cap * sizeof(*grown));

		if (grown == NULL) {
			p->all_lost = true;
			return;
		}
		p->lost = grown;
		p->lost_cap = cap;
	}
	p->lost[p->lost_n++] = p->now;
}

static int
compare_parts(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

bool
part_takes_back(const struct hub *h, const struct message *m)
{
	const struct parts *p = &h->parts;

	/* a row that this turn wrote, or has read and will read again */
	if (m->id > h->mark.head)
		return true;
	if (m->part <= p->kept)
		return false;
	return m->part % 2 == 0 || p->all_lost ||
	       (p->lost_n > 0 &&
		   bsearch(&m->part, p->lost, p->lost_n, sizeof(*p->lost), compare_parts) != NULL);
}

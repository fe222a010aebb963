#include "wsd/parked.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/buf.h"

struct parked {
	struct buf bytes; /* of each text its length, a size_t, then the text */
	size_t at;        /* where the first begins */
};

int
parked_add(struct parked **p, struct slice text)
{
	size_t before;

	if (*p == NULL)
		*p = calloc(1, sizeof(**p));
	if (*p == NULL)
		return -1;
	before = (*p)->bytes.n;
	buf_add(&(*p)->bytes, &text.n, sizeof(text.n));
	buf_add_slice(&(*p)->bytes, text);
	if (!(*p)->bytes.failed)
		return 0;
	/* half a text must not be read; those before it are whole */
	(*p)->bytes.failed = false;
	(*p)->bytes.n = before;
	if (before == (*p)->at)
		parked_free(p);
	return -1;
}

bool
parked_first(const struct parked *p, struct slice *text)
{
	if (p == NULL)
		return false;
	memcpy(&text->n, p->bytes.p + p->at, sizeof(text->n));
	text->p = p->bytes.p + p->at + sizeof(text->n);
	return true;
}

void
parked_drop(struct parked **p)
{
	struct slice text;

	if (!parked_first(*p, &text))
		return;
	(*p)->at += sizeof(text.n) + text.n;
	if ((*p)->at == (*p)->bytes.n)
		parked_free(p);
}

void
parked_free(struct parked **p)
{
	if (*p != NULL)
		buf_free(&(*p)->bytes);
	free(*p);
	*p = NULL;
}

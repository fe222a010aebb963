#include "shared/hub/message.h"

#include <stdlib.h>
#include <string.h>

struct message *
message_new(struct slice text)
{
	struct message *m;

	if (text.n >= UINT32_MAX)
		return NULL;
	m = malloc(sizeof(*m) + text.n + 1);
	if (m == NULL)
		return NULL;
	*m = (struct message){.refs = 1, .n = (uint32_t)text.n};
	if (text.n > 0)
		memcpy(m->text, text.p, text.n);
	m->text[text.n] = (char)0xff;
	return m;
}

void
message_release(struct message *m)
{
	if (m != NULL && --m->refs == 0)
		free(m);
}

#include "shared/hub/message.h"

#include <stdlib.h>
#include <string.h>

#include "shared/base/keys.h"

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
	m->text[text.n] = (char)0xff; /* the end mark of a frame of the older drafts */
	return m;
}

int
message_leave_out(struct message *m, struct slice keys)
{
	if (keys.n == 0)
		return 0;
	m->except_more = malloc(keys.n);
	if (m->except_more == NULL)
		return -1;
	memcpy(m->except_more, keys.p, keys.n);
	m->except_n = (uint32_t)(keys.n / sizeof(*m->except_more));
	keys_sort(m->except_more, m->except_n);
	return 0;
}

bool
message_leaves_out(const struct message *m, int64_t key)
{
	return keys_have(m->except_more, m->except_n, key);
}

void
message_release(struct message *m)
{
	if (m == NULL || --m->refs > 0)
		return;
	free(m->except_more);
	free(m);
}

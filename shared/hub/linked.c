#include "shared/hub/linked.h"

#include "shared/hub/internal.h"
#include "shared/link/pack.h"
#include "shared/store/slots.h"

/* What may wait in memory for link_hear(). */
#define LINKED_BYTES ((size_t)64 << 20)

void
linked_keep(struct hub *h, const struct message_row *row)
{
	if (h->o.linked == NULL ||
	    (row->chan != 0 && row->chan != slots_own(store_slots(h->store)) + 1))
		return;
	h->linked.ceiling = LINKED_BYTES;
	pack_text(&h->linked, row->payload);
}

void
linked_keep_lost(struct hub *h)
{
	struct buf body = {.p = NULL};

	if (h->o.linked == NULL || h->awaited == 0)
		return;
	buf_add_char(&body, LINK_LOST);
	frame_pack_signal(&body, &(struct link_signal){.number = LINK_ALL});
	pack_text(&h->linked, buf_slice(&body));
	buf_free(&body);
}

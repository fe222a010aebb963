#include "shared/action/later.h"

#include "shared/action/name.h"
#include "shared/wire/digit.h"
#include "shared/wire/packet.h"
#include "shared/wire/sid.h"

void
later_write(struct buf *out, const struct later *l)
{
	char session[SID_PUBLIC_LENGTH + 1];

	sid_public_write(session, l->session);
	buf_puts(out, session);
	buf_add_char(out, ':');
	buf_add_slice(out, l->id);
	buf_add_char(out, ':');
	buf_add_slice(out, l->ns);
}

int
later_read(struct later *out, struct slice text)
{
	struct slice session;

	/* an empty namespace still has its colon */
	if (!slice_cut(&text, ':', &session) || sid_public_read(session, &out->session) == -1 ||
	    text.p == NULL || !slice_cut(&text, ':', &out->id) || text.p == NULL)
		return -1;
	out->ns = text;
	if (out->id.n == 0 || out->id.n > PACKET_ID_MAX || digit_run(out->id) != out->id.n)
		return -1;
	return name_is_namespace(out->ns) ? 0 : -1;
}

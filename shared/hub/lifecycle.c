#include "shared/hub/lifecycle.h"

#include <stdlib.h>

#include "shared/base/log.h"
#include "shared/hub/internal.h"
#include "shared/wire/sid.h"

/* "xhr-polling" */
static const char *
name_transport(int id)
{
	const char *name = route_transport_name((enum transport_id)id);

	return name == NULL ? "no transport" : name;
}

void
lifecycle_connected(struct hub *h, const struct session *s)
{
	char id[SID_PUBLIC_LENGTH + 1], *address;

	/* the address is read for this line only */
	if (!log_enabled(LOG_LEVEL_INFO))
		return;
	sid_public_write(id, s->row.key);
	address = session_row_address(h->store, s->row.key);
	log_info("session %s: connected by %s from %s", id, name_transport(s->row.transport),
	    address == NULL || address[0] == '\0' ? "an unknown address" : address);
	free(address);
}

void
lifecycle_changed(const struct session *s, enum transport_id before)
{
	char id[SID_PUBLIC_LENGTH + 1];

	sid_public_write(id, s->row.key);
	log_info("session %s: changed from %s to %s", id, name_transport((int)before),
	    name_transport(s->row.transport));
}

void
lifecycle_ended(const struct session *s, bool connected, const char *reason)
{
	char id[SID_PUBLIC_LENGTH + 1];

	sid_public_write(id, s->row.key);
	if (connected)
		log_info("session %s: disconnected: %s", id, reason);
	else
		log_debug("session %s: ended before a transport opened: %s", id, reason);
}

void
lifecycle_packet(enum watch_kind kind, int64_t key, struct slice packet)
{
	char id[SID_PUBLIC_LENGTH + 1] = "none";

	if (kind == WATCH_END || !log_enabled(LOG_LEVEL_TRACE))
		return;
	if (key != 0)
		sid_public_write(id, key);
	log_trace("session %s %s: %.*s", id, kind == WATCH_IN ? "in" : "out",
	    packet.n > 4096 ? 4096 : (int)packet.n, slice_text(packet));
}

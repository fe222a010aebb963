/* The row of websocket and flashsocket in the table of transports: a plain GET of theirs is
 * answered here, since upgrades never come this way (websocket.h). */
#include "shared/store/slots.h"
#include "shared/transport/internal.h"

#define WSD_CHECK_MS 1000 /* how long a look at the table of processes is good for */

/* Only wsd can upgrade: other processes look whether one runs, at most once per WSD_CHECK_MS, since
 * each handshake asks. */
static bool
websocket_works(struct server *sv)
{
	if (sv->kind == SERVER_WSD)
		return true;
	if (sv->wsd_checked_at == 0 || sv->now - sv->wsd_checked_at >= WSD_CHECK_MS) {
		sv->wsd_checked_at = sv->now;
		sv->wsd_alive = slots_any_of_kind(store_slots(hub_store(sv->hub)), SERVER_WSD);
	}
	return sv->wsd_alive;
}

static void
answer_upgrade_required(
    struct server *sv, const struct transport *t, struct exchange *x, const struct route *route)
{
	struct answer a =
	    answer_text(426, x->origin, SLICE("This transport needs an upgrade to websocket."));
	struct session *s;

	(void)t;
	/* where none is offered anyway there is nothing to be changed: mod_fcgid never passes an
	 * upgrade on.  And only a client of ours knows a session; anybody can send such a
	 * request */
	if (sv->cfg->wsd_reachable != CONFIG_YES && websocket_works(sv) && x->upgrades(x) &&
	    session_find(sv->hub, route->sid, &s) == SESSION_LIVE)
		ways_note_stripped(sv->ways, x, sv->now);
	a.headers = "Upgrade: websocket\r\nSec-WebSocket-Version: 13, 8, 7\r\n";
	answer_send(sv, x, &a);
}

const struct transport websocket_row = {
    .works = websocket_works,
    .open = answer_upgrade_required,
    .headers = "",
    .wrap = bare_wrap,
    .unwrap = bare_unwrap, /* packets may come by POST, too */
};

#include "linkd/locate.h"

#include <errno.h>

#include "shared/action/name.h"
#include "shared/base/address.h"
#include "shared/base/buf.h"
#include "shared/hub/hub.h"
#include "shared/hub/link.h"
#include "shared/hub/session_remote.h"
#include "shared/link/frame.h"
#include "shared/store/remote.h"
#include "shared/store/slots.h"
#include "shared/wire/json.h"
#include "shared/wire/sid.h"
#include "shared/wire/utf8.h"

/* How long a session is believed to be where its maker said.  Its home tells us itself when it is
 * connected. */
#define NOTE_MS 60000

#define VERDICT_UNTOLD 255 /* it is not said: who asks gives up in time */

/* --- the answer ----------------------------------------------------------------------------- */

/* 0 or -1; `texts` is what `f` borrows from. */
static int
find_for(struct linkd *l, int asks, struct slice sid, struct link_found *f, struct buf *texts)
{
	struct session *s;
	struct link_place place;
	int given = -EBUSY;

	f->verdict = LINK_AT;
	f->node = link_number(l->hub);
	switch (session_find(l->hub, sid, &s)) {
	case SESSION_LIVE:
		if (!session_is_connected(s))
			given = session_remote_give(l->hub, s, asks, f, texts);
		return given == -1 ? -1 : 0;
	case SESSION_ENDED:
		return 0;
	case SESSION_ELSEWHERE:
		place = link_place_of(l->hub, sid);
		f->node = place.node;
		/* who asks does not know of it, so it has ended there; and a guess helps nobody */
		if (place.node == asks || !place.is_certain)
			f->verdict = LINK_UNKNOWN;
		return 0;
	case SESSION_UNKNOWN:
		/* perhaps we have not been told yet: who asks must not take it for nowhere */
		f->verdict = link_rules_out(l->hub, sid) ? LINK_UNKNOWN : VERDICT_UNTOLD;
		return 0;
	case SESSION_FAILED:
		break;
	}
	return -1;
}

int
locate_answer(struct linkd *l, int sender, struct slice body)
{
	struct link_signal asked;
	struct link_found f;
	struct buf texts = {.p = NULL}, answer = {.p = NULL};
	int result;

	if (!frame_unpack_signal(body, &asked) || !sid_well_formed(asked.text))
		return 1;
	f = (struct link_found){.slot = asked.slot, .id = asked.id, .sid = asked.text};
	result = find_for(l, sender, asked.text, &f, &texts);
	if (result == 0 && f.verdict != VERDICT_UNTOLD) {
		frame_pack_found(&answer, &f);
		if (answer.failed) {
			transaction_fail(l->hub);
			result = -1;
		} else {
			result = link_tell(l->hub, sender, LINK_FOUND, buf_slice(&answer));
		}
	}
	buf_free(&texts);
	buf_free(&answer);
	return result;
}

/* --- taking it ------------------------------------------------------------------------------ */

/* Is it a session as its maker's programs make them? */
static bool
is_session_sound(const struct link_found *f)
{
	struct json_value value;

	return f->address.p != NULL && f->address.n < ADDRESS_SIZE && utf8_valid(f->address) &&
	       f->handshake.p != NULL && json_parse(&value, f->handshake) == 0 &&
	       (f->user.p == NULL || name_is_valid(f->user)) &&
	       (f->deferred.p == NULL || json_parse(&value, f->deferred) == 0) &&
	       (f->rooms.p == NULL || json_parse(&value, f->rooms) == 0);
}

/* Its maker has it no more: it is here, or nowhere. */
static int
adopt_found(struct linkd *l, const struct link_found *f)
{
	struct session *s;

	switch (session_find_key(l->hub, sid_key(f->sid), &s)) {
	case SESSION_FAILED:
		return -1;
	case SESSION_LIVE:
	case SESSION_ENDED:
		/* nobody can give us what is ours */
		if (!session_is_remote(s))
			return 0;
		break;
	case SESSION_UNKNOWN:
	case SESSION_ELSEWHERE:
		break;
	}
	slots_link_count(store_slots(hub_store(l->hub)), LINK_COUNT_MOVED, 1);
	return session_remote_adopt(l->hub, f);
}

static int
note_place(struct linkd *l, const struct link_found *f)
{
	if (transaction_open(l->hub) == -1 ||
	    remote_note(hub_store(l->hub), sid_key(f->sid), (int)f->node, l->now + NOTE_MS) == -1) {
		transaction_fail(l->hub);
		return -1;
	}
	return 0;
}

int
locate_found(struct linkd *l, int sender, struct slice body)
{
	struct link_found f;

	if (!frame_unpack_found(body, &f))
		return 1;
	if (f.verdict == LINK_UNKNOWN)
		return 0;
	/* only its maker knows */
	if (!sid_well_formed(f.sid) || (int)sid_number(f.sid) != sender)
		return 1;
	if (f.verdict == LINK_MOVED)
		return is_session_sound(&f) ? adopt_found(l, &f) : 1;
	if (f.verdict != LINK_AT || f.node < 0 || f.node >= SLOTS_LINK_NUMBERS)
		return 1;
	return f.node == link_number(l->hub) ? 0 : note_place(l, &f);
}

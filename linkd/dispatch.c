#include "linkd/dispatch.h"

#include "linkd/commands.h"
#include "linkd/locate.h"
#include "linkd/members.h"
#include "linkd/replies.h"
#include "linkd/serve.h"
#include "linkd/sockets.h"
#include "shared/base/log.h"
#include "shared/hub/hub.h"
#include "shared/hub/link.h"
#include "shared/store/slots.h"
#include "shared/transport/publish_done.h"

static const struct slice nothing = {NULL, 0};

static void
dispatch_take_back(void *arg)
{
	replies_take_back(arg);
}

int
dispatch_open(struct linkd *l)
{
	if (replies_open(l) == -1 || serve_open(l) == -1 || sockets_open(l) == -1 ||
	    members_open(l) == -1)
		return -1;
	server_on_rollback(l->sv, dispatch_take_back, l);
	return 0;
}

void
dispatch_close(struct linkd *l)
{
	serve_close(l);
	sockets_close(l);
	members_close(l);
	/* closing the server may still roll back */
	if (l->sv != NULL)
		server_on_rollback(l->sv, NULL, NULL);
	replies_close(l);
}

/* --- telling -------------------------------------------------------------------------------- */

static void
count_bad(struct linkd *l)
{
	slots_link_count(store_slots(hub_store(l->hub)), LINK_COUNT_BAD, 1);
}

/* Say once for each kind that a frame of it was dropped. */
static void
complain(struct linkd *l, int node, unsigned char kind, const char *why)
{
	uint64_t bit = UINT64_C(1) << (kind % 64);

	count_bad(l);
	if ((l->odd_kinds[kind / 64] & bit) != 0)
		return;
	l->odd_kinds[kind / 64] |= bit;
	log_warnx("link: node %d has sent something that %s (kind %d); it is dropped, and "
		  "what comes of it from now on is only counted",
	    node, why, kind);
}

/* To all processes here. */
static void
dispatch_notify(struct linkd *l, enum link_kind kind, int node)
{
	struct buf body = {.p = NULL};

	frame_pack_signal(&body, &(struct link_signal){.number = node});
	if (body.failed || link_notify(l->hub, -1, kind, buf_slice(&body)) == -1)
		transaction_fail(l->hub);
	buf_free(&body);
}

/* The process that had asked is gone. */
static void
answer_nobody(struct linkd *l, int node, const struct link_signal *s, unsigned char kind)
{
	enum link_kind back =
	    kind == LINK_ANSWER || kind == LINK_FINISH ? LINK_UNDELIVERED : LINK_GONE;
	struct buf body = {.p = NULL};

	frame_pack_signal(&body, &(struct link_signal){.slot = s->slot, .id = s->id});
	if (body.failed)
		transaction_fail(l->hub);
	else
		(void)link_tell(l->hub, node, back, buf_slice(&body));
	buf_free(&body);
}

/* Hand a frame on to the process that waits for it. */
static void
dispatch_hand_on(
    struct linkd *l, int node, const struct link_frame *frame, const struct link_signal *s)
{
	const struct slots *slots = store_slots(hub_store(l->hub));
	bool is_alive = s->slot >= 0 && s->slot < SLOTS_MAX && slots_alive(slots, (int)s->slot);

	if (is_alive)
		(void)link_notify(l->hub, s->slot, (enum link_kind)frame->kind, frame->body);
	else if (frame->kind != LINK_FOUND)
		answer_nobody(l, node, s, frame->kind);
}

/* --- frames --------------------------------------------------------------------------------- */

static int
take_answer(struct linkd *l, int node, const struct link_frame *frame)
{
	struct link_answer a;

	if (!frame_unpack_answer(frame->body, &a))
		return 1;
	dispatch_hand_on(l, node, frame, &(struct link_signal){.slot = a.slot, .id = a.id});
	return 0;
}

static int
take_found(struct linkd *l, int node, const struct link_frame *frame)
{
	struct link_found f;
	int result = locate_found(l, node, frame->body);

	if (result != 0 || !frame_unpack_found(frame->body, &f))
		return result;
	dispatch_hand_on(l, node, frame, &(struct link_signal){.slot = f.slot, .id = f.id});
	return 0;
}

/* What is said about one request or websocket. */
static int
take_signal(struct linkd *l, int node, const struct link_frame *frame)
{
	struct link_signal s;
	struct far_asker from;

	if (!frame_unpack_signal(frame->body, &s))
		return 1;
	from = (struct far_asker){.node = node, .slot = s.slot, .id = s.id};
	switch (frame->kind) {
	case LINK_REQUEST:
		serve_request(l, &from, s.text);
		break;
	case LINK_WS_OPEN:
		sockets_begin(l, &from, s.text);
		break;
	case LINK_WS_TEXT:
		sockets_text(l, &from, s.text);
		break;
	case LINK_GONE:
	case LINK_UNDELIVERED:
		if (!serve_gone(l, &from))
			(void)sockets_gone(l, &from, nothing);
		break;
	case LINK_WS_CLOSE:
		/* of a client of theirs, or for one of ours */
		if (!sockets_gone(l, &from, s.text))
			dispatch_hand_on(l, node, frame, &s);
		break;
	case LINK_SNAPSHOT:
		return members_snapshot(l, node, s.number != 0);
	case LINK_HELLO:
		dispatch_notify(l, LINK_RESTARTED, node);
		members_restarted(l, node);
		break;
	default:
		dispatch_hand_on(l, node, frame, &s);
		break;
	}
	return 0;
}

/* What was told to the node, or by it, may be lost. */
static void
lose_touch(struct linkd *l, int node)
{
	serve_lost(l, node, false);
	sockets_lost(l, node);
	dispatch_notify(l, LINK_LOST, node);
}

/* 0; 1: malformed; 2: unknown; or -1: the turn is lost, which the hub knows. */
static int
take_frame(struct linkd *l, int node, const struct link_frame *frame)
{
	switch ((enum link_kind)frame->kind) {
	case LINK_PRESENCE:
		return members_presence(l, node, frame->body);
	case LINK_CHANNEL:
		return commands_channel(l, frame->body);
	case LINK_KEPT:
		return commands_kept(l, frame->body);
	case LINK_SEND:
		return commands_send(l, frame->body);
	case LINK_COMMAND:
		return commands_run(l, frame->body);
	case LINK_LOCATE:
		return locate_answer(l, node, frame->body);
	case LINK_FOUND:
		return take_found(l, node, frame);
	case LINK_ANSWER:
	case LINK_BEGIN:
		return take_answer(l, node, frame);
	case LINK_REQUEST:
	case LINK_PIECE:
	case LINK_FINISH:
	case LINK_GONE:
	case LINK_UNDELIVERED:
	case LINK_WS_OPEN:
	case LINK_WS_TEXT:
	case LINK_WS_MESSAGE:
	case LINK_WS_CLOSE:
	case LINK_WS_PAUSE:
	case LINK_HELLO:
	case LINK_SNAPSHOT:
		return take_signal(l, node, frame);
	case LINK_WANT:
		members_wanted(l, node);
		return 0;
	case LINK_GAP:
		lose_touch(l, node);
		return 0;
	case LINK_RULING:
		return commands_ruling(l, frame->body);
	case LINK_DONE:
		return publish_done_take(l->sv, frame->body);
	case LINK_MAIL:
		return commands_mail(l, frame->body);
	case LINK_TAKEN:
		return commands_mail_taken(l, frame->body);
	case LINK_RESTARTED: /* never between nodes */
	case LINK_LOST:
		break;
	}
	return 2;
}

void
dispatch_frame(struct linkd *l, int node, const struct link_frame *frame)
{
	switch (take_frame(l, node, frame)) {
	case 1:
		complain(l, node, frame->kind, "is malformed");
		break;
	case 2:
		complain(l, node, frame->kind, "this version does not know");
		break;
	}
}

/* --- nodes ---------------------------------------------------------------------------------- */

void
dispatch_node_up(struct linkd *l, int node)
{
	(void)members_greet(l, node);
}

void
dispatch_node_restarted(struct linkd *l, int node)
{
	/* it says HELLO; what we have told it may be gone with its database */
	(void)members_greet(l, node);
}

void
dispatch_node_lost(struct linkd *l, int node, bool tell)
{
	serve_lost(l, node, true);
	sockets_lost(l, node);
	dispatch_notify(l, LINK_LOST, node);
	(void)members_bury(l, node, tell);
}

void
dispatch_gap(struct linkd *l, int node)
{
	(void)link_tell(l->hub, node, LINK_GAP, nothing);
	lose_touch(l, node);
	members_want(l, node);
}

/* --- the turn ------------------------------------------------------------------------------- */

bool
dispatch_is_dirty(const struct linkd *l)
{
	return replies_wait(l);
}

void
dispatch_run(struct linkd *l)
{
	int64_t due = serve_run(l);

	l->dispatch_next = members_run(l);
	if (due < l->dispatch_next)
		l->dispatch_next = due;
	/* if the store cannot be had now, the turn that can have it writes them */
	if (replies_wait(l) && server_try(l->sv))
		(void)replies_flush(l);
}

void
dispatch_settled(struct linkd *l, bool committed)
{
	serve_settled(l, committed);
	sockets_settled(l, committed);
	members_settled(l, committed);
	/* last: the others have let go of what comes again */
	replies_settled(l, committed);
}

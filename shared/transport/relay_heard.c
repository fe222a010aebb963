/* relay_heard: what other nodes say of the requests that wait for them. */
#include "shared/action/ruling.h"
#include "shared/hub/link.h"
#include "shared/store/slots.h"
#include "shared/transport/relayed.h"

#define TYPE_MAX 128 /* of a Content-Type */

/* --- answers -------------------------------------------------------------------------------- */

/* Lines that each end in \r\n, and none of them empty: nothing in it ends the head of an answer. */
static bool
are_header_lines(struct slice headers)
{
	struct slice line;

	if (headers.n == 0)
		return true;
	if (headers.n < 2 || memcmp(headers.p + headers.n - 2, "\r\n", 2) != 0 ||
	    slice_has_nul(headers))
		return false;
	headers.n--; /* the last \n separates nothing */
	while (slice_cut(&headers, '\n', &line))
		if (line.n < 2 || memchr(line.p, '\r', line.n) != line.p + line.n - 1)
			return false;
	return true;
}

static bool
is_content_type(struct slice type)
{
	return type.n < TYPE_MAX && !slice_has_nul(type) &&
	       (type.n == 0 ||
		   (memchr(type.p, '\r', type.n) == NULL && memchr(type.p, '\n', type.n) == NULL));
}

/* The answer, or its beginning. */
static void
pass_answer(struct relayed *r, unsigned char kind, const struct link_answer *a)
{
	struct exchange *x = r->x;
	struct response response = {
	    .status = (int)a->status,
	    .headers = a->headers,
	    .body = a->body,
	    .in_chunks = a->in_chunks,
	};
	char type[TYPE_MAX];

	if (a->status < 100 || a->status > 599 || !are_header_lines(a->headers) ||
	    !is_content_type(a->content_type)) {
		relay_answer_busy(r);
		return;
	}
	if (a->content_type.n > 0) {
		memcpy(type, a->content_type.p, a->content_type.n);
		type[a->content_type.n] = '\0';
		response.content_type = type;
	}
	relayed_drop_copy(r);
	if (kind == LINK_ANSWER) {
		relayed_stop_waiting(r);
		r->state = RELAYED_ANSWERED;
		x->ops->respond(x, &response);
	} else {
		r->state = RELAYED_STREAMING;
		relayed_wait(r, &r->sv->relay->quiet, relayed_quiet_ms(r->sv));
		x->ops->begin(x, &response);
	}
}

static void
hear_answer(struct server *sv, unsigned char kind, struct slice body)
{
	struct link_answer a;
	struct relayed *r;

	if (!frame_unpack_answer(body, &a))
		return;
	r = relayed_find(sv, a.id);
	if (r != NULL && r->state == RELAYED_FORWARDED)
		pass_answer(r, kind, &a);
	else if (r == NULL || r->state != RELAYED_LEFT)
		relayed_disown(
		    sv, a.id, kind == LINK_ANSWER ? RELAYED_SAY_UNDELIVERED : RELAYED_SAY_GONE);
}

/* --- where a session is --------------------------------------------------------------------- */

static void
hear_found(struct server *sv, struct slice body)
{
	struct link_found f;
	struct relayed *r;

	if (!frame_unpack_found(body, &f))
		return;
	r = relayed_find(sv, f.id);
	if (r == NULL || r->state != RELAYED_LOCATING)
		return;
	/* moved: pollux-linkd of this node has taken it in before it told us */
	r->node = f.verdict == LINK_MOVED ? link_number(sv->hub)
	          : f.verdict == LINK_AT  ? (int)f.node
	                                  : LINK_NOBODY;
	if (r->is_upgrade)
		relay_judge_again(r);
	else if (link_lives(sv->hub, r->node))
		relayed_plan(r, RELAYED_FORWARD);
	else
		relayed_plan(r, RELAYED_SERVE_HERE);
}

/* --- pieces, and websockets ----------------------------------------------------------------- */

static void
hear_signal(struct server *sv, unsigned char kind, struct slice body)
{
	struct link_signal s;
	struct relayed *r;

	if (!frame_unpack_signal(body, &s))
		return;
	r = relayed_find(sv, s.id);
	if (kind == LINK_WS_MESSAGE || kind == LINK_WS_CLOSE || kind == LINK_WS_PAUSE) {
		if (r != NULL && r->state == RELAYED_WEBSOCKET)
			relay_websocket_heard(r, kind, &s);
		else if (r == NULL && kind == LINK_WS_MESSAGE)
			relayed_disown(sv, s.id, RELAYED_SAY_CLOSED);
		return;
	}
	/* of a process that had this slot before */
	if (r == NULL && kind == LINK_PIECE)
		relayed_disown(sv, s.id, RELAYED_SAY_GONE);
	if (r == NULL || r->state != RELAYED_STREAMING)
		return;
	if (kind == LINK_PIECE) {
		relayed_wait(r, &sv->relay->quiet, relayed_quiet_ms(sv));
		r->x->ops->piece(r->x, s.text);
	} else {
		relayed_stop_waiting(r);
		r->state = RELAYED_ANSWERED;
		r->x->ops->finish(r->x);
	}
}

/* --- nodes that fail ------------------------------------------------------------------------ */

/* A request that was told the node, which may not have got it, or has forgotten it. */
static void
redo_forwarded(struct relayed *r, bool is_lost)
{
	if (r->is_planned)
		return; /* it will be told only now */
	if (!r->is_get && is_lost) {
		relay_fail(r);
	} else if (!r->is_get) {
		relay_answer_taken(r);
	} else {
		/* its home may have it even so, and must not answer it as well: that would reach
		 * nobody */
		relayed_disown(r->sv, r->id, RELAYED_SAY_GONE);
		/* by its name its home knows that what it has answered was not delivered; a stream
		 * is not begun again, but its client comes again */
		r->copy.x.again = r->is_streaming;
		relayed_plan(r, r->is_streaming ? RELAYED_SERVE_HERE : RELAYED_FORWARD);
	}
}

static void
fail_node(struct relayed *r, bool is_lost)
{
	switch (r->state) {
	case RELAYED_LOCATING:
		if (is_lost)
			relay_fail(r);
		break;
	case RELAYED_FORWARDED:
		if (is_lost && !link_lives(r->sv->hub, r->node))
			relay_fail(r);
		else
			redo_forwarded(r, is_lost);
		break;
	case RELAYED_STREAMING:
		relay_end_stream(r, UNKNOWN_SESSION_PACKET);
		break;
	case RELAYED_WEBSOCKET:
		relay_websocket_end(r, 1000, "", "socket end");
		break;
	case RELAYED_ANSWERED:
	case RELAYED_HERE:
	case RELAYED_JUDGED:
	case RELAYED_LEFT:
		break;
	}
}

static void
hear_failure(struct server *sv, unsigned char kind, struct slice body)
{
	struct link_signal s;
	struct relayed *r, *next;

	if (!frame_unpack_signal(body, &s))
		return;
	for (r = LIST_FIRST(&sv->relay->all); r != NULL; r = next) {
		next = LIST_NEXT(r, all);
		if (s.number == LINK_ALL || r->node == s.number)
			fail_node(r, kind == LINK_LOST);
	}
}

void
relay_heard_row(void *arg, unsigned char kind, struct slice body)
{
	struct server *sv = arg;

	if (kind == LINK_RULING) /* without a cluster, too */
		ruling_take(sv->application, body);
	if (sv->relay == NULL)
		return;
	switch (kind) {
	case LINK_ANSWER:
	case LINK_BEGIN:
		hear_answer(sv, kind, body);
		break;
	case LINK_FOUND:
		hear_found(sv, body);
		break;
	case LINK_PIECE:
	case LINK_FINISH:
	case LINK_WS_MESSAGE:
	case LINK_WS_CLOSE:
	case LINK_WS_PAUSE:
		hear_signal(sv, kind, body);
		break;
	case LINK_RESTARTED:
	case LINK_LOST:
		hear_failure(sv, kind, body);
		break;
	default:
		break;
	}
}

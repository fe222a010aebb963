#include "linkd/sockets.h"

#include <stdlib.h>
#include <sys/queue.h>

#include <uthash.h>

#include "linkd/commands.h"
#include "shared/base/container.h"
#include "shared/hub/hub.h"
#include "shared/store/slots.h"
#include "shared/transport/copied.h"
#include "shared/transport/server.h"
#include "shared/transport/websocket.h"
#include "shared/wire/utf8.h"

/* Beyond it websockets are closed at once. */
#define SOCKETS_MAX 100000
#define REASON_SIZE 64 /* of the text why a websocket has ended */

#define CLOSE_NORMAL 1000 /* RFC 6455 7.4.1 */
#define CLOSE_ERROR  1011

#define UNKNOWN_SESSION SLICE("7:::1+0")

struct far_socket {
	struct websocket ws;
	struct linkd *l;
	struct far_asker from;
	bool is_new;                   /* its frame came in this turn */
	bool is_over;                  /* freed at the end of the turn */
	bool is_deaf;                  /* there was no memory for a message to it */
	LIST_ENTRY(far_socket) by_age; /* while `is_new` */
	SLIST_ENTRY(far_socket) over;
	UT_hash_handle hh; /* by `from`, unless `is_over` */
};

LIST_HEAD(far_socket_list, far_socket);
SLIST_HEAD(far_socket_stack, far_socket);

struct sockets {
	struct far_socket *table; /* uthash */
	struct far_socket_list fresh;
	struct far_socket_stack over;
};

int
sockets_open(struct linkd *l)
{
	struct sockets *all = calloc(1, sizeof(*all));

	l->sockets = all;
	if (all == NULL)
		return -1;
	LIST_INIT(&all->fresh);
	SLIST_INIT(&all->over);
	return 0;
}

/* --- ending --------------------------------------------------------------------------------- */

/* Not freed here: the transport may be up the stack. */
static void
end_socket(struct far_socket *s)
{
	struct sockets *all = s->l->sockets;

	if (s->is_over)
		return;
	s->is_over = true;
	HASH_DEL(all->table, s);
	SLIST_INSERT_HEAD(&all->over, s, over);
}

static void
free_ended(struct sockets *all)
{
	struct far_socket *s;

	while ((s = SLIST_FIRST(&all->over)) != NULL) {
		SLIST_REMOVE_HEAD(&all->over, over);
		if (s->is_new)
			LIST_REMOVE(s, by_age);
		free(s);
	}
}

/* End its session, too. */
static void
abandon_socket(struct far_socket *s, const char *reason)
{
	/* first: what the session says at its end reaches nobody */
	end_socket(s);
	websocket_gone(s->l->sv, &s->ws, reason);
}

void
sockets_close(struct linkd *l)
{
	struct far_socket *s, *next;

	if (l->sockets == NULL)
		return;
	HASH_ITER (hh, l->sockets->table, s, next)
		abandon_socket(s, "socket end");
	free_ended(l->sockets);
	free(l->sockets);
	l->sockets = NULL;
}

/* --- what the transport says ---------------------------------------------------------------- */

static int
send_frame(struct far_socket *s, enum link_kind kind, int64_t number, struct slice text)
{
	struct buf body = {.p = NULL};

	frame_pack_signal(
	    &body, &(struct link_signal){
		       .slot = s->from.slot, .id = s->from.id, .number = number, .text = text});
	return replies_add(s->l, &s->from, kind, &body, s->is_new);
}

static struct far_socket *
far_socket_of(struct websocket *ws)
{
	return container_of(ws, struct far_socket, ws);
}

static void
sockets_send_message(struct websocket *ws, struct message *m)
{
	struct far_socket *s = far_socket_of(ws);

	if (s->is_over)
		return;
	/* never skip one: its heartbeat will not be answered, and ends it */
	if (s->is_deaf || replies_add_message(s->l, &s->from, m, s->is_new) == -1)
		s->is_deaf = true;
}

static void
sockets_send_close(struct websocket *ws, int code, const char *reason)
{
	struct far_socket *s = far_socket_of(ws);

	if (s->is_over)
		return;
	(void)send_frame(s, LINK_WS_CLOSE, s->is_deaf ? CLOSE_ERROR : code, slice_of(reason));
	end_socket(s);
}

static void
sockets_send_pause(struct websocket *ws)
{
	struct far_socket *s = far_socket_of(ws);

	if (!s->is_over)
		(void)send_frame(s, LINK_WS_PAUSE, ws->paused, (struct slice){NULL, 0});
}

static const struct websocket_ops sockets_ops = {
    sockets_send_message, sockets_send_close, sockets_send_pause};

/* --- what the client says ------------------------------------------------------------------- */

static struct far_socket *
find_socket(const struct linkd *l, const struct far_asker *from)
{
	struct far_socket *s;

	HASH_FIND(hh, l->sockets->table, from, sizeof(*from), s);
	return s;
}

static void
close_unknown(struct far_socket *s)
{
	(void)send_frame(s, LINK_WS_MESSAGE, 0, UNKNOWN_SESSION);
	sockets_send_close(&s->ws, CLOSE_NORMAL, "");
}

/* The other node has judged the request by its own configuration; ours counts too. */
static void
attach_socket(struct far_socket *s, struct exchange *x)
{
	struct session *session;
	struct route route;
	const char *why = "server busy";
	int status;

	route_parse(&route, x->target, s->l->cfg->resource);
	/* it goes no further */
	if (session_find(s->l->hub, route.sid, &session) == SESSION_ELSEWHERE) {
		close_unknown(s);
		return;
	}
	if (HASH_COUNT(s->l->sockets->table) > SOCKETS_MAX) {
		sockets_send_close(&s->ws, CLOSE_ERROR, why);
		return;
	}
	switch (websocket_judge(s->l->sv, &route, x, &status, &why)) {
	case WEBSOCKET_GO:
		if (websocket_open(s->l->sv, &s->ws, &route, x) == -1)
			close_unknown(s);
		break;
	case WEBSOCKET_UNKNOWN:
		close_unknown(s);
		break;
	case WEBSOCKET_WAIT:
	case WEBSOCKET_REFUSED:
		sockets_send_close(&s->ws, CLOSE_ERROR, why);
		break;
	}
}

void
sockets_begin(struct linkd *l, const struct far_asker *from, struct slice request)
{
	struct slots *slots = store_slots(hub_store(l->hub));
	struct copied copied;
	struct far_socket *s;
	enum copied_result opened = copied_open(&copied, request);

	if (opened == COPIED_MALFORMED)
		slots_link_count(slots, LINK_COUNT_BAD, 1);
	if (opened != COPIED_OK)
		return;
	/* a process that was started anew in the slot of another one */
	sockets_gone(l, from, (struct slice){NULL, 0});
	s = calloc(1, sizeof(*s));
	if (s != NULL) {
		s->l = l;
		s->from = *from;
		s->ws.ops = &sockets_ops;
		s->is_new = true;
		LIST_INSERT_HEAD(&l->sockets->fresh, s, by_age);
		HASH_ADD(hh, l->sockets->table, from, sizeof(s->from), s);
		slots_link_count(slots, LINK_COUNT_SERVED, 1);
		attach_socket(s, &copied.x);
	}
	copied_close(&copied);
}

void
sockets_text(struct linkd *l, const struct far_asker *from, struct slice text)
{
	struct far_socket *s = find_socket(l, from);

	if (!utf8_valid(text)) {
		slots_link_count(store_slots(hub_store(l->hub)), LINK_COUNT_BAD, 1);
		return;
	}
	/* the turn has the store, so there is no reason to put one off */
	if (s != NULL && !websocket_text(l->sv, &s->ws, text)) {
		sockets_send_close(&s->ws, CLOSE_ERROR, "server busy");
		websocket_gone(l->sv, &s->ws, "socket error");
	}
}

bool
sockets_gone(struct linkd *l, const struct far_asker *from, struct slice reason)
{
	struct far_socket *s = find_socket(l, from);
	char text[REASON_SIZE] = "socket end";

	if (s == NULL)
		return false;
	if (reason.n > 0)
		commands_copy_reason(text, sizeof(text), reason);
	abandon_socket(s, text);
	return true;
}

void
sockets_lost(struct linkd *l, int node)
{
	struct far_socket *s, *next;

	/* what one ends stays in memory until the end of the turn */
	HASH_ITER (hh, l->sockets->table, s, next) {
		if (s->from.node != node || s->is_over)
			continue;
		(void)send_frame(s, LINK_WS_CLOSE, CLOSE_ERROR, (struct slice){NULL, 0});
		abandon_socket(s, "socket end");
	}
}

/* --- the turn ------------------------------------------------------------------------------- */

void
sockets_settled(struct linkd *l, bool committed)
{
	struct sockets *all = l->sockets;
	struct far_socket *s;

	while ((s = LIST_FIRST(&all->fresh)) != NULL) {
		/* it comes again; the hub has let go of it */
		if (!committed && !s->is_over)
			abandon_socket(s, "socket end");
		s->is_new = false;
		LIST_REMOVE(s, by_age);
	}
	free_ended(all);
}

#include "shared/transport/relayed.h"

#include <stdlib.h>

#include "shared/base/log.h"
#include "shared/hub/link.h"
#include "shared/store/slots.h"
#include "shared/wire/sid.h"

/* Of one process; beyond either, requests for other nodes are answered 503. */
#define RELAYED_MAX   100000
#define RELAYED_BYTES ((size_t)64 << 20)

#define NODE_BITS 12
#define NODE_MASK (((int64_t)1 << NODE_BITS) - 1)
#define NAME_MASK (INT64_MAX >> NODE_BITS)

/* How long a node is tried to be told that a request is over. */
#define LEFT_MS 5000

int
relayed_open(struct server *sv)
{
	struct relay *rl = calloc(1, sizeof(*rl));
	char random[SID_LENGTH + 1];

	sv->relay = rl;
	if (rl == NULL || sid_generate(random) == -1)
		return -1;
	LIST_INIT(&rl->all);
	LIST_INIT(&rl->unsettled);
	TAILQ_INIT(&rl->todo);
	TAILQ_INIT(&rl->brief);
	TAILQ_INIT(&rl->quiet);
	/* it must not skip the rows of an heir: see relay_turn_run() */
	link_await(sv->hub, 1);
	/* other nodes may still know names that a process gave which had this slot before */
	rl->last_name = sid_key(slice_of(random)) & NAME_MASK;
	return 0;
}

void
relayed_close(struct server *sv)
{
	struct relay *rl = sv->relay;

	if (rl == NULL)
		return;
	while (!LIST_EMPTY(&rl->all))
		relayed_free(LIST_FIRST(&rl->all));
	free(rl);
	sv->relay = NULL;
}

/* --- one ------------------------------------------------------------------------------------ */

static struct relayed *
make_relayed(struct server *sv)
{
	struct relayed *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->sv = sv;
	LIST_INSERT_HEAD(&sv->relay->all, r, all);
	sv->relay->n++;
	link_await(sv->hub, 1);
	return r;
}

static bool
copy_request(struct relayed *r, const struct exchange *x)
{
	struct buf bytes = {.p = NULL};

	copied_pack(&bytes, x);
	r->has_copy = !bytes.failed && copied_open(&r->copy, buf_slice(&bytes)) == COPIED_OK;
	buf_free(&bytes);
	if (r->has_copy)
		r->sv->relay->bytes += r->copy.bytes.n;
	return r->has_copy;
}

struct relayed *
relayed_new(struct server *sv, struct exchange *x, const struct route *route)
{
	struct relay *rl = sv->relay;
	struct relayed *r;

	if (rl->n >= RELAYED_MAX || rl->bytes + x->body.n >= RELAYED_BYTES) {
		log_limited(LOG_LEVEL_WARN,
		    "link: %zu requests wait for other nodes; more are answered 503", rl->n);
		return NULL;
	}
	r = make_relayed(sv);
	if (r == NULL)
		return NULL;
	/* when it is sent once more its home knows it by that */
	x->name = polling_request_name(x);
	if (x->name == 0)
		x->name = rl->last_name = (rl->last_name + 1) & NAME_MASK;
	if (!copy_request(r, x)) {
		relayed_free(r);
		return NULL;
	}
	r->x = x;
	r->transport = transport_row(route->transport);
	r->index = route->index;
	r->ends_session = route->disconnect || route->kind == ROUTE_SESSION;
	r->is_get = !r->ends_session && slice_is(x->method, "GET");
	r->or_busy = !r->is_get && !route->disconnect;
	r->is_streaming = r->is_get && (route->transport == TRANSPORT_HTMLFILE ||
					   route->transport == TRANSPORT_XHR_MULTIPART);
	return r;
}

void
relayed_drop_copy(struct relayed *r)
{
	if (!r->has_copy)
		return;
	r->has_copy = false;
	r->sv->relay->bytes -= r->copy.bytes.n;
	copied_close(&r->copy);
}

static void
forget_name(struct relayed *r)
{
	if (r->id != 0)
		HASH_DEL(r->sv->relay->table, r);
	r->id = 0;
}

void
relayed_free(struct relayed *r)
{
	relayed_drop_copy(r);
	relayed_stop_waiting(r);
	relayed_unplan(r);
	forget_name(r);
	if (r->is_unsettled)
		LIST_REMOVE(r, unsettled);
	LIST_REMOVE(r, all);
	r->sv->relay->n--;
	link_await(r->sv->hub, -1);
	free(r);
}

struct relayed *
relayed_find(const struct server *sv, int64_t id)
{
	struct relayed *r;

	HASH_FIND(hh, sv->relay->table, &id, sizeof(id), r);
	return r;
}

void
relayed_name(struct relayed *r)
{
	struct relay *rl = r->sv->relay;

	forget_name(r);
	rl->last_name = (rl->last_name + 1) & NAME_MASK;
	r->id = (rl->last_name << NODE_BITS) | (r->node & NODE_MASK);
	HASH_ADD(hh, rl->table, id, sizeof(r->id), r);
}

/* --- waiting -------------------------------------------------------------------------------- */

void
relayed_wait(struct relayed *r, struct relayed_queue *queue, int64_t ms)
{
	relayed_stop_waiting(r);
	r->queue = queue;
	r->deadline = r->sv->now + ms;
	TAILQ_INSERT_TAIL(queue, r, link);
}

void
relayed_stop_waiting(struct relayed *r)
{
	if (r->queue != NULL)
		TAILQ_REMOVE(r->queue, r, link);
	r->queue = NULL;
}

void
relayed_plan(struct relayed *r, enum relayed_task task)
{
	r->task = task;
	if (!r->is_planned)
		TAILQ_INSERT_TAIL(&r->sv->relay->todo, r, todo);
	r->is_planned = true;
}

void
relayed_unplan(struct relayed *r)
{
	if (r->is_planned)
		TAILQ_REMOVE(&r->sv->relay->todo, r, todo);
	r->is_planned = false;
}

/* --- telling -------------------------------------------------------------------------------- */

static void
unsettle_relayed(struct relayed *r)
{
	if (!r->is_unsettled)
		LIST_INSERT_HEAD(&r->sv->relay->unsettled, r, unsettled);
	r->is_unsettled = true;
}

void
relayed_tell(struct relayed *r, enum link_kind kind, int64_t number, struct slice text)
{
	struct server *sv = r->sv;
	struct buf body = {.p = NULL};

	frame_pack_signal(&body, &(struct link_signal){
				     .slot = slots_own(store_slots(hub_store(sv->hub))),
				     .id = r->id,
				     .number = number,
				     .text = text,
				 });
	/* if it fails the turn is rolled back, and relay_settle() sees to it */
	if (body.failed)
		transaction_fail(sv->hub);
	else
		link_tell(sv->hub, r->node, kind, buf_slice(&body));
	buf_free(&body);
	unsettle_relayed(r);
}

void
relayed_leave(struct relayed *r, enum relayed_task task)
{
	relayed_drop_copy(r);
	r->x = NULL;
	r->ws = NULL;
	r->state = RELAYED_LEFT;
	relayed_wait(r, &r->sv->relay->brief, LEFT_MS);
	relayed_plan(r, task);
}

void
relayed_end(struct relayed *r)
{
	relayed_drop_copy(r);
	relayed_stop_waiting(r);
	relayed_unplan(r);
	r->x = NULL;
	r->state = RELAYED_LEFT;
	r->task = RELAYED_NOTHING;
	unsettle_relayed(r);
}

void
relayed_disown(struct server *sv, int64_t id, enum relayed_task task)
{
	struct relayed *r = relayed_find(sv, id);

	/* its other way needs no name */
	if (r != NULL)
		forget_name(r);
	if (id <= 0 || sv->relay->n >= RELAYED_MAX || (r = make_relayed(sv)) == NULL)
		return;
	r->id = id;
	r->node = (int)(id & NODE_MASK);
	HASH_ADD(hh, sv->relay->table, id, sizeof(r->id), r);
	relayed_leave(r, task);
}

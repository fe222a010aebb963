#include "linkd/serve.h"

#include <stdlib.h>

#include "linkd/served.h"
#include "shared/hub/hub.h"
#include "shared/store/slots.h"
#include "shared/transport/server.h"

/* Requests that are held or kept; beyond it they are answered 503. */
#define SERVED_MAX 100000

int
serve_open(struct linkd *l)
{
	struct serve *sv = calloc(1, sizeof(*sv));

	l->serve = sv;
	if (sv == NULL)
		return -1;
	TAILQ_INIT(&sv->kept);
	TAILQ_INIT(&sv->over);
	LIST_INIT(&sv->fresh);
	return 0;
}

void
serve_close(struct linkd *l)
{
	struct served *s, *next;

	if (l->serve == NULL)
		return;
	HASH_ITER (hh, l->serve->table, s, next)
		served_tell_fate(s, s->state == SERVED_KEPT ? EXCHANGE_SENT : EXCHANGE_GONE);
	served_free_over(l->serve);
	free(l->serve);
	l->serve = NULL;
}

/* --- requests ------------------------------------------------------------------------------- */

static struct served *
find_served(const struct linkd *l, const struct far_asker *from)
{
	struct served *s;

	HASH_FIND(hh, l->serve->table, from, sizeof(*from), s);
	return s;
}

static void
ask_here(struct served *s)
{
	struct exchange *x = &s->request.x;

	/* the turn has the store, so there is no other reason to refuse one */
	if (HASH_COUNT(s->l->serve->table) > SERVED_MAX || !server_request_here(s->l->sv, x))
		server_refuse(s->l->sv, x, 503, "server busy");
	/* thousands of held polls would keep their requests for half a minute */
	served_drop_request(s);
}

void
serve_request(struct linkd *l, const struct far_asker *from, struct slice request)
{
	struct slots *slots = store_slots(hub_store(l->hub));
	struct served *s = calloc(1, sizeof(*s));
	enum copied_result opened =
	    s == NULL ? COPIED_NO_MEMORY : copied_open(&s->request, request);

	if (opened != COPIED_OK) {
		/* its client is answered when the other node has waited long enough */
		if (opened == COPIED_MALFORMED)
			slots_link_count(slots, LINK_COUNT_BAD, 1);
		free(s);
		return;
	}
	/* a process that was started anew in the slot of another one */
	serve_gone(l, from);
	s->l = l;
	s->from = *from;
	served_add(s);
	slots_link_count(slots, LINK_COUNT_SERVED, 1);
	ask_here(s);
}

bool
serve_gone(struct linkd *l, const struct far_asker *from)
{
	struct served *s = find_served(l, from);

	if (s == NULL)
		return false;
	served_tell_fate(s, s->state == SERVED_KEPT ? EXCHANGE_FAILED : EXCHANGE_GONE);
	return true;
}

void
serve_lost(struct linkd *l, int node, bool dead)
{
	struct served *s, *next;

	/* what one fate ends stays in memory until the end of the turn */
	HASH_ITER (hh, l->serve->table, s, next)
		if (s->from.node != node || s->state == SERVED_OVER)
			continue;
		else if (dead && s->state == SERVED_KEPT)
			served_tell_fate(s, EXCHANGE_FAILED);
		else if (dead || s->state == SERVED_OPEN)
			served_tell_fate(s, EXCHANGE_GONE);
}

/* --- the turn ------------------------------------------------------------------------------- */

int64_t
serve_run(struct linkd *l)
{
	struct serve *sv = l->serve;
	struct served *s;

	while ((s = TAILQ_FIRST(&sv->kept)) != NULL && s->until <= l->now)
		served_tell_fate(s, EXCHANGE_SENT);
	return s == NULL ? INT64_MAX : s->until;
}

/* Those that came in a turn which was rolled back come again. */
static void
forget_fresh(struct linkd *l)
{
	struct served *s;

	LIST_FOREACH (s, &l->serve->fresh, by_age)
		if (s->state != SERVED_OVER)
			served_tell_fate(s, EXCHANGE_GONE);
}

static void
end_broken(struct linkd *l)
{
	struct served *s, *next;

	l->serve->some_broken = false;
	HASH_ITER (hh, l->serve->table, s, next)
		if (s->is_broken && s->state != SERVED_OVER)
			served_tell_fate(s, EXCHANGE_FAILED);
}

void
serve_settled(struct linkd *l, bool committed)
{
	struct serve *sv = l->serve;
	struct served *s;

	if (!committed)
		forget_fresh(l);
	if (sv->some_broken)
		end_broken(l);
	while ((s = LIST_FIRST(&sv->fresh)) != NULL) {
		s->is_new = false;
		LIST_REMOVE(s, by_age);
	}
	served_free_over(sv);
}

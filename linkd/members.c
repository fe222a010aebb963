#include "linkd/members.h"

#include <stdlib.h>
#include <sys/queue.h>

#include <uthash.h>

#include "linkd/known.h"
#include "linkd/portion.h"
#include "linkd/snapshot.h"
#include "shared/hub/hub.h"
#include "shared/hub/link.h"
#include "shared/hub/session_remote.h"
#include "shared/store/remote.h"
#include "shared/store/slots.h"

/* Between two portions, which may be of one node: other processes have their turn. */
#define PAUSE_MS 2
/* Until something is looked at again that had to wait. */
#define LOOK_AGAIN_MS 100

/* A snapshot is asked for when none has begun for this long, and again. */
#define WANT_AFTER_MS 3000
#define WANT_AGAIN_MS 10000

/* Every session is of another one. */
#define NO_ROUND (-1)

/* From our start until all nodes that live are seen. */
#define ACQUAINTED_MS 2000

#define YOUNG_MS         2000
#define REBUILD_MS       60000
#define REBUILD_FRACTION 100 /* of the time */

/* What a turn that is rolled back takes back. */
struct member_state {
	bool is_greeted; /* it lives, and is told of changes */
	bool has_hello;  /* it was told that we have started */
	bool is_losing;  /* it has died; what we know of its sessions is being deleted ... */
	bool tells;      /* ... and the application is told */
	struct snapshot ours;
	int64_t round;    /* of its last snapshot; 0: there was none */
	bool is_complete; /* and it has ended */
	bool is_sweeping; /* what is of an older round is being deleted */
	int64_t swept;    /* of either deletion: up to this key it is done */
	int64_t want_at;  /* ask for one then, ms; 0: do not */
};

struct member {
	int number;
	struct member_state now, saved;
	UT_hash_handle hh;
};

struct members {
	struct member *table; /* uthash, by number */
	int64_t last_round;
	int64_t rotate_at, rebuild_at;
	int64_t knows_at; /* all that live are seen by then, ms; 0: our first turn is to come */
	int budget;       /* sessions that this turn may still handle */
	bool is_touched;  /* the state of some may have changed in this turn */
};

/* --- all of them ---------------------------------------------------------------------------- */

int
members_open(struct linkd *l)
{
	l->members = calloc(1, sizeof(*l->members));
	return l->members == NULL ? -1 : 0;
}

void
members_close(struct linkd *l)
{
	struct member *m, *next;

	if (l->members == NULL)
		return;
	HASH_ITER (hh, l->members->table, m, next) {
		HASH_DEL(l->members->table, m);
		free(m);
	}
	free(l->members);
	l->members = NULL;
}

/* The member of this number, made if missing; NULL: no memory, or no such number. */
static struct member *
find_member(struct linkd *l, int number)
{
	struct member *m;

	l->members->is_touched = true;
	HASH_FIND_INT(l->members->table, &number, m);
	if (m != NULL || number < 0 || number >= SLOTS_LINK_NUMBERS)
		return m;
	m = calloc(1, sizeof(*m));
	if (m == NULL)
		return NULL;
	m->number = number;
	HASH_ADD_INT(l->members->table, number, m);
	return m;
}

/* --- their snapshots ------------------------------------------------------------------------ */

int
members_presence(struct linkd *l, int sender, struct slice body)
{
	const struct member *m = find_member(l, sender);

	return known_take(l, sender, m == NULL ? 0 : m->now.round, body);
}

int
members_snapshot(struct linkd *l, int sender, bool begins)
{
	struct member *m = find_member(l, sender);

	if (m == NULL)
		return 0;
	if (begins) {
		/* more than any that was given before, also before our start */
		if (l->members->last_round < l->now)
			l->members->last_round = l->now;
		m->now.round = ++l->members->last_round;
		m->now.is_complete = m->now.is_sweeping = false;
		m->now.want_at = 0;
	} else if (m->now.round == 0) {
		/* we have started in the middle of it */
		m->now.want_at = m->now.is_greeted ? l->now : 0;
	} else {
		m->now.is_complete = m->now.is_sweeping = true;
		m->now.swept = 0;
	}
	return 0;
}

void
members_want(struct linkd *l, int number)
{
	struct member *m = find_member(l, number);

	/* else it is asked when it is greeted */
	if (m == NULL || !m->now.is_greeted)
		return;
	m->now.want_at = l->now;
	m->now.is_complete = false;
}

void
members_want_all(struct linkd *l)
{
	struct member *m, *next;

	HASH_ITER (hh, l->members->table, m, next)
		members_want(l, m->number);
}

void
members_restarted(struct linkd *l, int number)
{
	struct member *m = find_member(l, number);

	if (m != NULL && m->now.is_greeted && m->now.round != 0 && !m->now.is_complete)
		m->now.want_at = l->now + WANT_AFTER_MS;
}

static int
ask_for_snapshot(struct linkd *l, struct member *m)
{
	m->now.want_at = l->now + WANT_AGAIN_MS;
	return link_tell(l->hub, m->number, LINK_WANT, (struct slice){NULL, 0});
}

/* Some more of its sessions that are connected and not of this round.  Return 1: there may be
 * more; 0: they were the last; -1: the turn fails. */
static int
next_portion(struct linkd *l, struct member *m, int64_t round, struct portion *old)
{
	struct portion p = {.n = 0};
	int budget = l->members->budget;

	if (remote_scan(
		hub_store(l->hub), m->number, m->now.swept, round, budget, portion_add, &p) == -1) {
		transaction_fail(l->hub);
		return -1;
	}
	for (int i = 0; i < p.n; i++) {
		m->now.swept = p.keys[i] > 0 ? p.keys[i] : -p.keys[i];
		if (p.keys[i] > 0)
			portion_add(old, p.keys[i]);
	}
	l->members->budget -= p.n;
	return p.n == budget;
}

/* Delete those of some more sessions that were not in the last snapshot.  Their home has told the
 * application of their end. */
static int
sweep_portion(struct linkd *l, struct member *m)
{
	struct portion old = {.n = 0};
	int more = next_portion(l, m, m->now.round, &old);

	for (int i = 0; i < old.n; i++)
		if (known_forget(l, old.keys[i]) == -1)
			return -1;
	m->now.is_sweeping = more == 1;
	return more == -1 ? -1 : 0;
}

/* --- ours ----------------------------------------------------------------------------------- */

void
members_wanted(struct linkd *l, int sender)
{
	struct member *m = find_member(l, sender);

	/* one that is not up yet gets a snapshot when it is */
	if (m != NULL && m->now.is_greeted)
		snapshot_begin(&m->now.ours);
}

/* --- life and death ------------------------------------------------------------------------- */

int
members_greet(struct linkd *l, int number)
{
	struct member *m = find_member(l, number);

	if (m == NULL) {
		transaction_fail(l->hub);
		return -1;
	}
	/* it sends one of its own accord, too, when it sees us appear */
	m->now.want_at = l->now + WANT_AFTER_MS;
	m->now.is_greeted = true;
	snapshot_begin(&m->now.ours);
	/* once: what it has asked us is lost if another process was asked */
	if (m->now.has_hello)
		return 0;
	m->now.has_hello = true;
	return snapshot_tell(l, number, LINK_HELLO, link_number(l->hub));
}

int
members_bury(struct linkd *l, int number, bool tell)
{
	struct member *m = find_member(l, number);

	if (m == NULL) {
		transaction_fail(l->hub);
		return -1;
	}
	m->now = (struct member_state){.is_losing = true, .tells = tell, .has_hello = true};
	return 0;
}

static int
lose_portion(struct linkd *l, struct member *m)
{
	struct portion lost = {.n = 0};
	int more = next_portion(l, m, NO_ROUND, &lost);

	for (int i = 0; i < lost.n; i++)
		if (session_remote_lose(l->hub, lost.keys[i], m->now.tells, "node lost") == -1)
			return -1;
	m->now.is_losing = more == 1;
	/* it is back, and what it has told us meanwhile went with the rest */
	if (more == 0 && m->now.is_greeted)
		m->now.want_at = l->now;
	return more == -1 ? -1 : 0;
}

/* --- the turn ------------------------------------------------------------------------------- */

/* Is there anything to do for it?  `*next`: else when. */
static bool
member_is_due(const struct linkd *l, const struct member *m, int64_t *next)
{
	const struct member_state *s = &m->now;

	if (s->is_losing || s->is_sweeping || s->ours.is_under_way ||
	    (s->want_at != 0 && s->want_at <= l->now))
		return true;
	if (s->want_at != 0 && s->want_at < *next)
		*next = s->want_at;
	return false;
}

static int
run_member(struct linkd *l, struct member *m)
{
	struct member_state *s = &m->now;

	if (s->is_losing)
		return lose_portion(l, m);
	if (s->want_at != 0 && s->want_at <= l->now && ask_for_snapshot(l, m) == -1)
		return -1;
	if (s->is_sweeping && sweep_portion(l, m) == -1)
		return -1;
	return s->ours.is_under_way ? snapshot_go_on(l, &s->ours, m->number, &l->members->budget)
	                            : 0;
}

static int64_t
run_members(struct linkd *l)
{
	struct member *m, *following;
	int64_t next = INT64_MAX;

	l->members->budget = PORTION_MAX;
	HASH_ITER (hh, l->members->table, m, following) {
		if (!member_is_due(l, m, &next))
			continue;
		l->members->is_touched = true;
		/* the turn that can have it comes by itself */
		if (transaction_open_now(l->hub) == -1)
			return next;
		if (l->members->budget > 0 && run_member(l, m) == -1)
			return next;
		if (member_is_due(l, m, &next))
			next = l->now + (l->members->budget > 0 ? LOOK_AGAIN_MS : PAUSE_MS);
	}
	return next;
}

/* Say whether we have been told of all sessions of all others. */
static void
publish_knowledge(struct linkd *l)
{
	struct members *all = l->members;
	struct member *m, *next;
	bool knows;

	if (all->knows_at == 0)
		all->knows_at = l->now + ACQUAINTED_MS;
	knows = l->now >= all->knows_at && link_number(l->hub) != LINK_NOBODY;
	HASH_ITER (hh, all->table, m, next)
		if (m->now.is_losing || (m->now.is_greeted && !m->now.is_complete))
			knows = false;
	slots_link_set_knows_all(store_slots(hub_store(l->hub)), knows);
}

int64_t
members_run(struct linkd *l)
{
	struct members *all = l->members;
	struct slots *slots = store_slots(hub_store(l->hub));
	int64_t next;

	if (all->rotate_at <= l->now) {
		slots_link_rotate_young(slots);
		all->rotate_at = l->now + YOUNG_MS;
	}
	if (all->rebuild_at <= l->now && transaction_open_now(l->hub) == 0) {
		int64_t took = known_rebuild_filter(l);

		all->rebuild_at = l->now + REBUILD_MS + took * REBUILD_FRACTION;
	}
	next = run_members(l);
	publish_knowledge(l);
	if (all->rotate_at < next)
		next = all->rotate_at;
	return all->rebuild_at < next && all->rebuild_at > l->now ? all->rebuild_at : next;
}

void
members_settled(struct linkd *l, bool committed)
{
	struct member *m, *next;

	if (!l->members->is_touched)
		return;
	l->members->is_touched = false;
	HASH_ITER (hh, l->members->table, m, next) {
		if (committed)
			m->saved = m->now;
		else
			m->now = m->saved;
	}
}

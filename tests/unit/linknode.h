/* linknode: nodes of a cluster for unit tests: each a server with a store of its own, and what
 * pollux-linkd does with the frames of the others.  The test is Redis: it carries the rows. */
#ifndef POLLUX_TESTS_LINKNODE_H
#define POLLUX_TESTS_LINKNODE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "linkd/dispatch.h"
#include "linkd/linkd.h"
#include "shared/hub/hub.h"
#include "shared/hub/link.h"
#include "shared/link/frame.h"
#include "shared/store/link_out.h"
#include "shared/store/slots.h"
#include "tests/unit/folder.h"

struct linknode {
	char folder[64];
	int number;
	struct config cfg;
	struct linkd l;
	bool fails; /* the next turn is rolled back */
};

static inline struct slots *
linknode_slots(struct linknode *n)
{
	return store_slots(hub_store(n->l.hub));
}

static inline void
linknode_open(struct linknode *n, int number)
{
	*n = (struct linknode){.number = number};
	snprintf(n->folder, sizeof(n->folder), "/tmp/pollux-test.XXXXXX");
	assert_non_null(mkdtemp(n->folder));
	config_default(&n->cfg);
	snprintf(n->cfg.data, sizeof(n->cfg.data), "%s", n->folder);
	snprintf(n->cfg.cluster_redis, sizeof(n->cfg.cluster_redis), "redis://test");
	n->l.cfg = &n->cfg;
	n->l.sv = server_open(&n->cfg, SERVER_LINKD);
	assert_non_null(n->l.sv);
	n->l.hub = server_hub(n->l.sv);
	n->l.now = 1000000;
	assert_int_equal(dispatch_open(&n->l), 0);
	slots_link_set_number(linknode_slots(n), number);
	slots_link_take(linknode_slots(n));
	slots_link_set_up(linknode_slots(n), true);
}

static inline void
linknode_close(struct linknode *n)
{
	dispatch_close(&n->l);
	server_close(n->l.sv);
	delete_folder(n->folder);
}

static inline void
linknode_begin(struct linknode *n)
{
	n->l.now += 1;
	server_begin(n->l.sv, n->l.now);
	assert_int_equal(transaction_open(n->l.hub), 0);
}

static inline void
linknode_finish(struct linknode *n)
{
	for (int round = 0; round < 4; round++) {
		int64_t next;
		int settled;

		if (round > 0)
			server_begin(n->l.sv, n->l.now);
		dispatch_run(&n->l);
		if (n->fails)
			transaction_fail(n->l.hub);
		settled = server_settle(n->l.sv, &next);
		assert_int_equal(settled, n->fails ? -1 : 0);
		dispatch_settled(&n->l, settled == 0);
		if (n->fails || !dispatch_is_dirty(&n->l))
			break;
	}
	n->fails = false;
}

/* Its pollux-linkd is killed, and started again. */
static inline void
linknode_restart(struct linknode *n)
{
	/* what it held in memory is not written by the way */
	linknode_begin(n);
	dispatch_close(&n->l);
	transaction_fail(n->l.hub);
	(void)server_settle(n->l.sv, &n->l.next);
	assert_int_equal(dispatch_open(&n->l), 0);
}

/* A turn in which nothing comes; `ms` pass before it. */
static inline void
linknode_pass(struct linknode *n, int64_t ms)
{
	n->l.now += ms;
	linknode_begin(n);
	linknode_finish(n);
}

/* The other one lives, or does not. */
static inline void
linknode_sees(struct linknode *n, int number, bool lives)
{
	linknode_begin(n);
	slots_link_set_lives(linknode_slots(n), number, lives);
	if (lives)
		dispatch_node_up(&n->l, number);
	else
		dispatch_node_lost(&n->l, number, true);
	linknode_finish(n);
}

/* Take a frame in, in a turn that has begun. */
static inline void
linknode_take(struct linknode *n, int from, unsigned char kind, struct slice body)
{
	/* a block of its own: nothing may read beyond its end */
	char *copy = malloc(body.n == 0 ? 1 : body.n);

	assert_non_null(copy);
	if (body.n > 0)
		memcpy(copy, body.p, body.n);
	dispatch_frame(
	    &n->l, from, &(struct link_frame){.seq = 1, .kind = kind, .body = {copy, body.n}});
	free(copy);
}

/* --- carrying ------------------------------------------------------------------------------- */

struct carried {
	int to, n;
	int64_t last;
	struct {
		unsigned char kind;
		char *body;
		size_t size;
	} rows[512];
};

static inline bool
linknode_keep_row(void *arg, const struct link_row *row)
{
	struct carried *c = arg;

	c->last = row->id;
	if (row->node != LINK_ALL && row->node != c->to)
		return true;
	assert_true(c->n < 512);
	c->rows[c->n].kind = row->kind;
	c->rows[c->n].size = row->body.n;
	c->rows[c->n].body = malloc(row->body.n + 1);
	memcpy(c->rows[c->n].body, slice_text(row->body), row->body.n);
	c->n++;
	return true;
}

/* Carry all that waits from one node to the other; `kinds`, if not NULL, gets a letter for each.
 * Return how many there were. */
static inline int
linknode_carry(struct linknode *from, struct linknode *to, char *kinds)
{
	static struct carried c;
	int tries = to->fails ? 2 : 1;

	c = (struct carried){.to = to->number};
	assert_int_not_equal(
	    link_out_list(hub_store(from->l.hub), 0, 1000, linknode_keep_row, &c), -1);
	/* what was rolled back comes again */
	for (; tries > 0 && c.n > 0; tries--) {
		linknode_begin(to);
		for (int i = 0; i < c.n; i++)
			linknode_take(to, from->number, c.rows[i].kind,
			    (struct slice){c.rows[i].body, c.rows[i].size});
		linknode_finish(to);
	}
	for (int i = 0; i < c.n; i++) {
		if (kinds != NULL)
			*kinds++ = (char)c.rows[i].kind;
		free(c.rows[i].body);
	}
	if (kinds != NULL)
		*kinds = '\0';
	linknode_begin(from);
	assert_int_equal(link_out_delete(hub_store(from->l.hub), c.last), 0);
	linknode_finish(from);
	return c.n;
}

/* Carry to and fro until both have said all. */
static inline void
linknode_exchange(struct linknode *a, struct linknode *b)
{
	int idle = 0;

	for (int i = 0; i < 100 && idle < 2; i++) {
		int n = linknode_carry(a, b, NULL) + linknode_carry(b, a, NULL);

		idle = n == 0 ? idle + 1 : 0;
		linknode_pass(a, 30);
		linknode_pass(b, 30);
	}
	assert_int_equal(idle, 2);
}

#endif

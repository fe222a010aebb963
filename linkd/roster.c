#include "linkd/roster.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "linkd/registry.h"
#include "shared/hub/hub.h"
#include "shared/store/link_node.h"

struct roster {
	struct linkd *l;
	char epoch[24];                 /* of the database that has what was written */
	uint64_t written[NODE_NUMBERS]; /* a hash of it; 0: nothing */
	int own;                        /* our number when it was written; -1: none */
	bool is_due, is_done;
};

static uint64_t
roster_hash(uint64_t hash, const char *text)
{
	for (; *text != '\0'; text++)
		hash = (hash ^ (unsigned char)*text) * 0x100000001b3;
	return hash | 1;
}

static void
roster_forget(struct roster *r)
{
	memset(r->written, 0, sizeof(r->written));
	r->own = -1;
}

struct roster *
roster_open(struct linkd *l)
{
	struct roster *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->l = l;
	roster_forget(r);
	return r;
}

void
roster_close(struct roster *r)
{
	free(r);
}

void
roster_wake(struct roster *r)
{
	r->is_due = true;
}

/* Write one that lives, if it says something new. */
static void
roster_put(struct roster *r, int number, const struct node_text *t)
{
	const struct link_node node = {
	    .number = number,
	    .name = slice_of(t->name),
	    .lives = true,
	    .since = r->l->now,
	    .version = slice_of(t->version),
	    .figures = slice_of(t->figures),
	};
	uint64_t hash = roster_hash(roster_hash(0xcbf29ce484222325, t->incarnation), t->figures);

	if (r->written[number] == hash || transaction_open(r->l->hub) == -1)
		return;
	r->written[number] = hash;
	if (link_node_put(hub_store(r->l->hub), &node) == -1)
		transaction_fail(r->l->hub);
}

static void
roster_put_own(struct roster *r)
{
	int own = registry_number(r->l->registry);

	if (r->own != -1 && r->own != own && transaction_open(r->l->hub) == 0 &&
	    link_node_forget(hub_store(r->l->hub), r->own) == -1)
		transaction_fail(r->l->hub);
	r->own = own;
	if (own != -1)
		roster_put(r, own, registry_own_text(r->l->registry));
}

void
roster_run(struct roster *r)
{
	const char *epoch = store_epoch(hub_store(r->l->hub));

	if (!r->is_due || !server_try(r->l->sv))
		return;
	if (strcmp(r->epoch, epoch) != 0) {
		snprintf(r->epoch, sizeof(r->epoch), "%s", epoch);
		roster_forget(r);
	}
	r->is_done = true;
	roster_put_own(r);
	for (int i = 0; i < NODE_NUMBERS; i++) {
		if (i == r->own)
			continue;
		if (registry_is_alive(r->l->registry, i))
			roster_put(r, i, registry_text(r->l->registry, i));
		else
			r->written[i] = 0; /* it was lost, and is new when it comes back */
	}
}

void
roster_settled(struct roster *r, bool committed)
{
	if (!r->is_done)
		return;
	r->is_done = false;
	r->is_due = false;
	if (!committed)
		roster_forget(r); /* it is written a second later */
}

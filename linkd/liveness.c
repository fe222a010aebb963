#include "linkd/liveness.h"

#include <stdlib.h>
#include <string.h>

enum liveness_state {
	LIVENESS_IS_UNSURE,
	LIVENESS_IS_ALIVE,
	LIVENESS_IS_DYING,
	LIVENESS_IS_GONE,
};

struct liveness_node {
	enum liveness_state state;
	struct node_text text;
	int64_t changed; /* by the clock of readings, ms */
	unsigned reads;  /* since then */
	bool was_read;   /* it has a text */
};

struct liveness {
	int64_t timeout_ms;
	liveness_on *on;
	void *arg;
	int64_t clock;   /* ms in which Redis has answered */
	int64_t read_at; /* CLOCK_MONOTONIC of the last reading */
	bool has_read;   /* there was a reading before this one */
	struct liveness_node *nodes[NODE_NUMBERS];
};

struct liveness *
liveness_new(int64_t timeout_ms, liveness_on *on, void *arg)
{
	struct liveness *lv = calloc(1, sizeof(*lv));

	if (lv == NULL)
		return NULL;
	lv->timeout_ms = timeout_ms;
	lv->on = on;
	lv->arg = arg;
	lv->read_at = INT64_MIN;
	return lv;
}

void
liveness_free(struct liveness *lv)
{
	if (lv == NULL)
		return;
	for (int i = 0; i < NODE_NUMBERS; i++)
		free(lv->nodes[i]);
	free(lv);
}

void
liveness_forget(struct liveness *lv, int number)
{
	free(lv->nodes[number]);
	lv->nodes[number] = NULL;
}

static struct liveness_node *
liveness_add(struct liveness *lv, int number)
{
	struct liveness_node *n = calloc(1, sizeof(*n));

	if (n == NULL)
		return NULL;
	n->changed = lv->clock;
	lv->nodes[number] = n;
	return n;
}

int
liveness_expect(struct liveness *lv, int number)
{
	if (lv->nodes[number] != NULL)
		return 0;
	return liveness_add(lv, number) == NULL ? -1 : 0;
}

void
liveness_begin(struct liveness *lv, int64_t now_ms)
{
	int64_t step = lv->read_at == INT64_MIN ? 0 : now_ms - lv->read_at;

	lv->clock += step > LIVENESS_STEP_MS ? LIVENESS_STEP_MS : step;
	lv->read_at = now_ms;
	for (int i = 0; i < NODE_NUMBERS; i++)
		if (lv->nodes[i] != NULL)
			lv->nodes[i]->reads++;
}

/* The text has changed since the last reading. */
static void
liveness_see_change(
    struct liveness *lv, struct liveness_node *n, int number, const struct node_text *t)
{
	bool lived = n->state == LIVENESS_IS_ALIVE || n->state == LIVENESS_IS_DYING;
	bool same = !n->was_read || strcmp(n->text.token, t->token) == 0;
	bool restarted = n->was_read && (strcmp(n->text.incarnation, t->incarnation) != 0 ||
					    strcmp(n->text.epoch, t->epoch) != 0);

	n->changed = lv->clock;
	n->reads = 0;
	if (lived && !same) {
		struct node_text dead = n->text;

		/* the new one is up at its next word, when the end of the old one is settled */
		n->text = *t;
		n->state = LIVENESS_IS_GONE;
		lv->on(lv->arg, LIVENESS_REPLACED, number, &dead);
		return;
	}
	n->text = *t;
	n->was_read = true;
	n->state = LIVENESS_IS_ALIVE;
	if (!lived)
		lv->on(lv->arg, LIVENESS_UP, number, t);
	else if (restarted)
		lv->on(lv->arg, LIVENESS_RESTARTED, number, t);
}

int
liveness_put(struct liveness *lv, int number, const struct node_text *t)
{
	struct liveness_node *n = lv->nodes[number];

	if (n == NULL) {
		n = liveness_add(lv, number);
		if (n == NULL)
			return -1;
		/* what is there at our first reading may be of a node that is long dead; later a
		 * new text is a change */
		if (!lv->has_read) {
			n->text = *t;
			n->was_read = true;
			return 0;
		}
		liveness_see_change(lv, n, number, t);
	} else if (!n->was_read && !lv->has_read) {
		n->text = *t;
		n->was_read = true;
	} else if (!n->was_read || n->text.counter != t->counter ||
		   strcmp(n->text.incarnation, t->incarnation) != 0) {
		liveness_see_change(lv, n, number, t);
	}
	return 0;
}

void
liveness_end(struct liveness *lv)
{
	lv->has_read = true;
	for (int i = 0; i < NODE_NUMBERS; i++) {
		struct liveness_node *n = lv->nodes[i];

		if (n == NULL || n->state == LIVENESS_IS_GONE)
			continue;
		if (n->reads >= LIVENESS_READS && lv->clock - n->changed > lv->timeout_ms)
			n->state = LIVENESS_IS_DYING;
		if (n->state == LIVENESS_IS_DYING)
			lv->on(lv->arg, LIVENESS_DYING, i, &n->text);
	}
}

void
liveness_settle(struct liveness *lv, int number)
{
	struct liveness_node *n = lv->nodes[number];

	if (n != NULL && n->state == LIVENESS_IS_DYING)
		n->state = LIVENESS_IS_GONE;
}

bool
liveness_is_dying(const struct liveness *lv, int number)
{
	const struct liveness_node *n = lv->nodes[number];

	return n != NULL && n->state == LIVENESS_IS_DYING;
}

bool
liveness_is_alive(const struct liveness *lv, int number)
{
	const struct liveness_node *n = lv->nodes[number];

	return n != NULL && (n->state == LIVENESS_IS_ALIVE || n->state == LIVENESS_IS_DYING);
}

const struct node_text *
liveness_text(const struct liveness *lv, int number)
{
	const struct liveness_node *n = lv->nodes[number];

	return n != NULL && n->was_read ? &n->text : NULL;
}

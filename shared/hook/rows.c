#include "shared/hook/rows.h"

#include "shared/hook/batch.h"

static void
read_description(void *arg, const struct hook_row *row)
{
	hook_event_describe(arg, row->ns, row->body);
}

/* Move an event to the dead letters, with its body as it would have been sent.  0 or -1. */
static int
add_dead_letter(
    struct hook *hook, const struct hook_sent *sent, const char *error, struct rows_dead *dead)
{
	struct store *st = hub_store(hook->base.hub);
	struct buf body = {.p = NULL};
	enum store_result written = batch_write_event(hook, &body, sent);
	bool failed = written == STORE_FAILED || body.failed;

	if (written == STORE_OK && !failed) {
		dead->n++;
		failed = hook_queue_read(st, sent->id, read_description, dead->event) != STORE_OK ||
		         hook_queue_dead_letter(st, sent->id, buf_slice(&body), error) == -1;
	}
	buf_free(&body);
	return failed ? -1 : hook_queue_forget(st, sent->key);
}

static int
delete_row(struct store *st, const struct hook_sent *sent)
{
	return hook_queue_done(st, sent->id) == -1 ? -1 : hook_queue_forget(st, sent->key);
}

void
rows_delete(struct batch *b)
{
	struct hub *hub = b->lanes->hook->base.hub;

	for (size_t i = 0; i < b->n; i++) {
		b->fate[i] = BATCH_GONE;
		if (delete_row(hub_store(hub), &b->sent[i]) == -1)
			transaction_fail(hub);
	}
}

struct rows_dead
rows_delete_or_keep(struct batch *b, char *const errors[])
{
	struct hook *hook = b->lanes->hook;
	struct rows_dead dead = {.n = 0};

	for (size_t i = 0; i < b->n; i++) {
		const struct hook_sent *sent = &b->sent[i];

		b->fate[i] = BATCH_GONE;
		if ((errors[i] == NULL ? delete_row(hub_store(hook->base.hub), sent)
				       : add_dead_letter(hook, sent, errors[i], &dead)) == -1)
			transaction_fail(hook->base.hub);
	}
	return dead;
}

void
rows_split(struct batch *b)
{
	struct hub *hub = b->lanes->hook->base.hub;

	for (size_t i = 0; i < b->n; i++) {
		int64_t id = b->sent[i].id;

		b->fate[i] = BATCH_APART;
		if (hook_queue_retry(hub_store(hub), id,
			&(struct hook_retry){.batch = -id, .attempts = b->attempts + 1}) == -1)
			transaction_fail(hub);
	}
}

struct rows_dead
rows_postpone(struct batch *b, int64_t due, bool counts, const char *error)
{
	struct hook *hook = b->lanes->hook;
	struct store *st = hub_store(hook->base.hub);
	struct rows_dead dead = {.n = 0};
	struct hook_retry retry = {.batch = b->id,
	    .attempts = b->attempts + 1,
	    .failed = b->failed + (counts ? 1 : 0),
	    .due = due};
	bool spent = counts && retry.failed >= (int)hook->cfg->hook_event_attempts;
	int result = 0;

	b->due = due;
	for (size_t i = 0; i < b->n && result == 0; i++) {
		const struct hook_sent *sent = &b->sent[i];
		bool late = due - sent->created > hook->cfg->hook_retry_for_ms;

		b->fate[i] = spent || late ? BATCH_GONE : BATCH_AGAIN;
		result = spent || late ? add_dead_letter(hook, sent, error, &dead)
		                       : hook_queue_retry(st, sent->id, &retry);
	}
	/* if the turn fails, the row still has the lower number: then it is tried once more */
	b->failed = retry.failed;
	if (result != 0)
		transaction_fail(hook->base.hub);
	return dead;
}

/* Sending events for the web hook again, and dropping them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "cli/events.h"
#include "shared/base/clock.h"
#include "shared/hook/event_id.h"
#include "shared/store/hook_listing.h"
#include "shared/wire/json.h"

#define BATCH 500 /* of --all, in one transaction: others wait for it */

/* --- which ---------------------------------------------------------------------------------- */

/* Read the ids of the command line into `ids`, words_n of them.  Return 0 or EX_USAGE. */
static int
read_event_ids(const struct events *e, int64_t *ids)
{
	for (int i = 0; i < e->words_n; i++)
		if (event_id_read(slice_of(e->words[i]), e->epoch, &ids[i]) == -1) {
			cli_complain("%s is not the id of an event of this database; see `pollux "
				     "events list`",
			    e->words[i]);
			return EX_USAGE;
		}
	return 0;
}

struct id_list {
	int64_t *at;
	size_t n, room;
};

static void
add_listed_id(void *arg, const struct hook_listed *event)
{
	struct id_list *list = arg;

	if (list->n < list->room)
		list->at[list->n++] = event->id;
}

/* --- retry ---------------------------------------------------------------------------------- */

/* The members that the queue adds itself when it sends an event. */
static bool
is_added(const struct hook_listed *event, struct slice key, bool lives)
{
	static const char *const always[] = {"id", "time", "ns", "ack", "retry_of"};
	static const char *const of_session[] = {"session", "user", "data"};

	for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++)
		if (json_string_is(key, always[i]))
			return true;
	if (event->key <= 0) /* not of a session */
		return false;
	/* of one that has ended nothing more is known than what is here */
	for (size_t i = 0; i < (lives ? 3 : 1); i++)
		if (json_string_is(key, of_session[i]))
			return true;
	return false;
}

/* Make the members of the queue's row from the object that was sent. */
static int
write_revived(struct buf *out, const struct hook_listed *event, const char *old_id, bool lives)
{
	struct json_value all, value;
	struct json_walk walk;
	struct slice key;

	if (json_parse(&all, event->body) == -1 || all.kind != JSON_KIND_OBJECT)
		return -1;
	json_walk_begin(&walk, &all);
	while (json_walk_member(&walk, &key, &value)) {
		if (is_added(event, key, lives))
			continue;
		buf_add_slice(out, key);
		buf_add_char(out, ':');
		buf_add_slice(out, value.text);
		buf_add_char(out, ',');
	}
	buf_printf(out, "\"retry_of\":\"%s\"", old_id);
	return out->failed ? -1 : 0;
}

/* A copy of a dead event, since its row must not be open while the store is written. */
struct dead_copy {
	struct hook_listed event;
	struct buf texts;
};

static void
copy_dead(void *arg, const struct hook_listed *event)
{
	struct dead_copy *copy = arg;
	struct slice *to[] = {&copy->event.ns, &copy->event.ack, &copy->event.body};
	const struct slice *from[] = {&event->ns, &event->ack, &event->body};

	copy->event = *event;
	buf_reserve(&copy->texts, event->ns.n + event->ack.n + event->body.n + 1);
	for (size_t i = 0; i < 3; i++) {
		size_t at = copy->texts.n;

		buf_add_slice(&copy->texts, *from[i]);
		if (from[i]->p != NULL)
			*to[i] = (struct slice){copy->texts.p + at, from[i]->n};
	}
}

/* Put a dead event back.  Return 0, EX_DATAERR after saying that it cannot be, or another exit
 * status. */
static int
revive_event(struct events *e, struct hook_listed *event)
{
	struct buf body = {.p = NULL};
	struct session *s;
	char old_id[EVENT_ID_MAX];
	int64_t new_id;
	int status = 0;
	bool lives = session_find_key(e->cli->hub, event->key, &s) == SESSION_LIVE;

	event_id_write(old_id, e->epoch, event->id);
	if (!lives) /* no client waits for the answer */
		event->ack = (struct slice){NULL, 0};
	if (write_revived(&body, event, old_id, lives) == -1) {
		cli_complain("%s: its body cannot be read", old_id);
		status = EX_DATAERR;
	} else if (hook_listing_revive(hub_store(e->cli->hub), event, buf_slice(&body), clock_ms(),
		       &new_id) == -1) {
		status = EX_TEMPFAIL;
	}
	buf_free(&body);
	return status;
}

/* What was listed for --all may have been delivered since.  Return 0, or EX_NOUSER after saying
 * so. */
static int
miss_event(const struct events *e, int64_t id)
{
	char text[EVENT_ID_MAX];

	if (e->all)
		return 0;
	event_id_write(text, e->epoch, id);
	cli_complain("%s: there is no such event", text);
	return EX_NOUSER;
}

/* One that waits is hurried with all others: hurry_events(). */
static int
retry_event(struct events *e, int64_t id)
{
	struct dead_copy copy = {.texts = {.p = NULL}};
	enum store_result found = hook_listing_read(hub_store(e->cli->hub), id, copy_dead, &copy);
	int status = 0;

	if (found == STORE_NOT_FOUND)
		status = miss_event(e, id);
	else if (found != STORE_OK)
		status = EX_TEMPFAIL;
	else if (copy.texts.failed)
		status = EX_OSERR;
	else if (copy.event.is_dead)
		status = revive_event(e, &copy.event);
	buf_free(&copy.texts);
	e->n += found == STORE_OK && status == 0;
	return status;
}

static int
retry_events(struct events *e, const int64_t *ids, size_t n)
{
	int status = 0;

	for (size_t i = 0; i < n && status == 0; i++) {
		status = retry_event(e, ids[i]);
		/* of all, one that cannot be read does not keep the others back */
		if (e->all && status == EX_DATAERR) {
			e->left = true;
			status = 0;
		}
	}
	return status;
}

static void
note_key(void *arg, const struct hook_listed *event)
{
	*(int64_t *)arg = event->key;
}

static int
drop_event(struct events *e, int64_t id)
{
	struct store *st = hub_store(e->cli->hub);
	int64_t key = 0;

	switch (hook_listing_read(st, id, note_key, &key)) {
	case STORE_OK:
		if (hook_listing_drop(st, id, key) == -1)
			return EX_TEMPFAIL;
		e->n++;
		return 0;
	case STORE_NOT_FOUND:
		return miss_event(e, id);
	default:
		return EX_TEMPFAIL;
	}
}

static int
drop_events(struct events *e, const int64_t *ids, size_t n)
{
	int status = 0;

	for (size_t i = 0; i < n && status == 0; i++)
		status = drop_event(e, ids[i]);
	return status;
}

/* --- in transactions ------------------------------------------------------------------------ */

typedef int event_change(struct events *e, const int64_t *ids, size_t n);

/* Change events in one transaction: all, or none. */
static int
change_together(struct events *e, event_change *change, const int64_t *ids, size_t n)
{
	struct hub *hub = e->cli->hub;
	size_t before = e->n;
	int status;

	cli_begin(e->cli);
	status = transaction_open(hub) == -1 ? EX_TEMPFAIL : change(e, ids, n);
	if (status != 0)
		transaction_fail(hub);
	if (cli_settle(e->cli) == -1 && status == 0)
		status = EX_TEMPFAIL;
	if (status == EX_TEMPFAIL)
		cli_complain("cannot write to the store");
	if (status != 0)
		e->n = before;
	return status;
}

static int
change_named(struct events *e, event_change *change)
{
	int64_t *ids = calloc((size_t)e->words_n, sizeof(*ids));
	int status = ids == NULL ? EX_OSERR : read_event_ids(e, ids);

	if (status == 0)
		status = change_together(e, change, ids, (size_t)e->words_n);
	free(ids);
	return status;
}

static int
change_all(struct events *e, event_change *change)
{
	struct id_list list = {.room = EVENTS_MAX};
	int status = 0;

	list.at = calloc(list.room, sizeof(*list.at));
	if (list.at == NULL)
		return EX_OSERR;
	if (hook_listing_each(
		hub_store(e->cli->hub), !e->queued, 0, EVENTS_MAX, add_listed_id, &list) == -1)
		status = EX_TEMPFAIL;
	for (size_t i = 0; i < list.n && status == 0; i += BATCH)
		status = change_together(
		    e, change, list.at + i, list.n - i < BATCH ? list.n - i : BATCH);
	free(list.at);
	return status;
}

static int
hurry_events(struct events *e, const int64_t *ids, size_t n)
{
	(void)ids;
	(void)n;
	return hook_listing_hurry(hub_store(e->cli->hub)) == -1 ? EX_TEMPFAIL : 0;
}

int
events_change(struct events *e)
{
	event_change *change = strcmp(e->verb, "retry") == 0 ? retry_events : drop_events;
	int status = e->all ? change_all(e, change) : change_named(e, change);

	/* once: it is about all that wait */
	if (status == 0 && change == retry_events)
		status = change_together(e, hurry_events, NULL, 0);
	/* after the commit, or the old rows would be read once more */
	if (e->n > 0)
		hook_listing_changed(hub_store(e->cli->hub));
	if (status == 0 || e->n > 0)
		printf(e->cli->json ? "{\"events\":%zu}\n" : "%zu event%s\n", e->n,
		    e->n == 1 ? "" : "s");
	return status == 0 && e->left ? EX_DATAERR : status;
}

#include "linkd/inbox.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "linkd/node_text.h"
#include "linkd/redis.h"
#include "linkd/registry.h"
#include "linkd/stream_id.h"
#include "linkd/stream_reply.h"
#include "linkd/taking.h"
#include "linkd/trimming.h"
#include "shared/base/log.h"
#include "shared/hub/hub.h"
#include "shared/store/link_peer.h"
#include "shared/store/slots.h"

#define ENTRIES "64" /* of one reply, at most 256 kB each but for single large messages */

/* After so many turns in a row that failed, entries are read one by one; after so many more, the
 * one that does it is left out. */
#define FAILURES_SINGLE 3
#define FAILURES_SKIP   6
#define RETRY_MS        200 /* more with each */

/* Before the others have been asked whether they think that we are dead, or whether another node
 * lives. */
#define UNSURE_MS 50

/* A node that is new, or back, is waited for so long until we see that it lives. */
#define STRANGER_MS 1000

#define KEY_SIZE 160

enum inbox_state {
	INBOX_STOPPED,  /* Redis is away, or we have no number */
	INBOX_WAITS,    /* for the time, or the store, to read (on) */
	INBOX_READS,    /* XREAD is under way */
	INBOX_TAKES,    /* what came waits for the commit */
	INBOX_VERIFIES, /* asks where the stream ends */
};

struct inbox {
	struct linkd *l;
	enum inbox_state state;
	int number;
	struct taking *taking;
	struct trimming trimming;
	char position[STREAM_ID_SIZE]; /* committed; "": not known yet */
	char next[STREAM_ID_SIZE];     /* of what waits for the commit */
	unsigned failures;
	int64_t stranger_at; /* since when one speaks that does not live for us, ms; 0: none */
	bool is_due;         /* the stream's end is to be looked at before it is read */
	int64_t retry_at;    /* ms */
	int64_t ahead_ms;    /* Redis' clock less CLOCK_MONOTONIC; 0: not known */
	struct ev_timer retry;
	char key[KEY_SIZE];
};

/* --- where we are --------------------------------------------------------------------------- */

/* Read the position. */
static void
inbox_load(struct inbox *in)
{
	struct store *st = hub_store(in->l->hub);
	char *kept = link_peer_position(st);
	int number = -1, n = -1;

	/* "NUMBER ID": one of another number is of no use */
	if (kept != NULL && sscanf(kept, "%d %n", &number, &n) == 1 && n > 0 &&
	    number == in->number && stream_id_is(kept + n))
		snprintf(in->position, sizeof(in->position), "%s", kept + n);
	else
		in->position[0] = '\0';
	free(kept);
}

static int
inbox_save(struct inbox *in)
{
	char text[STREAM_ID_SIZE + 16];

	snprintf(text, sizeof(text), "%d %s", in->number, in->next);
	return link_peer_set_position(hub_store(in->l->hub), text);
}

/* Nothing was ever read by this database: what is in the stream was for another one. */
static void
inbox_begin(struct inbox *in)
{
	const char *words[] = {"DEL", in->key, NULL};

	(void)redis_words(in->l->redis, NULL, NULL, words);
	snprintf(in->position, sizeof(in->position), "0-0");
	/* what it is asked goes the same way: so it is deleted before it is read */
	in->is_due = true;
}

/* Find where reading goes on. */
static void
inbox_find_position(struct inbox *in)
{
	inbox_load(in);
	if (in->position[0] == '\0')
		inbox_begin(in);
}

static void
inbox_wait(struct inbox *in, int64_t ms)
{
	in->state = INBOX_WAITS;
	in->retry_at = in->l->now + ms;
	ev_timer_stop(in->l->loop, &in->retry);
	ev_timer_set(&in->retry, (double)ms / 1000, 0.);
	ev_timer_start(in->l->loop, &in->retry);
}

static void
inbox_on_retry(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	(void)loop;
	(void)timer;
	(void)events; /* it only wakes the loop: the end of the turn reads */
}

/* --- one reply ------------------------------------------------------------------------------ */

/* Take the entries of a reply in, in the open transaction. */
static void
inbox_take(struct inbox *in, const redisReply *entries)
{
	const char *id;
	struct slice bytes;

	snprintf(in->next, sizeof(in->next), "%s", in->position);
	for (size_t i = 0; i < entries->elements; i++) {
		if (!stream_reply_entry(entries->element[i], &id, &bytes))
			continue;
		if (in->failures < FAILURES_SKIP)
			taking_entry(in->taking, bytes);
		else
			log_errx("link: what came at %s cannot be taken in; it is left out", id);
		snprintf(in->next, sizeof(in->next), "%s", id);
	}
	if (in->ahead_ms != 0)
		slots_link_set_counter(store_slots(hub_store(in->l->hub)), LINK_GAUGE_BEHIND_MS,
		    stream_id_age(in->next, in->l->now + in->ahead_ms));
	if (taking_end(in->taking) == -1 || inbox_save(in) == -1)
		transaction_fail(in->l->hub);
}

static void
inbox_fail(struct inbox *in, const redisReply *reply)
{
	const char *words[] = {"DEL", in->key, NULL};

	if (reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "WRONGTYPE", 9) == 0) {
		log_warnx(
		    "Redis: %s is no stream, so it was not made by Pollux; it is deleted", in->key);
		(void)redis_words(in->l->redis, NULL, NULL, words);
	} else {
		log_limited(LOG_LEVEL_WARN, "Redis: %s cannot be read: %s", in->key,
		    reply->type == REDIS_REPLY_ERROR ? reply->str : "an unexpected reply");
	}
	inbox_wait(in, 1000);
}

/* Does one speak that does not live for us yet?  What it tells of its sessions would be dropped,
 * and what they say could not be answered. */
static bool
inbox_awaits_stranger(struct inbox *in, const redisReply *entries)
{
	const char *id;
	struct slice bytes;
	bool any = false;

	for (size_t i = 0; i < entries->elements && !any; i++)
		any = stream_reply_entry(entries->element[i], &id, &bytes) &&
		      taking_is_of_stranger(in->taking, bytes);
	if (!any) {
		in->stranger_at = 0;
	} else if (in->stranger_at == 0) {
		in->stranger_at = in->l->now;
		registry_look(in->l->registry);
	}
	/* it is dead for us if it does not come to life: the others must not wait for it */
	return any && in->l->now - in->stranger_at < STRANGER_MS;
}

static void
inbox_on_read(void *arg, const redisReply *reply)
{
	struct inbox *in = arg;
	const redisReply *entries;

	if (reply == NULL || in->state != INBOX_READS)
		return; /* inbox_down() */
	if (reply->type == REDIS_REPLY_NIL) {
		in->is_due = true;
		inbox_wait(in, 0);
		return;
	}
	entries = stream_reply_entries(reply, in->key);
	if (entries == NULL) {
		inbox_fail(in, reply);
		return;
	}
	/* of a node that was given up the sessions have ended, and hear nothing more */
	if (!registry_is_sure(in->l->registry) || inbox_awaits_stranger(in, entries)) {
		inbox_wait(in, UNSURE_MS);
		return;
	}
	/* it must not wait here for another process: then it is read again */
	if (!server_try(in->l->sv) || transaction_open(in->l->hub) == -1) {
		inbox_wait(in, 0);
		return;
	}
	in->state = INBOX_TAKES;
	inbox_take(in, entries);
}

/* --- the end of the stream ------------------------------------------------------------------ */

/* Whether the stream ends before our position: it is another one, by a clock that is behind. */
static bool
inbox_is_beyond(const struct inbox *in, const redisReply *reply)
{
	/* there is no stream: the next one begins later, or is found so */
	const char *last = stream_reply_last_id(reply);

	return last != NULL && stream_id_compare(last, in->position) < 0;
}

static void
inbox_on_end(void *arg, const redisReply *reply)
{
	struct inbox *in = arg;

	if (reply == NULL || in->state != INBOX_VERIFIES)
		return;
	if (inbox_is_beyond(in, reply)) {
		log_warnx("Redis has another stream for this node than before; it is read from its "
			  "beginning");
		snprintf(in->position, sizeof(in->position), "0-0");
	}
	inbox_wait(in, 0);
}

/* --- reading -------------------------------------------------------------------------------- */

static void
inbox_verify(struct inbox *in)
{
	const char *words[] = {"XINFO", "STREAM", in->key, NULL};

	in->is_due = false;
	in->state = INBOX_VERIFIES;
	if (redis_words(in->l->redis, inbox_on_end, in, words) == -1)
		inbox_wait(in, 1000);
}

static void
inbox_read(struct inbox *in)
{
	char block[16];
	const char *count = in->failures < FAILURES_SINGLE ? ENTRIES : "1";
	const char *words[] = {
	    "XREAD", "COUNT", count, "BLOCK", block, "STREAMS", in->key, in->position, NULL};

	snprintf(block, sizeof(block), "%d", REDIS_BLOCK_MS);
	in->state = INBOX_READS;
	if (redis_block(in->l->redis, inbox_on_read, in, words) == -1)
		inbox_wait(in, 1000);
}

/* The turn in which something came is over. */
static void
inbox_end_take(struct inbox *in, bool committed)
{
	taking_settled(in->taking, committed);
	in->state = INBOX_WAITS;
	in->retry_at = in->l->now;
	if (committed) {
		memcpy(in->position, in->next, sizeof(in->position));
		in->failures = 0;
		trimming_note(&in->trimming);
		return;
	}
	in->failures++;
	inbox_wait(in, (int64_t)in->failures * RETRY_MS);
}

void
inbox_settled(struct inbox *in, bool committed)
{
	if (in->state == INBOX_TAKES)
		inbox_end_take(in, committed);
	if (in->number == -1)
		in->state = INBOX_STOPPED;
	if (in->state != INBOX_WAITS || in->l->now < in->retry_at || server_waits(in->l->sv) ||
	    in->l->draining || !redis_is_up(in->l->redis))
		return;
	/* another database has another position */
	if (taking_follow_store(in->taking))
		inbox_find_position(in);
	if (in->is_due)
		inbox_verify(in);
	else
		inbox_read(in);
}

void
inbox_down(struct inbox *in)
{
	/* what waits for its commit goes on */
	if (in->state != INBOX_TAKES)
		in->state = INBOX_STOPPED;
}

void
inbox_set_number(struct inbox *in, int number)
{
	bool is_other = number != in->number;

	in->number = number;
	trimming_begin(&in->trimming);
	if (number == -1) {
		inbox_down(in);
		return;
	}
	snprintf(in->key, sizeof(in->key), "%s:node:%d", in->l->cfg->cluster_prefix, number);
	/* now: others do not know yet that we are there, and have written nothing new */
	if (is_other)
		inbox_find_position(in);
	if (in->state != INBOX_STOPPED)
		return;
	in->is_due = true;
	inbox_wait(in, 0);
}

/* --- opening -------------------------------------------------------------------------------- */

static void
inbox_on_time(void *arg, const redisReply *reply)
{
	struct inbox *in = arg;

	if (reply != NULL && reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
	    reply->element[0]->type == REDIS_REPLY_STRING &&
	    reply->element[1]->type == REDIS_REPLY_STRING)
		in->ahead_ms = strtoll(reply->element[0]->str, NULL, 10) * 1000 +
		               strtoll(reply->element[1]->str, NULL, 10) / 1000 - in->l->now;
}

void
inbox_tick(struct inbox *in)
{
	const char *words[] = {"TIME", NULL};

	(void)redis_words(in->l->redis, inbox_on_time, in, words);
	if (in->number != -1)
		trimming_run(&in->trimming, in->l->redis, in->key, in->position);
}

struct inbox *
inbox_open(struct linkd *l)
{
	struct inbox *in = calloc(1, sizeof(*in));

	if (in == NULL)
		return NULL;
	in->l = l;
	in->number = -1;
	in->taking = taking_open(l);
	if (in->taking == NULL) {
		free(in);
		return NULL;
	}
	ev_timer_init(&in->retry, inbox_on_retry, 0., 0.);
	return in;
}

void
inbox_close(struct inbox *in)
{
	if (in == NULL)
		return;
	ev_timer_stop(in->l->loop, &in->retry);
	taking_close(in->taking);
	free(in);
}

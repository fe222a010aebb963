#include "linkd/registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "linkd/claims.h"
#include "linkd/copies.h"
#include "linkd/obituary.h"
#include "linkd/redis.h"
#include "linkd/self.h"
#include "shared/base/log.h"
#include "shared/hub/hub.h"
#include "shared/store/slots.h"

/* How often all is read and written; and so often faster at first, so that nodes that start
 * together find each other at once. */
#define BEAT_S       1.
#define BEAT_FAST_S  .25
#define BEATS_FAST_N 8

/* A beat that has taken so long has no reply to come: something of it could not be sent.  Longer
 * than a connection waits for a reply before it ends. */
#define BEAT_LOST_MS (REDIS_PATIENCE_MS + 1000)

/* A node that does not know all sessions waits so many beats for a better informed one to tell the
 * application of a death: it might tell of sessions that have ended long before. */
#define PUT_OFF_BEATS 3

/* We count on being alive for this much less than the others wait for us. */
#define SURE_MARGIN_MS 500

struct registry {
	struct linkd *l;
	struct registry_events events;
	struct claims claims;
	struct copies copies;
	struct obituary obituary;
	struct liveness *liveness;
	struct self self;
	bool is_member; /* name and number are ours, as far as we know */
	bool is_busy;   /* a beat is under way */
	bool told_copy;
	unsigned char put_off[NODE_NUMBERS]; /* beats that we have waited so, by number */
	bool is_given_up;   /* the others think that we are dead, and what we had is not gone yet */
	unsigned fast;      /* beats that are */
	int64_t beat_at;    /* when the beat under way has begun, ms */
	int64_t writing_at; /* when what we say was sent that is being written, ms; 0: nothing is */
	int64_t
	    written_at; /* when that was sent which Redis had before we asked whether we are dead */
	int64_t sure_until; /* nobody can take us for dead before, ms */
	struct ev_timer timer;
};

/* --- death ---------------------------------------------------------------------------------- */

/* obituary: it is settled. */
static void
registry_on_obituary(void *arg, int number, const struct node_text *dead, bool won)
{
	struct registry *g = arg;
	const struct node_text *now = liveness_text(g->liveness, number);
	bool same = now != NULL && strcmp(now->token, dead->token) == 0 &&
	            strcmp(now->incarnation, dead->incarnation) == 0;
	char field[12], key[CLAIMS_KEY_MAX], stream[CLAIMS_KEY_MAX];
	const char *words[] = {"HDEL", key, field, NULL}, *empty[] = {"DEL", stream, NULL};

	/* it has come to life meanwhile, and will see that it was given up */
	if (same && !liveness_is_dying(g->liveness, number))
		return;
	if (same && won) {
		snprintf(key, sizeof(key), "%s:nodes", g->l->cfg->cluster_prefix);
		snprintf(field, sizeof(field), "%d", number);
		snprintf(stream, sizeof(stream), "%s:node:%d", g->l->cfg->cluster_prefix, number);
		(void)redis_words(g->l->redis, NULL, NULL, words);
		(void)redis_words(g->l->redis, NULL, NULL, empty);
	}
	liveness_settle(g->liveness, number);
	log_warnx("the node %s (%d) is dead%s", dead->name, number,
	    won ? ": its sessions have ended" : "");
	g->events.on_lost(g->events.arg, number, won);
}

/* Whether to wait one beat more for a better informed node. */
static bool
registry_puts_off(struct registry *g, int number)
{
	if (slots_link_knows_all(store_slots(hub_store(g->l->hub))) ||
	    g->put_off[number] == PUT_OFF_BEATS)
		return false;
	g->put_off[number]++;
	return true;
}

static void
registry_on_liveness(void *arg, enum liveness_event event, int number, const struct node_text *t)
{
	struct registry *g = arg;

	switch (event) {
	case LIVENESS_UP:
		g->put_off[number] = 0;
		log_info("the node %s (%d) is there, with Pollux %s", t->name, number, t->version);
		g->events.on_node(g->events.arg, event, number);
		break;
	case LIVENESS_RESTARTED:
		log_info("pollux-linkd of the node %s (%d) was started anew", t->name, number);
		g->events.on_node(g->events.arg, event, number);
		break;
	case LIVENESS_REPLACED:
		obituary_ask(&g->obituary, number, t);
		break;
	case LIVENESS_DYING:
		if (t->token[0] != '\0') {
			if (!registry_puts_off(g, number))
				obituary_ask(&g->obituary, number, t);
			break;
		}
		/* it died while we did not run, and whoever has seen it has told */
		liveness_settle(g->liveness, number);
		g->events.on_lost(g->events.arg, number, false);
		break;
	}
}

/* We were given up: nothing is said until what we had is gone, too. */
static void
registry_on_own_obituary(void *arg, const redisReply *reply)
{
	struct registry *g = arg;

	if (reply == NULL || reply->type != REDIS_REPLY_STRING || g->is_given_up)
		return;
	log_warnx("other nodes have taken this one for dead, and its sessions for ended: "
		  "pollux-linkd or its connection to Redis stood still for longer than [cluster] "
		  "node_timeout");
	g->is_given_up = true;
	g->sure_until = 0;
	g->events.on_given_up(g->events.arg);
}

void
registry_begin_anew(struct registry *g)
{
	char stream[CLAIMS_KEY_MAX];
	const char *empty[] = {"DEL", stream, NULL};

	/* what is in it was for sessions that have ended: those that begin now would hear it, and
	 * miss what was not sent since */
	snprintf(stream, sizeof(stream), "%s:node:%d", g->l->cfg->cluster_prefix, g->claims.number);
	(void)redis_words(g->l->redis, NULL, NULL, empty);
	g->is_given_up = false;
	self_begin_anew(&g->self);
}

/* --- a beat --------------------------------------------------------------------------------- */

/* Redis had what we said, and then: did nobody take us for dead?  Nobody will for a while. */
static void
registry_on_seen(void *arg, const redisReply *reply)
{
	struct registry *g = arg;

	registry_on_own_obituary(g, reply);
	if (reply != NULL && reply->type == REDIS_REPLY_NIL && !g->is_given_up)
		g->sure_until = g->written_at + g->l->cfg->cluster_node_timeout_ms - SURE_MARGIN_MS;
}

/* Look whether others have taken us for dead. */
static void
registry_ask_about_us(struct registry *g, line_done *done)
{
	char lost[CLAIMS_KEY_MAX + 2 * NODE_WORD_MAX];
	const char *own[] = {"GET", lost, NULL};

	snprintf(lost, sizeof(lost), "%s:lost:%s:%s", g->l->cfg->cluster_prefix, g->self.file.token,
	    g->self.file.incarnation);
	if (g->self.file.incarnation[0] != '\0')
		(void)redis_words(g->l->redis, done, g, own);
}

static void
registry_on_written(void *arg, const redisReply *reply)
{
	struct registry *g = arg;

	g->written_at = g->writing_at;
	g->writing_at = 0;
	if (reply == NULL || reply->type != REDIS_REPLY_INTEGER)
		return;
	slots_link_set_beat(store_slots(hub_store(g->l->hub)), g->l->now);
	registry_ask_about_us(g, registry_on_seen);
}

/* Tell what we say of ourselves. */
static void
registry_write(struct registry *g)
{
	struct buf text = {.p = NULL};
	char field[12], key[CLAIMS_KEY_MAX];
	const char *words[] = {"HSET", key, field, NULL, NULL};

	/* if we stood still since the beat began we may be dead by now: the next one looks first */
	if (g->is_given_up || g->writing_at != 0 ||
	    g->l->now - g->beat_at > g->l->cfg->cluster_node_timeout_ms / 2)
		return;
	self_write(&g->self, hub_store(g->l->hub), g->l->now, &text);
	buf_add_char(&text, '\0');
	snprintf(key, sizeof(key), "%s:nodes", g->l->cfg->cluster_prefix);
	snprintf(field, sizeof(field), "%d", g->claims.number);
	words[3] = text.p;
	if (!text.failed && redis_words(g->l->redis, registry_on_written, g, words) == 0)
		g->writing_at = g->l->now;
	buf_free(&text);
}

static void
registry_leave(struct registry *g)
{
	if (g->is_member)
		g->events.on_number(g->events.arg, -1);
	g->is_member = false;
}

/* Name and number are ours. */
static void
registry_join(struct registry *g)
{
	int number = g->claims.number;

	g->is_member = true;
	g->told_copy = false;
	g->fast = BEATS_FAST_N;
	self_keep(&g->self, number);
	liveness_forget(g->liveness, number);
	log_info("this node is %s, number %d", g->self.text.name, number);
	g->events.on_number(g->events.arg, number);
}

static void
registry_on_claims(void *arg, bool ok, bool fresh)
{
	struct registry *g = arg;

	g->is_busy = false;
	if (!ok) {
		registry_leave(g);
		return;
	}
	if (!g->is_member || g->self.file.number != g->claims.number) {
		registry_join(g);
	} else if (fresh) {
		log_warnx("Redis had lost the name and the number of this node: was it emptied?");
		g->events.on_emptied(g->events.arg);
	}
	/* before others can read it */
	self_keep(&g->self, g->claims.number);
	registry_write(g);
}

/* Read what all say; who has our token, or while we take part our number, goes to `*theirs`. */
static bool
registry_read(struct registry *g, const redisReply *reply, struct node_text *theirs)
{
	bool found = false;

	for (size_t i = 0; i + 1 < reply->elements; i += 2) {
		const redisReply *field = reply->element[i], *value = reply->element[i + 1];
		struct node_text t;
		unsigned number;

		if (field->type != REDIS_REPLY_STRING || value->type != REDIS_REPLY_STRING ||
		    !slice_number(
			(struct slice){field->str, field->len}, 4, NODE_NUMBERS - 1, &number) ||
		    !node_text_read(&t, (struct slice){value->str, value->len}))
			continue; /* of a newer version, or of somebody else */
		if (g->is_member ? (int)number == g->claims.number
				 : strcmp(t.token, g->self.text.token) == 0) {
			*theirs = t;
			found = true;
		} else if (g->is_member && strcmp(t.token, g->self.text.token) != 0 &&
			   !g->obituary.asks[number]) {
			(void)liveness_put(g->liveness, (int)number, &t);
		}
	}
	return found;
}

/* Whether we may go on after this reading. */
static bool
registry_judge_copy(struct registry *g, const struct node_text *theirs)
{
	enum copies_verdict verdict =
	    g->is_member ? copies_compare(&g->copies, &g->self.text, theirs)
			 : copies_watch(&g->copies, &g->self.text, theirs, g->l->now);

	if (verdict == COPIES_ALIVE && !g->told_copy) {
		log_errx(
		    "another machine runs with a copy of %s; this node stays alone.  Delete the "
		    "file node in one of the two, and start pollux-linkd there anew",
		    g->l->cfg->data);
		g->told_copy = true;
	}
	if (verdict == COPIES_ALIVE)
		registry_leave(g);
	return verdict == COPIES_NONE;
}

static void
registry_on_nodes(void *arg, const redisReply *reply)
{
	struct registry *g = arg;
	struct node_text theirs;
	bool found;

	if (reply == NULL)
		return;
	if (reply->type != REDIS_REPLY_ARRAY) {
		log_limited(LOG_LEVEL_WARN, "Redis: the nodes cannot be read: %s",
		    reply->type == REDIS_REPLY_ERROR ? reply->str : "an unexpected reply");
		g->is_busy = false;
		return;
	}
	if (g->is_member)
		liveness_begin(g->liveness, g->l->now);
	found = registry_read(g, reply, &theirs);
	if (g->is_member)
		liveness_end(g->liveness);
	if (registry_judge_copy(g, found ? &theirs : NULL) && !g->is_given_up)
		claims_run(&g->claims);
	else
		g->is_busy = false;
}

static void
registry_beat(struct registry *g)
{
	char nodes[CLAIMS_KEY_MAX];
	const char *all[] = {"HGETALL", nodes, NULL};

	if ((g->is_busy && g->l->now - g->beat_at < BEAT_LOST_MS) || !redis_is_up(g->l->redis))
		return;
	snprintf(nodes, sizeof(nodes), "%s:nodes", g->l->cfg->cluster_prefix);
	g->beat_at = g->l->now;
	registry_ask_about_us(g, registry_on_own_obituary);
	g->is_busy = redis_words(g->l->redis, registry_on_nodes, g, all) == 0;
}

static void
registry_on_timer(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	struct registry *g = timer->data;

	(void)events;
	if (g->fast > 0)
		g->fast--;
	timer->repeat = g->fast > 0 ? BEAT_FAST_S : BEAT_S;
	ev_timer_again(loop, timer);
	registry_beat(g);
}

void
registry_look(struct registry *g)
{
	/* faster for a while: the beat under way may have read before it was written */
	g->fast = BEATS_FAST_N;
	g->timer.repeat = BEAT_FAST_S;
	ev_timer_again(g->l->loop, &g->timer);
	registry_beat(g);
}

void
registry_down(struct registry *g)
{
	g->is_busy = false;
	g->writing_at = g->sure_until = 0;
}

/* --- opening -------------------------------------------------------------------------------- */

static int64_t
registry_longer(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* How long name and number stay ours: as long as a session can live without us. */
static int64_t
registry_ttl(const struct config *cfg)
{
	int64_t ms = registry_longer(cfg->close_timeout_ms, cfg->heartbeat_timeout_ms);

	return registry_longer(ms, cfg->handshake_timeout_ms) + cfg->cluster_node_timeout_ms;
}

/* Nodes that lived when we last ran: they may have died meanwhile. */
static int
registry_expect(struct registry *g)
{
	const struct slots *sl = store_slots(hub_store(g->l->hub));

	for (int i = slots_link_next(sl, 0); i != -1; i = slots_link_next(sl, i + 1))
		if (liveness_expect(g->liveness, i) == -1)
			return -1;
	return 0;
}

struct registry *
registry_open(struct linkd *l, const struct registry_events *events)
{
	struct registry *g = calloc(1, sizeof(*g));

	if (g == NULL)
		return NULL;
	g->l = l;
	g->events = *events;
	g->liveness = liveness_new(l->cfg->cluster_node_timeout_ms, registry_on_liveness, g);
	if (g->liveness == NULL || registry_expect(g) == -1 || self_open(&g->self, l->cfg) == -1) {
		registry_close(g);
		return NULL;
	}
	g->claims = (struct claims){
	    .redis = l->redis,
	    .prefix = l->cfg->cluster_prefix,
	    .name = g->self.text.name,
	    .token = g->self.text.token,
	    .ttl_ms = registry_ttl(l->cfg),
	    .is_pinned = l->cfg->cluster_number != -1,
	    .number = l->cfg->cluster_number != -1 ? l->cfg->cluster_number : g->self.file.number,
	    .done = registry_on_claims,
	    .arg = g,
	};
	g->obituary.redis = l->redis;
	g->obituary.prefix = l->cfg->cluster_prefix;
	g->obituary.token = g->self.text.token;
	g->obituary.done = registry_on_obituary;
	g->obituary.arg = g;
	ev_timer_init(&g->timer, registry_on_timer, BEAT_S, BEAT_S);
	g->timer.data = g;
	return g;
}

void
registry_close(struct registry *g)
{
	if (g == NULL)
		return;
	if (g->timer.data != NULL)
		ev_timer_stop(g->l->loop, &g->timer);
	liveness_free(g->liveness);
	free(g);
}

bool
registry_is_sure(const struct registry *g)
{
	return g->l->now < g->sure_until;
}

int
registry_number(const struct registry *g)
{
	return g->is_member ? g->claims.number : -1;
}

const struct node_text *
registry_own_text(const struct registry *g)
{
	return &g->self.text;
}

bool
registry_is_alive(const struct registry *g, int number)
{
	return liveness_is_alive(g->liveness, number);
}

const struct node_text *
registry_text(const struct registry *g, int number)
{
	return liveness_text(g->liveness, number);
}

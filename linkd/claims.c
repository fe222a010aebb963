#include "linkd/claims.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "shared/base/log.h"

/* Why we have not got them; each is told once. */
enum claims_fault {
	CLAIMS_FINE,
	CLAIMS_NAME,   /* another node has the name */
	CLAIMS_NUMBER, /* or the number that a person has set */
	CLAIMS_FULL,   /* all numbers are taken */
	CLAIMS_ERROR,  /* Redis does not do what it is told */
};

static void claims_take_number(struct claims *c);

static void
claims_finish(struct claims *c, enum claims_fault fault)
{
	c->told = (int)fault;
	c->done(c->arg, fault == CLAIMS_FINE, c->is_fresh);
}

/* Whether this fault is news. */
static bool
claims_is_news(const struct claims *c, enum claims_fault fault)
{
	return c->told != (int)fault;
}

static void
claims_fail(struct claims *c, const redisReply *reply)
{
	if (claims_is_news(c, CLAIMS_ERROR))
		log_errx("Redis: cannot take a name and a number: %s",
		    reply->type == REDIS_REPLY_ERROR ? reply->str : "an unexpected reply");
	claims_finish(c, CLAIMS_ERROR);
}

/* Send SET key value NX PX ttl, then GET key. */
static void
claims_take(
    struct claims *c, const char *key, const char *value, line_done *on_set, line_done *on_get)
{
	char ttl[24];
	const char *set[] = {"SET", key, value, "NX", "PX", ttl, NULL};
	const char *get[] = {"GET", key, NULL};

	snprintf(ttl, sizeof(ttl), "%" PRId64, c->ttl_ms);
	if (redis_words(c->redis, on_set, c, set) == 0)
		(void)redis_words(c->redis, on_get, c, get);
}

/* It is ours: put its end off. */
static void
claims_renew(struct claims *c, const char *key)
{
	char ttl[24];
	const char *words[] = {"PEXPIRE", key, ttl, NULL};

	snprintf(ttl, sizeof(ttl), "%" PRId64, c->ttl_ms);
	(void)redis_words(c->redis, NULL, NULL, words);
}

static void
claims_on_set(void *arg, const redisReply *reply)
{
	struct claims *c = arg;

	/* nil: it is there already */
	if (reply != NULL && reply->type == REDIS_REPLY_STATUS)
		c->is_fresh = true;
}

/* --- the number ----------------------------------------------------------------------------- */

static void
claims_set_number(struct claims *c, int number)
{
	c->number = number;
	snprintf(c->number_key, sizeof(c->number_key), "%s:number:%d", c->prefix, number);
}

/* Choose one of those that nobody has: any, or nodes that start together would quarrel. */
static int
claims_choose(const redisReply *reply)
{
	size_t n = 0, chosen = 0;
	unsigned dice;

	if (getrandom(&dice, sizeof(dice), 0) != (ssize_t)sizeof(dice))
		dice = 0;
	for (size_t i = 0; i < reply->elements; i++)
		n += reply->element[i]->type == REDIS_REPLY_NIL;
	if (n == 0)
		return -1;
	chosen = dice % n;
	for (size_t i = 0; i < reply->elements; i++)
		if (reply->element[i]->type == REDIS_REPLY_NIL && chosen-- == 0)
			return (int)i;
	return -1;
}

static void
claims_on_all(void *arg, const redisReply *reply)
{
	struct claims *c = arg;
	int number;

	if (reply == NULL)
		return;
	if (reply->type != REDIS_REPLY_ARRAY || reply->elements != NODE_NUMBERS) {
		claims_fail(c, reply);
		return;
	}
	number = claims_choose(reply);
	if (number == -1) {
		if (claims_is_news(c, CLAIMS_FULL))
			log_errx(
			    "all %d numbers of nodes are taken in Redis; this node stays alone "
			    "until one is free",
			    NODE_NUMBERS);
		claims_finish(c, CLAIMS_FULL);
		return;
	}
	claims_set_number(c, number);
	claims_take_number(c);
}

/* Read who has which number. */
static void
claims_find_number(struct claims *c)
{
	char(*keys)[CLAIMS_KEY_MAX] = calloc(NODE_NUMBERS, sizeof(*keys));
	const char **words = calloc(NODE_NUMBERS + 1, sizeof(*words));
	size_t *lens = calloc(NODE_NUMBERS + 1, sizeof(*lens));

	if (keys != NULL && words != NULL && lens != NULL) {
		words[0] = "MGET";
		lens[0] = strlen(words[0]);
		for (int i = 0; i < NODE_NUMBERS; i++) {
			lens[i + 1] = (size_t)snprintf(
			    keys[i], sizeof(keys[i]), "%s:number:%d", c->prefix, i);
			words[i + 1] = keys[i];
		}
		(void)redis_command(c->redis, claims_on_all, c, NODE_NUMBERS + 1, words, lens);
	}
	free(keys);
	free(words);
	free(lens);
}

/* Another node has it; `value` is "TOKEN NAME". */
static void
claims_lose_number(struct claims *c, const char *value)
{
	const char *blank = strchr(value, ' ');
	const char *who = blank == NULL ? "?" : blank + 1;

	if (c->is_pinned) {
		if (claims_is_news(c, CLAIMS_NUMBER))
			log_errx("[cluster] number: %d is that of the node %.40s; this node stays "
				 "alone until it is free",
			    c->number, who);
		claims_finish(c, CLAIMS_NUMBER);
		return;
	}
	log_warnx("the number %d of this node is that of the node %.40s now; it takes another one",
	    c->number, who);
	c->number = -1;
	claims_find_number(c);
}

static void
claims_on_number(void *arg, const redisReply *reply)
{
	struct claims *c = arg;

	if (reply == NULL)
		return;
	if (reply->type == REDIS_REPLY_STRING && strcmp(reply->str, c->number_value) == 0) {
		claims_renew(c, c->number_key);
		claims_finish(c, CLAIMS_FINE);
	} else if (reply->type == REDIS_REPLY_STRING &&
		   strncmp(reply->str, c->token, strlen(c->token)) == 0) {
		/* ours, by another name: it was renamed */
		const char *words[] = {"SET", c->number_key, c->number_value, NULL};

		(void)redis_words(c->redis, NULL, NULL, words);
		claims_renew(c, c->number_key);
		claims_finish(c, CLAIMS_FINE);
	} else if (reply->type == REDIS_REPLY_STRING) {
		claims_lose_number(c, reply->str);
	} else {
		claims_fail(c, reply);
	}
}

static void
claims_take_number(struct claims *c)
{
	claims_take(c, c->number_key, c->number_value, claims_on_set, claims_on_number);
}

/* --- the name ------------------------------------------------------------------------------- */

static void
claims_on_name(void *arg, const redisReply *reply)
{
	struct claims *c = arg;

	if (reply == NULL)
		return;
	if (reply->type != REDIS_REPLY_STRING) {
		claims_fail(c, reply);
		return;
	}
	if (strcmp(reply->str, c->token) != 0) {
		if (claims_is_news(c, CLAIMS_NAME))
			log_errx("another node has the name %s; this one stays alone until it is "
				 "free, or [cluster] node is another one",
			    c->name);
		claims_finish(c, CLAIMS_NAME);
		return;
	}
	claims_renew(c, c->name_key);
	if (c->number == -1) {
		claims_find_number(c);
		return;
	}
	claims_set_number(c, c->number);
	claims_take_number(c);
}

void
claims_run(struct claims *c)
{
	c->is_fresh = false;
	snprintf(c->name_key, sizeof(c->name_key), "%s:name:%s", c->prefix, c->name);
	snprintf(c->number_value, sizeof(c->number_value), "%s %s", c->token, c->name);
	claims_take(c, c->name_key, c->token, claims_on_set, claims_on_name);
}

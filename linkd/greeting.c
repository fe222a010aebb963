#include "linkd/greeting.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "shared/base/slice.h"

enum redis_fault
greeting_judge(const char *error)
{
	static const struct {
		const char *word; /* at the front of an error */
		enum redis_fault fault;
	} table[] = {
	    {"NOAUTH ", REDIS_FAULT_PASSWORD},
	    {"WRONGPASS ", REDIS_FAULT_PASSWORD},
	    {"NOPERM ", REDIS_FAULT_PASSWORD},
	    {"READONLY ", REDIS_FAULT_REPLICA},
	    {"LOADING ", REDIS_FAULT_AWAY},
	    {"MASTERDOWN ", REDIS_FAULT_AWAY},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strncmp(error, table[i].word, strlen(table[i].word)) == 0)
			return table[i].fault;
	return REDIS_FAULT_NONE;
}

static void __attribute__((format(printf, 3, 4)))
greeting_blame(struct greeting *g, enum redis_fault fault, const char *format, ...)
{
	va_list args;

	if (g->fault != REDIS_FAULT_NONE)
		return; /* the first fault is the reason of the others */
	g->fault = fault;
	va_start(args, format);
	vsnprintf(g->why, sizeof(g->why), format, args);
	va_end(args);
}

/* Note what is wrong by an error; `fault` if it is none of those that say it themselves. */
static void
greeting_blame_error(struct greeting *g, const redisReply *reply, enum redis_fault fault)
{
	enum redis_fault known;

	if (reply == NULL || reply->type != REDIS_REPLY_ERROR)
		return;
	known = greeting_judge(reply->str);
	greeting_blame(g, known == REDIS_FAULT_NONE ? fault : known, "%.400s", reply->str);
}

static void
greeting_on_auth(void *arg, const redisReply *reply)
{
	greeting_blame_error(arg, reply, REDIS_FAULT_PASSWORD);
}

static void
greeting_on_select(void *arg, const redisReply *reply)
{
	greeting_blame_error(arg, reply, REDIS_FAULT_PASSWORD);
}

/* "redis_version:7.0.15" is a line of it. */
static void
greeting_on_info(void *arg, const redisReply *reply)
{
	struct greeting *g = arg;
	const char *at;
	unsigned major;
	size_t n;

	greeting_blame_error(g, reply, REDIS_FAULT_PASSWORD);
	if (reply == NULL || reply->type != REDIS_REPLY_STRING)
		return;
	at = strstr(reply->str, "redis_version:");
	if (at == NULL) {
		greeting_blame(g, REDIS_FAULT_OLD, "it does not tell its version");
		return;
	}
	at += strlen("redis_version:");
	n = strspn(at, "0123456789.");
	snprintf(g->version, sizeof(g->version), "%.*s", (int)(n < 31 ? n : 31), at);
	n = strspn(at, "0123456789");
	if (!slice_number((struct slice){at, n}, 4, 9999, &major) || major < GREETING_VERSION)
		greeting_blame(g, REDIS_FAULT_OLD,
		    "its version is %s, which is too old: streams need %d", g->version,
		    GREETING_VERSION);
}

static void
greeting_on_role(void *arg, const redisReply *reply)
{
	struct greeting *g = arg;

	/* it may be forbidden: then a replica is known by the first error */
	if (reply != NULL && reply->type == REDIS_REPLY_ARRAY && reply->elements > 0 &&
	    reply->element[0]->type == REDIS_REPLY_STRING &&
	    strcmp(reply->element[0]->str, "slave") == 0)
		greeting_blame(
		    g, REDIS_FAULT_REPLICA, "it is a replica, which cannot be written to");
}

static void
greeting_on_ping(void *arg, const redisReply *reply)
{
	greeting_blame_error(arg, reply, REDIS_FAULT_AWAY);
}

/* Of the last command: all before have their replies. */
static void
greeting_on_name(void *arg, const redisReply *reply)
{
	struct greeting *g = arg;

	if (reply != NULL)
		g->done(g->arg, g);
}

static int
greeting_send_login(struct greeting *g, const struct redis_url *url)
{
	const char *words[] = {"AUTH", url->user, url->password, NULL};

	if (url->password[0] == '\0')
		return 0;
	/* users came with version 6 */
	if (url->user[0] == '\0') {
		words[1] = url->password;
		words[2] = NULL;
	}
	return line_send_words(g->line, greeting_on_auth, g, words);
}

static int
greeting_send_db(struct greeting *g, const struct redis_url *url)
{
	char db[16];
	const char *words[] = {"SELECT", db, NULL};

	if (url->db == 0)
		return 0;
	snprintf(db, sizeof(db), "%u", url->db);
	return line_send_words(g->line, greeting_on_select, g, words);
}

int
greeting_send(struct greeting *g, struct line *line, const struct redis_url *url, const char *name)
{
	const char *info[] = {"INFO", "server", NULL}, *role[] = {"ROLE", NULL};
	const char *ping[] = {"PING", NULL}; /* fails while it loads its data */
	const char *named[] = {"CLIENT", "SETNAME", name, NULL};

	g->line = line;
	g->fault = REDIS_FAULT_NONE;
	g->why[0] = g->version[0] = '\0';
	if (greeting_send_login(g, url) == -1 || greeting_send_db(g, url) == -1 ||
	    line_send_words(line, greeting_on_info, g, info) == -1 ||
	    line_send_words(line, greeting_on_role, g, role) == -1 ||
	    line_send_words(line, greeting_on_ping, g, ping) == -1 ||
	    line_send_words(line, greeting_on_name, g, named) == -1)
		return -1;
	return 0;
}

#include "fcgi/upgrades.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "fcgi/probe.h"
#include "shared/base/log.h"
#include "shared/base/shm.h"
#include "shared/wire/sid.h"

#define ENTRIES    64  /* host names of one site; behind that the least used is forgotten */
#define BETWEEN_MS 250 /* two questions, whoever asks */

/* How long an answer is believed. */
#define PASS_MS    300000
#define NO_PASS_MS 60000
#define UNSURE_MS  5000 /* also: how long another process may take to ask */

#define HOST_MAX   255
#define ORIGIN_MAX 255

enum verdict {
	UNKNOWN,
	PASSES,
	BLOCKED,
};

/* Where a handshake came in, and what is known.  Every process writes it, without a lock: at worst
 * a question is asked twice, or one handshake offers what the entry's last owner was found to have.
 */
struct entry {
	_Atomic int64_t key; /* of address, port, scheme and host; 0: free */
	_Atomic int64_t used_at;
	_Atomic int64_t ask_at; /* when the answer is to be looked at again */
	_Atomic int verdict;
};

struct table {
	_Atomic int64_t ask_at; /* when the next question may be asked */
	struct entry entries[ENTRIES];
};

struct upgrades {
	struct fcgi *fcgi;
	struct table *table; /* shared memory */
	struct probe *probe; /* under way; NULL: none */
	struct entry *asked; /* what it is about */
	int64_t asked_key;
	char asked_host[HOST_MAX + 1];
	char path[CONFIG_TEXT_MAX + 64];
};

/* --- the table ---------------------------------------------------------------------------------
 */

/* The file outlives the machine's boot, the clock does not: a time too far ahead has passed. */
static bool
has_come(int64_t at, int64_t now)
{
	return at <= now || at > now + PASS_MS;
}

/* The entry of this key, if need be in place of the one that was used least. */
static struct entry *
find(struct table *table, int64_t key, int64_t now)
{
	struct entry *oldest = &table->entries[0];
	int64_t least = INT64_MAX;

	for (size_t i = 0; i < ENTRIES; i++) {
		struct entry *e = &table->entries[i];
		int64_t used_at = e->key == 0 || e->used_at > now ? 0 : e->used_at;

		if (e->key == key) {
			e->used_at = now;
			return e;
		}
		if (used_at < least) {
			least = used_at;
			oldest = e;
		}
	}
	oldest->verdict = UNKNOWN;
	oldest->ask_at = now;
	oldest->used_at = now;
	oldest->key = key;
	return oldest;
}

/* Set `*at` to `next` if its time has come and no other process is faster. */
static bool
claim(_Atomic int64_t *at, int64_t now, int64_t next)
{
	int64_t seen = *at;

	return has_come(seen, now) && atomic_compare_exchange_strong(at, &seen, next);
}

/* --- asking ------------------------------------------------------------------------------------
 */

/* What the status says: websockets come through, or do not, or (0) nothing. */
static enum verdict
judge(int status)
{
	/* 401, 403: what is missing is a password or an origin, which clients have */
	if (status == 101 || status == 401 || status == 403)
		return PASSES;
	if (status == 0 || status >= 500) /* busy, or pollux-wsd is being started */
		return UNKNOWN;
	return BLOCKED;
}

static void
on_answer(void *arg, int status)
{
	struct upgrades *u = arg;
	struct entry *e = u->asked;
	enum verdict found = judge(status);
	int64_t now = u->fcgi->now;

	u->probe = NULL;
	if (e->key != u->asked_key) /* another has taken its place */
		return;
	if (found == BLOCKED && e->verdict != BLOCKED)
		log_warnx("websocket is not offered to clients of %s: the web server does not pass "
			  "upgrades on, it answered %d to one",
		    u->asked_host, status);
	else if (found == UNKNOWN && e->verdict == UNKNOWN)
		log_warnx("websocket is not offered to clients of %s yet: the web server answered "
			  "%d to an upgrade (0: nothing)",
		    u->asked_host, status);
	else if (found == PASSES && e->verdict == BLOCKED)
		log_info("websocket is offered to clients of %s", u->asked_host);
	if (found != UNKNOWN)
		e->verdict = (int)found;
	e->ask_at = now + (found == PASSES ? PASS_MS : found == BLOCKED ? NO_PASS_MS : UNSURE_MS);
}

static void
ask(struct upgrades *u, struct entry *e, const struct probe_target *target)
{
	int64_t now = u->fcgi->now;

	if (u->probe != NULL || !claim(&u->table->ask_at, now, now + BETWEEN_MS) ||
	    !claim(&e->ask_at, now, now + UNSURE_MS))
		return;
	u->asked = e;
	u->asked_key = e->key;
	snprintf(u->asked_host, sizeof(u->asked_host), "%.*s", (int)target->host.n, target->host.p);
	u->probe = probe_start(u->fcgi->loop, target, on_answer, u);
	if (u->probe == NULL)
		log_warnx("no upgrade can be tried at %s port %d", target->address, target->port);
}

/* --- whom to ask -------------------------------------------------------------------------------
 */

/* A name or an address, perhaps with a port. */
static bool
is_host(struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
		    (c == '\0' || strchr("-._:[]", c) == NULL))
			return false;
	}
	return s.n > 0 && s.n <= HOST_MAX;
}

static bool
has_port(struct slice host)
{
	for (size_t i = host.n; i > 0 && host.p[i - 1] != ']'; i--)
		if (host.p[i - 1] == ':')
			return true;
	return false;
}

/* Is SERVER_PORT where the web server listens?  nginx and lighttpd say so.  Apache repeats what the
 * client has written into its Host header or, of the absolute form, its request line, if that names
 * a port. */
static bool
port_is_true(const struct request *rq, struct slice host)
{
	const char *software = request_param(rq, "SERVER_SOFTWARE");

	if (strncmp(software, "nginx/", 6) == 0 || strncmp(software, "lighttpd/", 9) == 0)
		return true;
	return !has_port(host) && request_param(rq, "REQUEST_URI")[0] == '/';
}

/* By its own word, not by HTTPS=on, which is also said of a proxy in front of it. */
static bool
speaks_tls(const struct request *rq)
{
	const char *scheme = request_param(rq, "REQUEST_SCHEME");

	return strcmp(scheme[0] != '\0' ? scheme : request_param(rq, "HTTPS"),
		   scheme[0] != '\0' ? "https" : "on") == 0;
}

/* Return false when nobody can be asked, or not safely. */
static bool
find_target(const struct upgrades *u, const struct request *rq, struct probe_target *t)
{
	struct slice origin = request_header(rq, "origin");

	*t = (struct probe_target){
	    .address = request_param(rq, "SERVER_ADDR"),
	    .port = atoi(request_param(rq, "SERVER_PORT")),
	    .tls = speaks_tls(rq),
	    .host = request_header(rq, "host"),
	    .path = u->path,
	};
	for (size_t i = 0; i < origin.n; i++)
		if ((unsigned char)origin.p[i] < 0x20 || origin.p[i] == 0x7f)
			origin.n = 0;
	if (origin.n <= ORIGIN_MAX)
		t->origin = origin;
	return t->address[0] != '\0' && strncmp(t->address, "unix:", 5) != 0 && is_host(t->host) &&
	       port_is_true(rq, t->host);
}

static int64_t
key_of(const struct probe_target *t)
{
	char text[HOST_MAX + 128];
	int n = snprintf(text, sizeof(text), "%s %d %d %.*s", t->address, t->port, t->tls,
	    (int)t->host.n, t->host.p);

	if (n < 0 || (size_t)n >= sizeof(text))
		return 1;
	return sid_key(
	    (struct slice){text, (size_t)n}); /* nobody can make two texts with one key */
}

bool
upgrades_pass(struct upgrades *u, const struct request *rq)
{
	struct probe_target target;
	struct entry *e;

	if (u->fcgi->cfg->wsd_reachable != CONFIG_AUTO)
		return u->fcgi->cfg->wsd_reachable == CONFIG_YES;
	if (!find_target(u, rq, &target))
		return true;
	e = find(u->table, key_of(&target), u->fcgi->now);
	if (has_come(e->ask_at, u->fcgi->now))
		ask(u, e, &target);
	return e->verdict == PASSES;
}

/* --- the beginning and the end ------------------------------------------------------------------
 */

/* The upgrade that we try names no session; pollux-wsd answers 101 to it all the same. */
static void
write_path(struct upgrades *u)
{
	const struct config *cfg = u->fcgi->cfg;
	struct slice rest = slice_of(cfg->transports), name;
	const char *transport = "flashsocket";

	while (slice_cut(&rest, ',', &name))
		if (slice_is(name, "websocket"))
			transport = "websocket";
	snprintf(u->path, sizeof(u->path), "/%s/1/%s/is-this-passed-on", cfg->resource, transport);
}

struct upgrades *
upgrades_open(struct fcgi *f)
{
	struct upgrades *u = calloc(1, sizeof(*u));
	char path[CONFIG_PATH_MAX + sizeof("/upgrades")];

	if (u == NULL)
		return NULL;
	snprintf(path, sizeof(path), "%s/upgrades", f->cfg->data);
	u->fcgi = f;
	u->table = shm_map(path, sizeof(*u->table));
	if (u->table == NULL) {
		log_err("%s", path);
		free(u);
		return NULL;
	}
	write_path(u);
	return u;
}

void
upgrades_close(struct upgrades *u)
{
	if (u == NULL)
		return;
	probe_cancel(u->probe);
	munmap(u->table, sizeof(*u->table));
	free(u);
}

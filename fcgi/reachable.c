#include "fcgi/reachable.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "fcgi/probe.h"
#include "shared/base/address.h"
#include "shared/base/log.h"
#include "shared/base/shm.h"
#include "shared/wire/sid.h"

#define HOSTS      64  /* names of one site; beyond this the least recently used is forgotten */
#define BETWEEN_MS 250 /* two probes, of all processes */

/* How long a result is believed. */
#define PASS_MS    300000
#define NO_PASS_MS 60000
#define UNSURE_MS  5000 /* also: how long a probe of another process may take */

#define ORIGIN_MAX 255

enum host_verdict {
	HOST_UNKNOWN,
	HOST_PASSES,
	HOST_BLOCKED,
};

/* A host by which handshakes come in, and what is known about it.  Every process writes it, without
 * a lock: at worst a host is probed twice, or one handshake gets the verdict of the host that had
 * this entry before. */
struct host_entry {
	_Atomic int64_t key; /* of address, port, scheme and host; 0: free */
	_Atomic int64_t used_at;
	_Atomic int64_t ask_at; /* when to probe again */
	_Atomic int verdict;
};

struct host_table {
	_Atomic int64_t ask_at; /* when the next probe may start, of any host */
	struct host_entry entries[HOSTS];
};

struct reachable {
	struct fcgi *fcgi;
	struct host_table *table; /* shared memory */
	struct probe *probe;      /* under way; NULL: none */
	struct host_entry *asked; /* what it probes */
	int64_t asked_key;
	char asked_host[ADDRESS_HOST_MAX + 1];
	char path[CONFIG_TEXT_MAX + 64];
};

/* --- the table -------------------------------------------------------------------------------- */

/* The file survives a reboot, but the monotonic clock restarts: a time too far ahead is old. */
static bool
has_come(int64_t at, int64_t now)
{
	return at <= now || at > now + PASS_MS;
}

/* The entry of this key, which if there is none replaces the least recently used. */
static struct host_entry *
find_host(struct host_table *table, int64_t key, int64_t now)
{
	struct host_entry *oldest = &table->entries[0];
	int64_t least = INT64_MAX;

	for (size_t i = 0; i < HOSTS; i++) {
		struct host_entry *e = &table->entries[i];
		/* free, or written before a reboot: take it first */
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
	/* the key last: other processes must not find it with the verdict of another host */
	oldest->verdict = HOST_UNKNOWN;
	oldest->ask_at = now;
	oldest->used_at = now;
	oldest->key = key;
	return oldest;
}

/* Set `*at` to `next` if that time has come and no other process was faster. */
static bool
claim_time(_Atomic int64_t *at, int64_t now, int64_t next)
{
	int64_t seen = *at;

	return has_come(seen, now) && atomic_compare_exchange_strong(at, &seen, next);
}

/* --- probing ---------------------------------------------------------------------------------- */

/* What the status of the answer (0: none) says about websockets. */
static enum host_verdict
judge_status(int status)
{
	/* 401, 403: the upgrade came through; clients have the password or origin that we lack */
	if (status == 101 || status == 401 || status == 403)
		return HOST_PASSES;
	/* the web server is busy, or pollux-wsd is being started */
	if (status == 0 || status >= 500)
		return HOST_UNKNOWN;
	return HOST_BLOCKED;
}

static void
reachable_on_status(void *arg, int status)
{
	struct reachable *r = arg;
	struct host_entry *e = r->asked;
	enum host_verdict found = judge_status(status);
	int64_t now = r->fcgi->now;

	r->probe = NULL;
	/* another host has taken the entry meanwhile: this is not its result */
	if (e->key != r->asked_key)
		return;
	/* log changes only: probes are repeated for as long as there are handshakes */
	if (found == HOST_BLOCKED && e->verdict != HOST_BLOCKED)
		log_warnx("websocket is not offered to clients of %s: the web server passes no "
			  "websockets on to pollux-wsd, but answers %d; see [wsd] reachable",
		    r->asked_host, status);
	else if (found == HOST_UNKNOWN && e->verdict == HOST_UNKNOWN)
		log_warnx("websocket is not offered to clients of %s yet: "
			  "the upgrade was answered with status %d (0: no answer)",
		    r->asked_host, status);
	else if (found == HOST_PASSES && e->verdict == HOST_BLOCKED)
		log_info("websocket is offered to clients of %s", r->asked_host);
	/* an unclear answer does not undo a clear one: web servers restart */
	if (found != HOST_UNKNOWN)
		e->verdict = (int)found;
	e->ask_at = now + (found == HOST_PASSES       ? PASS_MS
			      : found == HOST_BLOCKED ? NO_PASS_MS
						      : UNSURE_MS);
}

static void
ask_web_server(struct reachable *r, struct host_entry *e, const struct probe_target *target)
{
	int64_t now = r->fcgi->now;

	/* one probe at a time, and few of all processes together: names may be made up by clients.
	 * Claiming the entry keeps other processes from probing the same host meanwhile */
	if (r->probe != NULL || !claim_time(&r->table->ask_at, now, now + BETWEEN_MS) ||
	    !claim_time(&e->ask_at, now, now + UNSURE_MS))
		return;
	r->asked = e;
	r->asked_key = e->key;
	snprintf(r->asked_host, sizeof(r->asked_host), "%.*s", (int)target->host.n, target->host.p);
	r->probe = probe_start(r->fcgi->loop, target, reachable_on_status, r);
	if (r->probe == NULL)
		log_warnx("cannot connect to the web server at %s port %d to try an upgrade",
		    target->address, target->port);
}

/* --- where to probe --------------------------------------------------------------------------- */

static bool
has_port(struct slice host)
{
	/* from the end to the bracket that closes an IPv6 address, which has colons of its own */
	for (size_t i = host.n; i > 0 && host.p[i - 1] != ']'; i--)
		if (host.p[i - 1] == ':')
			return true;
	return false;
}

/* Whether SERVER_PORT is where the web server listens.  With nginx and lighttpd it is.  Apache
 * takes a port from the Host header or from a request line in absolute form: from the client. */
static bool
port_is_trusted(const struct fcgi_request *rq, struct slice host)
{
	const char *software = fcgi_request_param(rq, "SERVER_SOFTWARE");

	if (strncmp(software, "nginx/", 6) == 0 || strncmp(software, "lighttpd/", 9) == 0)
		return true;
	return !has_port(host) && fcgi_request_param(rq, "REQUEST_URI")[0] == '/';
}

/* By REQUEST_SCHEME if there is one: HTTPS=on may speak of a proxy in front of the web server. */
static bool
speaks_tls(const struct fcgi_request *rq)
{
	const char *scheme = fcgi_request_param(rq, "REQUEST_SCHEME");

	return strcmp(scheme[0] != '\0' ? scheme : fcgi_request_param(rq, "HTTPS"),
		   scheme[0] != '\0' ? "https" : "on") == 0;
}

/* Return false when a probe is not possible, or not safe. */
static bool
find_probe_target(const struct reachable *r, const struct fcgi_request *rq, struct probe_target *t)
{
	struct slice origin = fcgi_request_header(rq, "origin");

	*t = (struct probe_target){
	    .address = fcgi_request_param(rq, "SERVER_ADDR"),
	    .port = atoi(fcgi_request_param(rq, "SERVER_PORT")),
	    .tls = speaks_tls(rq),
	    .host = fcgi_request_header(rq, "host"),
	    .path = r->path,
	};
	/* nothing that a client sent may add a line to our request */
	for (size_t i = 0; i < origin.n; i++)
		if ((unsigned char)origin.p[i] < 0x20 || origin.p[i] == 0x7f)
			origin.n = 0;
	if (origin.n <= ORIGIN_MAX)
		t->origin = origin;
	return t->address[0] != '\0' && strncmp(t->address, "unix:", 5) != 0 &&
	       address_is_host(t->host) && port_is_trusted(rq, t->host);
}

static int64_t
key_of_target(const struct probe_target *t)
{
	char text[ADDRESS_HOST_MAX + 128];
	int n = snprintf(text, sizeof(text), "%s %d %d %.*s", t->address, t->port, t->tls,
	    (int)t->host.n, t->host.p);

	/* only a made-up address can be so long: all of them share an entry */
	if (n < 0 || (size_t)n >= sizeof(text))
		return 1;
	/* a keyed hash: a client cannot construct two texts with the same key */
	return sid_key((struct slice){text, (size_t)n});
}

bool
reachable_passes(struct reachable *r, const struct fcgi_request *rq)
{
	struct probe_target target;
	struct host_entry *e;

	if (r->fcgi->cfg->wsd_reachable != CONFIG_AUTO)
		return r->fcgi->cfg->wsd_reachable == CONFIG_YES;
	if (!find_probe_target(r, rq, &target))
		return true; /* as reachable.h says: offered as if they came through */
	e = find_host(r->table, key_of_target(&target), r->fcgi->now);
	if (has_come(e->ask_at, r->fcgi->now))
		ask_web_server(r, e, &target);
	return e->verdict == HOST_PASSES;
}

/* --- the beginning and the end ---------------------------------------------------------------- */

/* The upgrade names a session that does not exist; pollux-wsd answers 101 to it all the same. */
static void
write_probe_path(struct reachable *r)
{
	const struct config *cfg = r->fcgi->cfg;
	struct slice rest = slice_of(cfg->transports), name;
	const char *transport = "flashsocket";

	while (slice_cut(&rest, ',', &name))
		if (slice_is(name, "websocket"))
			transport = "websocket";
	snprintf(r->path, sizeof(r->path), "/%s/1/%s/is-this-passed-on", cfg->resource, transport);
}

struct reachable *
reachable_open(struct fcgi *f)
{
	struct reachable *r = calloc(1, sizeof(*r));
	char path[CONFIG_PATH_MAX + sizeof("/upgrades")];

	if (r == NULL)
		return NULL;
	snprintf(path, sizeof(path), "%s/upgrades", f->cfg->data);
	r->fcgi = f;
	r->table = shm_map(path, sizeof(*r->table), f->cfg->store_group[0] == '\0' ? 0600 : 0660);
	if (r->table == NULL) {
		log_err("cannot map the results of probes, %s", path);
		free(r);
		return NULL;
	}
	write_probe_path(r);
	return r;
}

void
reachable_close(struct reachable *r)
{
	if (r == NULL)
		return;
	probe_cancel(r->probe); /* before what its callback would use */
	munmap(r->table, sizeof(*r->table));
	free(r);
}

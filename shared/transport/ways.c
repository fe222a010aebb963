#include "shared/transport/ways.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "shared/base/address.h"
#include "shared/base/config.h"
#include "shared/base/log.h"
#include "shared/base/shm.h"
#include "shared/wire/sid.h"

#define WAYS      64     /* beyond this the least recently used is forgotten */
#define BELIEF_MS 300000 /* how long an upgrade that came, or was missed, decides */

/* One way.  Every process writes it, without a lock: at worst one handshake offers too much or too
 * little. */
struct way {
	_Atomic int64_t key; /* of host and proxy; 0: free */
	_Atomic int64_t used_at;
	_Atomic int64_t stripped_at; /* 0: not */
	_Atomic int64_t passed_at;
	_Atomic int said; /* the log has it */
};

struct ways {
	struct way *table; /* shared memory, WAYS of them */
};

/* --- the table ------------------------------------------------------------------------------ */

/* The file survives a reboot, but the clock restarts: a time to come is of an earlier boot. */
static bool
is_recent(int64_t at, int64_t now)
{
	return at != 0 && at <= now && now - at < BELIEF_MS;
}

static struct way *
find_way(const struct ways *w, int64_t key)
{
	for (size_t i = 0; i < WAYS; i++)
		if (w->table[i].key == key)
			return &w->table[i];
	return NULL;
}

/* The way of this key; a new one replaces the least recently used. */
static struct way *
take_way(struct ways *w, int64_t key, int64_t now)
{
	struct way *way = find_way(w, key), *oldest = &w->table[0];
	int64_t least = INT64_MAX;

	for (size_t i = 0; way == NULL && i < WAYS; i++) {
		struct way *each = &w->table[i];
		int64_t used_at = each->key == 0 || each->used_at > now ? 0 : each->used_at;

		if (used_at < least) {
			least = used_at;
			oldest = each;
		}
	}
	if (way == NULL) {
		way = oldest;
		way->stripped_at = 0;
		way->passed_at = 0;
		way->said = 0;
		/* last: other processes must not find it with what was known of another */
		way->key = key;
	}
	way->used_at = now;
	return way;
}

/* --- which way ------------------------------------------------------------------------------ */

/* Write the text of the way by this host.  Return its key, or 0: there is no such way. */
static int64_t
name_way(const struct exchange *x, struct slice host, char *text, size_t size)
{
	char proxy[ADDRESS_SIZE] = "";
	int n;

	if (!address_is_host(host))
		return 0;
	if (x->by_proxy)
		address_write(&x->proxy, proxy);
	n = snprintf(text, size, "%.*s%s%s", (int)host.n, host.p,
	    proxy[0] == '\0' ? "" : " through ", proxy);
	/* a keyed hash: a client cannot make two names with the same key */
	return sid_key((struct slice){text, (size_t)n});
}

/* The host that the web server was asked for, if it puts that into a header of its own and its
 * backend's name into Host, as Apache does: the last of a list. */
static struct slice
find_forwarded_host(const struct exchange *x)
{
	struct slice list = x->header(x, "x-forwarded-host"), word, last = {NULL, 0};

	while (slice_cut(&list, ',', &word))
		last = word;
	while (last.n > 0 && last.p[0] == ' ')
		last = slice_skip(last, 1);
	return last;
}

/* --- what is known -------------------------------------------------------------------------- */

bool
ways_is_closed(struct ways *w, const struct exchange *x, int64_t now)
{
	char text[ADDRESS_HOST_MAX + ADDRESS_SIZE + 16];
	int64_t key = name_way(x, x->header(x, "host"), text, sizeof(text));
	struct way *way = key == 0 ? NULL : find_way(w, key);

	if (way == NULL || !is_recent(way->stripped_at, now))
		return false;
	way->used_at = now;
	return true;
}

static void
note_stripped(struct ways *w, const struct exchange *x, struct slice host, int64_t now)
{
	char text[ADDRESS_HOST_MAX + ADDRESS_SIZE + 16];
	int64_t key = name_way(x, host, text, sizeof(text));
	struct way *way = key == 0 ? NULL : take_way(w, key, now);

	if (way == NULL || is_recent(way->passed_at, now))
		return;
	way->stripped_at = now;
	if (atomic_exchange(&way->said, 1) == 0)
		log_limited(LOG_LEVEL_WARN,
		    "websocket is not offered for %d minutes to clients of %s: an upgrade "
		    "arrived as a plain GET, since the web server passes none on to pollux-wsd, or "
		    "a proxy in front of it drops the Upgrade header.  Each of them must speak "
		    "HTTP/1.1 and pass Upgrade and Connection on; nginx: proxy_http_version 1.1, "
		    "proxy_set_header Upgrade $http_upgrade and proxy_set_header Connection "
		    "upgrade; Apache: ProxyPass with "
		    "upgrade=websocket; lighttpd: proxy.header = (\"upgrade\" => \"enable\")",
		    BELIEF_MS / 60000, text);
}

static void
note_passed(struct ways *w, const struct exchange *x, struct slice host, int64_t now)
{
	char text[ADDRESS_HOST_MAX + ADDRESS_SIZE + 16];
	int64_t key = name_way(x, host, text, sizeof(text));
	struct way *way = key == 0 ? NULL : take_way(w, key, now);

	if (way == NULL)
		return;
	way->passed_at = now;
	way->stripped_at = 0;
	way->said = 0;
}

void
ways_note_stripped(struct ways *w, const struct exchange *x, int64_t now)
{
	/* the process that takes the handshakes may know the site by either name */
	note_stripped(w, x, x->header(x, "host"), now);
	note_stripped(w, x, find_forwarded_host(x), now);
}

void
ways_note_passed(struct ways *w, const struct exchange *x, int64_t now)
{
	note_passed(w, x, x->header(x, "host"), now);
	note_passed(w, x, find_forwarded_host(x), now);
}

/* --- the beginning and the end -------------------------------------------------------------- */

struct ways *
ways_open(const char *folder, mode_t mode)
{
	struct ways *w = calloc(1, sizeof(*w));
	char path[CONFIG_PATH_MAX + sizeof("/ways")];

	if (w == NULL)
		return NULL;
	snprintf(path, sizeof(path), "%s/ways", folder);
	w->table = shm_map(path, WAYS * sizeof(w->table[0]), mode);
	if (w->table == NULL) {
		log_err("cannot map what is known about proxies, %s", path);
		free(w);
		return NULL;
	}
	return w;
}

void
ways_close(struct ways *w)
{
	if (w == NULL)
		return;
	munmap(w->table, WAYS * sizeof(w->table[0]));
	free(w);
}

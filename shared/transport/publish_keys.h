/* publish_keys: who may use the publishing interface, and how often.
 *
 *	[publish] keys = NAME:SCOPES:HEX ...      shop:publish,read:9f86d081...
 *
 * HEX is the SHA-256 of the key, so that the configuration gives no key away.  Scopes: publish,
 * read, admin (which is all). */
#ifndef POLLUX_PUBLISH_KEYS_H
#define POLLUX_PUBLISH_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/slice.h"

enum publish_scope {
	PUBLISH_ANYBODY = 0, /* no key is asked for */
	PUBLISH_WRITE = 1,
	PUBLISH_READ = 2,
	PUBLISH_ADMIN = 4,
};

#define PUBLISH_KEY_NAME_MAX 31

struct publish_key {
	char name[PUBLISH_KEY_NAME_MAX + 1];
	unsigned scopes; /* bit set of enum publish_scope */
	unsigned char hash[32];
	int64_t
	    tokens; /* thousandths of a request that may come at once; see publish_keys_take() */
	int64_t seen_at; /* when they were counted; 0: never */
};

struct publish_keys;

/* Read the setting.  NULL after logging what is wrong. */
struct publish_keys *publish_keys_open(const char *setting);
/* NULL is allowed. */
void publish_keys_close(struct publish_keys *keys);

/* The key that was sent, or NULL.  Takes the same time whichever it is. */
struct publish_key *publish_keys_find(struct publish_keys *keys, struct slice secret);

/* One more request: true, or false when there were more than `rate` per second.  A bucket of
 * `rate` tokens, filled at that rate. */
bool publish_keys_take(struct publish_key *key, size_t rate, int64_t now_ms);

#endif

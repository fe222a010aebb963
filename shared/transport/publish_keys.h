/* publish_keys: who may use the publishing interface, and how often.
 *
 *	[publish] keys = NAME:SCOPES:HEX ...      shop:publish,read:9f86d081...
 *
 * HEX is the SHA-256 of the key: reading the configuration does not give the key away.  Scopes:
 * publish, read, admin (which includes both).  The file `keys` in the data folder, which
 * `pollux key` writes, has more of them, a line each; it is read again whenever it has changed. */
#ifndef POLLUX_PUBLISH_KEYS_H
#define POLLUX_PUBLISH_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/slice.h"

enum publish_scope {
	PUBLISH_ANYBODY = 0, /* needs no key */
	PUBLISH_WRITE = 1,
	PUBLISH_READ = 2,
	PUBLISH_ADMIN = 4,
};

#define PUBLISH_KEY_NAME_MAX 31
#define PUBLISH_KEYS_MAX     64 /* of the setting and the file together */

struct publish_key {
	char name[PUBLISH_KEY_NAME_MAX + 1];
	unsigned scopes; /* bit set of enum publish_scope */
	unsigned char hash[32];
	bool from_file;  /* not of the setting */
	int64_t tokens;  /* requests that it may make at once, in thousandths */
	int64_t seen_at; /* when tokens were counted last; 0: never */
};

struct publish_keys;

/* Read the setting, and the file in this folder (borrowed; NULL: there is none).  A line of the
 * file that is wrong is logged and left out.  NULL after logging what is wrong with the setting. */
struct publish_keys *publish_keys_open(const char *setting, const char *folder);
/* NULL is allowed. */
void publish_keys_close(struct publish_keys *keys);

/* The key whose secret was sent, or NULL.  Takes the same time for each.  What it returns, and what
 * publish_keys_named() does, is valid until the next call of one of them. */
struct publish_key *publish_keys_find(struct publish_keys *keys, struct slice secret);

/* The key of this name and hash, or NULL: neither the setting nor the file has it any more. */
struct publish_key *publish_keys_named(
    struct publish_keys *keys, struct slice name, const unsigned char hash[32]);

/* Count one request.  Return false when there are more than `rate` per second: a bucket of `rate`
 * tokens, filled at that rate. */
bool publish_keys_take(struct publish_key *key, size_t rate, int64_t now_ms);

/* Call `each` with every key. */
void publish_keys_each(
    struct publish_keys *keys, void (*each)(void *arg, const struct publish_key *key), void *arg);

/* Read NAME, SCOPES and the SHA-256 of a key.  0, or -1: one of them is not valid. */
int publish_keys_parse(struct publish_key *key, struct slice word);

/* The path of the file. */
#define PUBLISH_KEYS_PATH_MAX  1024
#define PUBLISH_KEYS_BYTES_MAX 16384 /* of the file that are read */
void publish_keys_path(char path[PUBLISH_KEYS_PATH_MAX], const char *folder);

#endif

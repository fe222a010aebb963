#include "shared/transport/publish_keys.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "shared/base/log.h"
#include "shared/wire/digit.h"

#define TOKEN 1000 /* one request */

/* What tells whether the file has changed. */
struct keys_stamp {
	ino_t ino; /* 0: there was no file */
	off_t size;
	struct timespec changed;
};

struct publish_keys {
	struct publish_key at[PUBLISH_KEYS_MAX]; /* first those of the setting */
	unsigned n;
	const char *folder; /* borrowed; NULL: no file */
	struct keys_stamp stamp;
};

static int
parse_key_name(struct publish_key *key, struct slice name)
{
	if (name.n == 0 || name.n > PUBLISH_KEY_NAME_MAX)
		return -1;
	memcpy(key->name, name.p, name.n);
	return 0;
}

static int
parse_key_scopes(struct publish_key *key, struct slice scopes)
{
	struct slice scope;

	while (slice_cut(&scopes, ',', &scope)) {
		if (slice_is(scope, "publish"))
			key->scopes |= PUBLISH_WRITE;
		else if (slice_is(scope, "read"))
			key->scopes |= PUBLISH_READ;
		else if (slice_is(scope, "admin"))
			key->scopes |= PUBLISH_WRITE | PUBLISH_READ | PUBLISH_ADMIN;
		else
			return -1;
	}
	return key->scopes == 0 ? -1 : 0;
}

static int
parse_key_hash(struct publish_key *key, struct slice hex)
{
	if (hex.p == NULL || hex.n != 2 * sizeof(key->hash))
		return -1;
	for (size_t i = 0; i < sizeof(key->hash); i++) {
		int high = digit_hex(hex.p[2 * i]), low = digit_hex(hex.p[2 * i + 1]);

		if (high == -1 || low == -1)
			return -1;
		key->hash[i] = (unsigned char)(high << 4 | low);
	}
	return 0;
}

int
publish_keys_parse(struct publish_key *key, struct slice word)
{
	struct slice name, scopes;

	*key = (struct publish_key){.scopes = 0};
	return !slice_cut(&word, ':', &name) || parse_key_name(key, name) == -1 ||
	               !slice_cut(&word, ':', &scopes) || parse_key_scopes(key, scopes) == -1 ||
	               parse_key_hash(key, word) == -1
	           ? -1
	           : 0;
}

/* `where` is for the log, with the number of the key and not its text: it may be a secret that was
 * not hashed. */
static int
add_publish_key(struct publish_keys *keys, struct slice word, const char *where, unsigned number)
{
	if (keys->n == PUBLISH_KEYS_MAX) {
		log_errx("%s: more than the %d keys that are allowed", where, PUBLISH_KEYS_MAX);
		return -1;
	}
	if (publish_keys_parse(&keys->at[keys->n], word) == -1) {
		log_errx("%s: key %u is not NAME:SCOPES:HEX "
			 "(scopes: publish, read, admin; HEX: the 64 digits of a SHA-256)",
		    where, number);
		return -1;
	}
	keys->n++;
	return 0;
}

/* --- the file ------------------------------------------------------------------------------- */

void
publish_keys_path(char path[PUBLISH_KEYS_PATH_MAX], const char *folder)
{
	snprintf(path, PUBLISH_KEYS_PATH_MAX, "%s/keys", folder);
}

static struct keys_stamp
stamp_of(const struct stat *st)
{
	return (struct keys_stamp){st->st_ino, st->st_size, st->st_mtim};
}

static bool
is_same_stamp(const struct keys_stamp *a, const struct keys_stamp *b)
{
	return a->ino == b->ino && a->size == b->size && a->changed.tv_sec == b->changed.tv_sec &&
	       a->changed.tv_nsec == b->changed.tv_nsec;
}

static void
forget_file_keys(struct publish_keys *keys)
{
	while (keys->n > 0 && keys->at[keys->n - 1].from_file)
		keys->n--;
	keys->stamp = (struct keys_stamp){.ino = 0};
}

static void
read_file_keys(struct publish_keys *keys, const char *path)
{
	char text[PUBLISH_KEYS_BYTES_MAX];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd == -1 ? -1 : read(fd, text, sizeof(text));
	struct slice rest = {text, n < 0 ? 0 : (size_t)n}, line;
	struct stat st;
	unsigned number = 0;

	if (n == -1 || fstat(fd, &st) == -1) {
		log_limited(LOG_LEVEL_WARN, "%s: cannot be read", path);
		if (fd != -1)
			close(fd);
		return;
	}
	close(fd);
	keys->stamp = stamp_of(&st);
	while (slice_cut(&rest, '\n', &line)) {
		number++;
		if (line.n == 0 || line.p[0] == '#')
			continue;
		if (add_publish_key(keys, line, path, number) == 0)
			keys->at[keys->n - 1].from_file = true;
	}
}

/* Read the file if it is not the one that was read last. */
static void
follow_keys_file(struct publish_keys *keys)
{
	char path[PUBLISH_KEYS_PATH_MAX];
	struct keys_stamp now = {.ino = 0};
	struct stat st;

	if (keys->folder == NULL)
		return;
	publish_keys_path(path, keys->folder);
	if (stat(path, &st) == 0)
		now = stamp_of(&st);
	if (is_same_stamp(&now, &keys->stamp))
		return;
	forget_file_keys(keys);
	if (now.ino != 0)
		read_file_keys(keys, path);
}

/* --- all of them ---------------------------------------------------------------------------- */

struct publish_keys *
publish_keys_open(const char *setting, const char *folder)
{
	struct publish_keys *keys = calloc(1, sizeof(*keys));
	struct slice rest = slice_of(setting), word;
	unsigned number = 0;

	if (keys == NULL)
		return NULL;
	while (slice_cut(&rest, ' ', &word))
		if (word.n > 0 && add_publish_key(keys, word, "[publish] keys", ++number) == -1) {
			publish_keys_close(keys);
			return NULL;
		}
	keys->folder = folder;
	follow_keys_file(keys);
	return keys;
}

void
publish_keys_each(
    struct publish_keys *keys, void (*each)(void *arg, const struct publish_key *key), void *arg)
{
	for (unsigned i = 0; i < keys->n; i++)
		each(arg, &keys->at[i]);
}

void
publish_keys_close(struct publish_keys *keys)
{
	free(keys);
}

struct publish_key *
publish_keys_find(struct publish_keys *keys, struct slice secret)
{
	struct publish_key *found = NULL;
	unsigned char hash[EVP_MAX_MD_SIZE];

	follow_keys_file(keys);
	if (secret.n == 0 || EVP_Digest(secret.p, secret.n, hash, NULL, EVP_sha256(), NULL) != 1)
		return NULL;
	/* never stop early: the time must not tell which key matched */
	for (unsigned i = 0; i < keys->n; i++)
		if (CRYPTO_memcmp(hash, keys->at[i].hash, sizeof(keys->at[i].hash)) == 0)
			found = &keys->at[i];
	return found;
}

struct publish_key *
publish_keys_named(struct publish_keys *keys, struct slice name, const unsigned char hash[32])
{
	follow_keys_file(keys);
	for (unsigned i = 0; i < keys->n; i++)
		if (slice_is(name, keys->at[i].name) &&
		    CRYPTO_memcmp(hash, keys->at[i].hash, sizeof(keys->at[i].hash)) == 0)
			return &keys->at[i];
	return NULL;
}

bool
publish_keys_take(struct publish_key *key, size_t rate, int64_t now_ms)
{
	int64_t most = (int64_t)rate * TOKEN, passed = now_ms - key->seen_at;

	/* a second fills the bucket: a longer time is not multiplied, which could overflow */
	if (key->seen_at == 0 || passed > 1000)
		key->tokens = most;
	else if (passed > 0)
		key->tokens += passed * (int64_t)rate; /* a thousandth of `rate` per millisecond */
	if (key->tokens > most)
		key->tokens = most;
	key->seen_at = now_ms;
	if (key->tokens < TOKEN)
		return false;
	key->tokens -= TOKEN;
	return true;
}

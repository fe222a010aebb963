/* Verdicts that the hook allows to be used again (Cache-Control: max-age): docs/hook.md, section 3.
 * Each process has its own cache. */
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "shared/hook/internal.h"
#include "shared/wire/json.h"

#define ENTRIES_MAX 1000
#define MAX_AGE_S   3600

struct hook_cached {
	unsigned char digest[HOOK_DIGEST_LEN];
	int64_t until;
	int verdict;
	struct hook_admission admission;
	UT_hash_handle hh;
};

/* --- what makes two questions the same ------------------------------------------------------ */

static void
digest_add(EVP_MD_CTX *ctx, struct slice bytes, const char *end)
{
	EVP_DigestUpdate(ctx, bytes.p, bytes.n);
	/* a byte that JSON text never has, so parts cannot run together */
	EVP_DigestUpdate(ctx, end, 1);
}

static void
digest_cookies(EVP_MD_CTX *ctx, const struct json_value *headers)
{
	struct json_walk walk;
	struct json_value value;
	struct slice key;

	json_walk_begin(&walk, headers);
	while (json_walk_member(&walk, &key, &value))
		if (json_string_is(key, "cookie"))
			digest_add(ctx, value.text, "\1");
}

/* Without `t` and `jsonp`, which clients change with every request. */
static void
digest_query(EVP_MD_CTX *ctx, const struct json_value *query)
{
	struct json_walk walk;
	struct json_value value;
	struct slice key;

	json_walk_begin(&walk, query);
	while (json_walk_member(&walk, &key, &value)) {
		if (json_string_is(key, "t") || json_string_is(key, "jsonp"))
			continue;
		digest_add(ctx, key, "\2");
		digest_add(ctx, value.text, "\3");
	}
}

int
hook_cache_digest(unsigned char digest[HOOK_DIGEST_LEN], struct slice ns, struct slice handshake)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	struct json_value all, value;
	struct json_walk walk;
	struct slice key;
	bool good = ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 &&
	            json_parse(&all, handshake) == 0 && all.kind == JSON_KIND_OBJECT;

	if (good) {
		digest_add(ctx, ns, "\4");
		json_walk_begin(&walk, &all);
		while (json_walk_member(&walk, &key, &value)) {
			if (value.kind == JSON_KIND_OBJECT && json_string_is(key, "headers"))
				digest_cookies(ctx, &value);
			if (value.kind == JSON_KIND_OBJECT && json_string_is(key, "query"))
				digest_query(ctx, &value);
		}
		good = EVP_DigestFinal_ex(ctx, digest, NULL) == 1;
	}
	EVP_MD_CTX_free(ctx);
	return good ? 0 : -1;
}

/* --- the answers ---------------------------------------------------------------------------- */

static void
drop_cached(struct hook *hook, struct hook_cached *entry)
{
	HASH_DEL(hook->cache, entry);
	hook_reply_free_admission(&entry->admission);
	free(entry);
}

bool
hook_cache_find(struct hook *hook, const unsigned char digest[HOOK_DIGEST_LEN], int *verdict,
    struct hook_admission **a)
{
	struct hook_cached *entry;

	HASH_FIND(hh, hook->cache, digest, HOOK_DIGEST_LEN, entry);
	if (entry == NULL)
		return false;
	if (entry->until <= hub_now(hook->base.hub)) {
		drop_cached(hook, entry);
		return false;
	}
	*verdict = entry->verdict;
	*a = &entry->admission;
	return true;
}

static char *
copy_text(const char *text)
{
	return text == NULL ? NULL : strdup(text);
}

void
hook_cache_add(struct hook *hook, const unsigned char digest[HOOK_DIGEST_LEN], int verdict,
    const struct hook_admission *a, int64_t max_age_s)
{
	struct hook_cached *entry;

	HASH_FIND(hh, hook->cache, digest, HOOK_DIGEST_LEN, entry);
	if (entry != NULL)
		drop_cached(hook, entry);
	if (HASH_COUNT(hook->cache) == ENTRIES_MAX)
		drop_cached(hook, hook->cache); /* the oldest */
	entry = calloc(1, sizeof(*entry));
	if (entry == NULL)
		return;
	memcpy(entry->digest, digest, HOOK_DIGEST_LEN);
	entry->verdict = verdict;
	entry->until =
	    hub_now(hook->base.hub) + (max_age_s < MAX_AGE_S ? max_age_s : MAX_AGE_S) * 1000;
	entry->admission = (struct hook_admission){
	    .words = {.user = copy_text(a->words.user), .data = copy_text(a->words.data)},
	    .actions = copy_text(a->actions),
	    .transports = copy_text(a->transports),
	};
	HASH_ADD(hh, hook->cache, digest, HOOK_DIGEST_LEN, entry);
}

void
hook_cache_free(struct hook *hook)
{
	struct hook_cached *entry, *next;

	HASH_ITER (hh, hook->cache, entry, next)
		drop_cached(hook, entry);
}

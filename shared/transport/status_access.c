/* Logins at the status page, and tickets: rows of status_login.h.
 *
 *	SHA-256("login COOKIE")    the key's hash and name; empty once its owner has logged out
 *	SHA-256("ticket TICKET")   the name of the login; empty once it was taken
 *
 * The texts themselves are not stored. */
#include <stdio.h>
#include <stdlib.h>

#include <openssl/evp.h>
#include <openssl/rand.h>

#include "shared/store/status_login.h"
#include "shared/transport/internal.h"
#include "shared/transport/publish_done.h"
#include "shared/transport/status.h"
#include "shared/wire/cookie.h"
#include "shared/wire/digit.h"

#define COOKIE    "pollux_status"
#define HASH_SIZE 32 /* half of the digits of a text */

#define LOGIN_MS  INT64_C(43200000) /* status_request.c says so to the browser */
#define TICKET_MS INT64_C(30000)

static void
write_hex(const unsigned char bytes[HASH_SIZE], char text[STATUS_TEXT_SIZE])
{
	for (size_t i = 0; i < HASH_SIZE; i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
}

/* Return 0, or -1: the digits are wrong. */
static int
read_hex(struct slice text, unsigned char bytes[HASH_SIZE])
{
	if (text.n < 2 * HASH_SIZE)
		return -1;
	for (size_t i = 0; i < HASH_SIZE; i++) {
		int high = digit_hex(text.p[2 * i]), low = digit_hex(text.p[2 * i + 1]);

		if (high == -1 || low == -1)
			return -1;
		bytes[i] = (unsigned char)(high << 4 | low);
	}
	return 0;
}

static int
make_text(char text[STATUS_TEXT_SIZE])
{
	unsigned char bytes[HASH_SIZE];

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return -1;
	write_hex(bytes, text);
	return 0;
}

/* The hash of a word and a text, under which the text is known; empty: libcrypto has no memory. */
static void
hash_text(const char *word, struct slice text, char name[STATUS_TEXT_SIZE])
{
	char whole[128];
	unsigned char digest[EVP_MAX_MD_SIZE];
	int n = snprintf(whole, sizeof(whole), "%s %.*s", word, (int)text.n, slice_text(text));

	name[0] = '\0';
	if (n > 0 && (size_t)n < sizeof(whole) &&
	    EVP_Digest(whole, (size_t)n, digest, NULL, EVP_sha256(), NULL) == 1)
		write_hex(digest, name);
}

/* --- logins --------------------------------------------------------------------------------- */

int
status_access_log_in(const struct publish_request *p, char cookie[STATUS_TEXT_SIZE])
{
	char login[STATUS_TEXT_SIZE], hash[STATUS_TEXT_SIZE], value[STATUS_TEXT_SIZE + 64];

	if (make_text(cookie) == -1)
		return -1;
	hash_text("login", slice_of(cookie), login);
	if (login[0] == '\0')
		return -1;
	write_hex(p->key->hash, hash);
	snprintf(value, sizeof(value), "%s %s", hash, p->key->name);
	publish_done_login(p->sv, slice_of(login), slice_of(value), LOGIN_MS);
	return 0;
}

struct publish_key *
status_access_key(struct server *sv, struct slice login)
{
	struct publish_key *key = NULL;
	unsigned char hash[HASH_SIZE];
	char *value;

	if (sv->publish_keys == NULL)
		return NULL;
	value = status_login_find(hub_store(sv->hub), login, sv->now);
	/* "HASH NAME" */
	if (value != NULL && read_hex(slice_of(value), hash) == 0 &&
	    value[STATUS_TEXT_SIZE - 1] == ' ')
		key =
		    publish_keys_named(sv->publish_keys, slice_of(value + STATUS_TEXT_SIZE), hash);
	free(value);
	return key != NULL && (key->scopes & PUBLISH_READ) != 0 ? key : NULL;
}

bool
status_access_identify(struct publish_request *p, char login[STATUS_TEXT_SIZE])
{
	struct slice cookie;

	if (!cookie_find(p->x->header(p->x, "cookie"), SLICE(COOKIE), &cookie) ||
	    cookie.n != STATUS_TEXT_SIZE - 1)
		return false;
	hash_text("login", cookie, login);
	p->key = status_access_key(p->sv, slice_of(login));
	return p->key != NULL;
}

void
status_access_token(const char login[STATUS_TEXT_SIZE], char token[STATUS_TEXT_SIZE])
{
	hash_text("token", slice_of(login), token);
}

void
status_access_log_out(struct server *sv, const char login[STATUS_TEXT_SIZE])
{
	publish_done_login(sv, slice_of(login), SLICE(""), LOGIN_MS);
}

/* --- tickets -------------------------------------------------------------------------------- */

int
status_access_ticket(
    struct server *sv, const char login[STATUS_TEXT_SIZE], char ticket[STATUS_TEXT_SIZE])
{
	char name[STATUS_TEXT_SIZE];

	if (make_text(ticket) == -1)
		return -1;
	hash_text("ticket", slice_of(ticket), name);
	publish_done_login(sv, slice_of(name), slice_of(login), TICKET_MS);
	return name[0] == '\0' ? -1 : 0;
}

bool
status_access_redeem(struct server *sv, struct slice ticket, char login[STATUS_TEXT_SIZE])
{
	char name[STATUS_TEXT_SIZE], *value;
	bool good;

	if (ticket.n != STATUS_TEXT_SIZE - 1)
		return false;
	hash_text("ticket", ticket, name);
	value = status_login_find(hub_store(sv->hub), slice_of(name), sv->now);
	good = value != NULL && strlen(value) == STATUS_TEXT_SIZE - 1;
	if (good)
		memcpy(login, value, STATUS_TEXT_SIZE);
	free(value);
	if (good)
		publish_done_login(sv, slice_of(name), SLICE(""), TICKET_MS);
	return good && status_access_key(sv, slice_of(login)) != NULL;
}

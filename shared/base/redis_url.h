/* redis_url: where Redis is, as one text.  Pure.
 *
 *	redis://[[user]:password@]host[:port][/db]
 *	unix:/path/of/the.sock
 *	redis+sentinel://[[user]:password@]host[:port],host[:port],.../name[/db]
 *
 * A password is secret: redis_url_describe() gives the text without it, and no error has a piece of
 * what was read. */
#ifndef POLLUX_REDIS_URL_H
#define POLLUX_REDIS_URL_H

#include <stdbool.h>
#include <stddef.h>

#include "shared/base/address.h"
#include "shared/base/slice.h"

#define REDIS_URL_HOSTS    8
#define REDIS_URL_WORD_MAX 255  /* of a user, a password, a name */
#define REDIS_URL_PATH_MAX 107  /* what sockaddr_un takes */
#define REDIS_URL_TEXT     2560 /* for redis_url_describe() */

#define REDIS_URL_PORT          6379
#define REDIS_URL_SENTINEL_PORT 26379

enum redis_url_kind {
	REDIS_URL_NONE, /* the text was empty */
	REDIS_URL_TCP,
	REDIS_URL_UNIX,
	REDIS_URL_SENTINEL, /* the hosts are sentinels, which know where the master `name` is */
};

struct redis_url_host {
	char name[ADDRESS_HOST_MAX + 1]; /* without the brackets of an IPv6 address */
	unsigned port;
};

struct redis_url {
	enum redis_url_kind kind;
	char user[REDIS_URL_WORD_MAX + 1];     /* empty: the default user */
	char password[REDIS_URL_WORD_MAX + 1]; /* decoded; empty: none */
	struct redis_url_host hosts[REDIS_URL_HOSTS];
	size_t hosts_n;
	char path[REDIS_URL_PATH_MAX + 1];
	char name[REDIS_URL_WORD_MAX + 1];
	unsigned db;
};

/* Read a text.  Return NULL, or what is wrong with it, static; `*u` is void then. */
const char *redis_url_parse(struct redis_url *u, struct slice text);

/* The text of it for people, without user and password; always NUL-terminated. */
void redis_url_describe(const struct redis_url *u, char text[REDIS_URL_TEXT]);

#endif

#include "shared/base/redis_url.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Redis numbers its databases; it has 16 unless told otherwise. */
#define DB_DIGITS 5
#define DB_MOST   65535

static const char is_unknown[] = "not redis://host:port, unix:/path or "
				 "redis+sentinel://host:port,host:port/name";
static const char is_bad_host[] = "a host is neither a name nor an address";

/* --- words ------------------------------------------------------------------------------------ */

/* The value of a hexadecimal digit, or -1. */
static int
url_hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Copy a word of user or password and decode %40 and the like.  False: it is too long, or wrong. */
static bool
url_decode(char word[REDIS_URL_WORD_MAX + 1], struct slice s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (c == '%') {
			int high = s.n - i > 2 ? url_hex(s.p[i + 1]) : -1;
			int low = s.n - i > 2 ? url_hex(s.p[i + 2]) : -1;

			if (high == -1 || low == -1)
				return false;
			c = (char)(high * 16 + low);
			i += 2;
		}
		if (c == '\0' || n == REDIS_URL_WORD_MAX)
			return false;
		word[n++] = c;
	}
	word[n] = '\0';
	return true;
}

/* Read "user:password" or ":password". */
static const char *
url_read_login(struct redis_url *u, struct slice login)
{
	struct slice user;

	(void)slice_cut(&login, ':', &user);
	if (login.n == 0)
		return "what stands before the @ is not :password or user:password";
	if (!url_decode(u->user, user) || !url_decode(u->password, login))
		return "the user or the password is longer than 255 characters, or a % in it is "
		       "not %25";
	return NULL;
}

/* --- hosts ------------------------------------------------------------------------------------ */

/* Cut "host", "host:port" or "[address]:port" into host and port, whose `p` is NULL if it is
 * missing.  False: it is none of these. */
static bool
url_cut_port(struct slice text, struct slice *host, struct slice *port)
{
	const char *end;

	if (!slice_starts(text, SLICE("["))) {
		(void)slice_cut(&text, ':', host);
		*port = text;
		return host->n > 0;
	}
	end = memchr(text.p, ']', text.n);
	if (end == NULL)
		return false;
	*host = (struct slice){text.p + 1, (size_t)(end - text.p) - 1};
	text = slice_skip(text, host->n + 2);
	*port = text.n == 0 ? (struct slice){NULL, 0} : slice_skip(text, 1);
	return host->n > 0 && (text.n == 0 || text.p[0] == ':') &&
	       memchr(host->p, ':', host->n) != NULL;
}

static const char *
url_read_host(struct redis_url *u, struct slice text, unsigned port)
{
	struct redis_url_host *to = &u->hosts[u->hosts_n];
	struct slice host, digits;

	if (u->hosts_n == REDIS_URL_HOSTS)
		return "more than 8 hosts";
	if (text.n == 0 || !url_cut_port(text, &host, &digits) || !address_is_host(host))
		return is_bad_host;
	if (digits.p != NULL && (!slice_number(digits, 5, 65535, &port) || port == 0))
		return "a port is not a number from 1 to 65535";
	memcpy(to->name, host.p, host.n);
	to->name[host.n] = '\0';
	to->port = port;
	u->hosts_n++;
	return NULL;
}

/* Read what stands between "//" and the next "/". */
static const char *
url_read_authority(struct redis_url *u, struct slice text, unsigned port)
{
	const char *at = text.n == 0 ? NULL : memrchr(text.p, '@', text.n);
	const char *wrong = NULL;
	struct slice host;

	if (at != NULL) {
		size_t n = (size_t)(at - text.p);

		wrong = url_read_login(u, (struct slice){text.p, n});
		text = slice_skip(text, n + 1);
	}
	while (wrong == NULL && slice_cut(&text, ',', &host))
		wrong = url_read_host(u, host, port);
	if (wrong == NULL && u->hosts_n == 0)
		wrong = is_bad_host;
	return wrong;
}

/* --- the whole -------------------------------------------------------------------------------- */

static const char *
url_read_db(struct redis_url *u, struct slice text)
{
	if (text.n > 0 && !slice_number(text, DB_DIGITS, DB_MOST, &u->db))
		return "the database after the last / is not a number";
	return NULL;
}

/* As sentinels allow: without '@' or '/', which a password may have. */
static bool
url_is_name(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_",
			s.p[i]) == NULL)
			return false;
	return s.n > 0 && s.n <= REDIS_URL_WORD_MAX;
}

static const char *
url_parse_sentinel(struct redis_url *u, struct slice text)
{
	struct slice authority, name;
	const char *wrong;

	(void)slice_cut(&text, '/', &authority);
	wrong = url_read_authority(u, authority, REDIS_URL_SENTINEL_PORT);
	if (wrong != NULL)
		return wrong;
	if (!slice_cut(&text, '/', &name) || !url_is_name(name))
		return "the name of the master is missing after the sentinels, or is none";
	memcpy(u->name, name.p, name.n);
	u->name[name.n] = '\0';
	return url_read_db(u, text);
}

static const char *
url_parse_tcp(struct redis_url *u, struct slice text)
{
	struct slice authority;
	const char *wrong;

	(void)slice_cut(&text, '/', &authority);
	wrong = url_read_authority(u, authority, REDIS_URL_PORT);
	if (wrong != NULL)
		return wrong;
	return u->hosts_n > 1 ? "one host only" : url_read_db(u, text);
}

static const char *
url_parse_unix(struct redis_url *u, struct slice path)
{
	if (path.n > REDIS_URL_PATH_MAX || path.n < 2)
		return "the path of a socket has 2 to 107 characters";
	memcpy(u->path, path.p, path.n);
	u->path[path.n] = '\0';
	return NULL;
}

const char *
redis_url_parse(struct redis_url *u, struct slice text)
{
	*u = (struct redis_url){.kind = REDIS_URL_NONE};
	if (text.n == 0)
		return NULL;
	if (slice_has_nul(text))
		return is_unknown;
	if (slice_starts(text, SLICE("redis://"))) {
		u->kind = REDIS_URL_TCP;
		return url_parse_tcp(u, slice_skip(text, strlen("redis://")));
	}
	if (slice_starts(text, SLICE("redis+sentinel://"))) {
		u->kind = REDIS_URL_SENTINEL;
		return url_parse_sentinel(u, slice_skip(text, strlen("redis+sentinel://")));
	}
	if (slice_starts(text, SLICE("unix:/"))) {
		u->kind = REDIS_URL_UNIX;
		return url_parse_unix(u, slice_skip(text, strlen("unix:")));
	}
	if (slice_starts(text, SLICE("rediss://")))
		return "there is no TLS; have a tunnel such as stunnel listen on this machine";
	return is_unknown;
}

/* Put what is printed into the rest of `text`.  Return its new length. */
static size_t __attribute__((format(printf, 3, 4)))
url_append(char text[REDIS_URL_TEXT], size_t n, const char *format, ...)
{
	va_list args;
	int more;

	va_start(args, format);
	more = vsnprintf(text + n, REDIS_URL_TEXT - n, format, args);
	va_end(args);
	return more < 0 ? n : n + (size_t)more < REDIS_URL_TEXT ? n + (size_t)more : n;
}

void
redis_url_describe(const struct redis_url *u, char text[REDIS_URL_TEXT])
{
	size_t n = 0;

	text[0] = '\0';
	if (u->kind == REDIS_URL_UNIX)
		n = url_append(text, n, "unix:%s", u->path);
	else if (u->kind != REDIS_URL_NONE)
		n = url_append(
		    text, n, u->kind == REDIS_URL_TCP ? "redis://" : "redis+sentinel://");
	for (size_t i = 0; i < u->hosts_n; i++) {
		bool v6 = strchr(u->hosts[i].name, ':') != NULL;

		n = url_append(text, n, "%s%s%s%s:%u", i == 0 ? "" : ",", v6 ? "[" : "",
		    u->hosts[i].name, v6 ? "]" : "", u->hosts[i].port);
	}
	if (u->kind == REDIS_URL_SENTINEL)
		n = url_append(text, n, "/%s", u->name);
	if (u->db != 0)
		(void)url_append(text, n, "/%u", u->db);
}

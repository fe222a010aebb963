#include "cli/site.h"

#include <arpa/inet.h>
#include <http_parser.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "shared/base/slice.h"

/* --- the URL -------------------------------------------------------------------------------- */

static struct slice
url_part(const char *url, const struct http_parser_url *parts, enum http_parser_url_fields which)
{
	if ((parts->field_set & (1u << which)) == 0)
		return (struct slice){NULL, 0};
	return (struct slice){url + parts->field_data[which].off, parts->field_data[which].len};
}

static void
write_authority(struct site *s)
{
	bool usual = s->port == (s->tls ? 443 : 80);
	bool v6 = strchr(s->host, ':') != NULL;
	char port[8] = "";

	if (!usual)
		snprintf(port, sizeof(port), ":%u", s->port);
	snprintf(s->authority, sizeof(s->authority), v6 ? "[%.246s]%s" : "%.248s%s", s->host, port);
}

/* "/app/", "/app/socket.io" -> folder "/app", path "/app/socket.io" */
static void
split_path(struct site *s, struct slice path, const char *resource)
{
	size_t n = strlen(resource);

	while (path.n > 0 && path.p[path.n - 1] == '/')
		path.n--;
	if (path.n > n && path.p[path.n - n - 1] == '/' &&
	    memcmp(path.p + path.n - n, resource, n) == 0)
		path.n -= n + 1;
	snprintf(s->folder, sizeof(s->folder), "%.*s", (int)path.n, slice_text(path));
	snprintf(s->path, sizeof(s->path), "%.*s/%s", (int)path.n, slice_text(path), resource);
}

const char *
site_read(struct site *s, const char *url, const char *resource)
{
	struct http_parser_url parts;
	struct slice scheme, host, path;

	memset(s, 0, sizeof(*s));
	http_parser_url_init(&parts);
	if (http_parser_parse_url(url, strlen(url), 0, &parts) != 0)
		return "it is not a URL such as http://example.com/";
	scheme = url_part(url, &parts, UF_SCHEMA);
	host = url_part(url, &parts, UF_HOST);
	path = url_part(url, &parts, UF_PATH);
	s->tls = slice_is(scheme, "https");
	if (!s->tls && !slice_is(scheme, "http"))
		return "it begins neither with http:// nor with https://";
	if (host.n == 0 || host.n > 240)
		return "its host is missing, or too long";
	if ((parts.field_set & (1u << UF_USERINFO)) != 0)
		return "a user and a password in it are not supported";
	if (path.n + strlen(resource) + 2 > SITE_PATH_MAX)
		return "its path is too long";
	for (const char *c = url; *c != '\0'; c++)
		if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7f)
			return "it has a character that must be written as %XX";
	snprintf(s->host, sizeof(s->host), "%.*s", (int)host.n, host.p);
	s->port = (parts.field_set & (1u << UF_PORT)) != 0 ? parts.port : s->tls ? 443 : 80;
	write_authority(s);
	split_path(s, path, resource);
	return NULL;
}

/* --- its addresses -------------------------------------------------------------------------- */

static void
take_addresses(struct site *s, const struct addrinfo *list)
{
	for (const struct addrinfo *a = list; a != NULL; a = a->ai_next) {
		struct site_address *to = &s->addresses[s->addresses_n];

		if (s->addresses_n == SITE_ADDRESSES_MAX || a->ai_addrlen > sizeof(to->any))
			return;
		memcpy(&to->any, a->ai_addr, a->ai_addrlen);
		to->n = a->ai_addrlen;
		if (getnameinfo(a->ai_addr, a->ai_addrlen, to->text, sizeof(to->text), NULL, 0,
			NI_NUMERICHOST) == 0)
			s->addresses_n++;
	}
}

/* What a lookup needs for as long as it runs. */
struct lookup {
	struct gaicb one;
	struct addrinfo hints;
	char host[SITE_HOST_MAX], port[8];
};

const char *
site_resolve(struct site *s, int64_t ms)
{
	struct timespec timeout = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
	struct sigevent quiet = {.sigev_notify = SIGEV_NONE};
	struct lookup *l = calloc(1, sizeof(*l));
	struct gaicb *list[1];
	const struct gaicb *waited[1];
	int error;

	if (l == NULL)
		return "out of memory";
	waited[0] = list[0] = &l->one;
	snprintf(l->host, sizeof(l->host), "%s", s->host);
	snprintf(l->port, sizeof(l->port), "%u", s->port);
	l->hints = (struct addrinfo){.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
	l->one = (struct gaicb){.ar_name = l->host, .ar_service = l->port, .ar_request = &l->hints};
	/* in a thread of libc: getaddrinfo() alone has no limit of its time */
	error = getaddrinfo_a(GAI_NOWAIT, list, 1, &quiet);
	if (error == 0) {
		gai_suspend(waited, 1, &timeout);
		gai_cancel(&l->one);
		error = gai_error(&l->one);
	}
	if (error == EAI_INPROGRESS)
		return "no name server answers"; /* `l` is the thread's as long as it lives */
	if (error == 0) {
		take_addresses(s, l->one.ar_result);
		freeaddrinfo(l->one.ar_result);
	}
	free(l);
	if (error != 0)
		return gai_strerror(error);
	return s->addresses_n == 0 ? "it has no address" : NULL;
}

void
site_at_port(struct site *to, const struct site *from, unsigned port, bool tls)
{
	*to = *from;
	to->tls = tls;
	to->port = port;
	for (unsigned i = 0; i < to->addresses_n; i++) {
		struct sockaddr_storage *any = &to->addresses[i].any;

		if (any->ss_family == AF_INET6)
			((struct sockaddr_in6 *)any)->sin6_port = htons((uint16_t)port);
		else
			((struct sockaddr_in *)any)->sin_port = htons((uint16_t)port);
	}
	write_authority(to);
}

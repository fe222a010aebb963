#include "shared/base/config_value.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "shared/base/config.h"
#include "shared/base/listen.h"
#include "shared/base/log.h"
#include "shared/base/origins.h"
#include "shared/base/proxies.h"
#include "shared/base/redis_url.h"
#include "shared/base/room_list.h"

/* Return -1. */
static int __attribute__((format(printf, 3, 4)))
reject(const struct config_value *v, const struct config_row *row, const char *format, ...)
{
	va_list args;
	int n = snprintf(v->error, v->error_size, "%s: ", row->key);

	if (n < 0 || (size_t)n >= v->error_size)
		return -1;
	va_start(args, format);
	vsnprintf(v->error + n, v->error_size - (size_t)n, format, args);
	va_end(args);
	return -1;
}

/* --- numbers ---------------------------------------------------------------------------------- */

/* Read digits from the front of `text`.  Return how many there were; the number stops growing
 * far above any range. */
static size_t
read_digits(const char *text, int64_t *number)
{
	size_t n = strspn(text, "0123456789");

	*number = 0;
	for (size_t i = 0; i < n; i++)
		if (*number < INT64_MAX / 100)
			*number = *number * 10 + (text[i] - '0');
	return n;
}

/* "25", "0.5": milliseconds; further digits are dropped.  Return 0 or -1. */
static int
read_seconds(const char *text, int64_t *ms)
{
	size_t n = read_digits(text, ms);

	if (n == 0)
		return -1;
	*ms = *ms > INT64_MAX / 1000 ? INT64_MAX : *ms * 1000;
	text += n;
	/* By hand: the point of strtod() is the locale's. */
	if (*text == '.') {
		n = strspn(++text, "0123456789");
		if (n == 0)
			return -1;
		for (int unit = 100; n > 0 && unit > 0; n--, text++, unit /= 10)
			if (*ms < INT64_MAX - 1000)
				*ms += (*text - '0') * unit;
		text += n;
	}
	return *text == '\0' ? 0 : -1;
}

int
config_value_read_size(const char *text, int64_t *size)
{
	size_t n = read_digits(text, size);
	int shift = 0;

	if (n == 0)
		return -1;
	text += n;
	if (*text == 'k' || *text == 'K')
		shift = 10;
	else if (*text == 'm' || *text == 'M')
		shift = 20;
	else if (*text == 'g' || *text == 'G')
		shift = 30;
	if (shift > 0)
		text++;
	*size = *size > INT64_MAX >> shift ? INT64_MAX : *size << shift;
	return *text == '\0' ? 0 : -1;
}

static int
set_number(const struct config_value *v, const struct config_row *row, char *field)
{
	bool seconds = row->kind == KIND_SECONDS;
	int (*read_number)(const char *text, int64_t *number) =
	    seconds ? read_seconds : config_value_read_size;
	int64_t number, least, most;
	size_t size;

	/* The range is text, so that this error, the row and the man page show the same. */
	if (read_number(row->least, &least) == -1 || read_number(row->most, &most) == -1 ||
	    read_number(v->text, &number) == -1 || number < least || number > most)
		return reject(v, row, "\"%s\" is not a number%s from %s to %s%s", v->text,
		    seconds ? " of seconds" : "", row->least, row->most,
		    seconds ? "" : " (k, M and G may follow)");
	size = (size_t)number;
	if (seconds)
		memcpy(field, &number, sizeof(number));
	else
		memcpy(field, &size, sizeof(size));
	return 0;
}

/* "auto" is kept as 0, which the range excludes. */
static int
set_count(const struct config_value *v, const struct config_row *row, char *field)
{
	int64_t number, least, most;
	size_t count = 0;

	if (config_value_read_size(row->least, &least) == -1 ||
	    config_value_read_size(row->most, &most) == -1)
		return -1;
	if (strcmp(v->text, "auto") != 0) {
		if (config_value_read_size(v->text, &number) == -1 || number < least ||
		    number > most)
			return reject(v, row, "\"%s\" is neither auto nor a number from %s to %s",
			    v->text, row->least, row->most);
		count = (size_t)number;
	}
	memcpy(field, &count, sizeof(count));
	return 0;
}

/* "none" is kept as 0, which the range excludes, and "auto", where it is the default, as
 * CONFIG_LIMIT_AUTO. */
static int
set_limit(const struct config_value *v, const struct config_row *row, char *field)
{
	bool has_auto = strcmp(row->value, "auto") == 0;
	int64_t number, least, most;
	size_t limit = 0;

	if (config_value_read_size(row->least, &least) == -1 ||
	    config_value_read_size(row->most, &most) == -1)
		return -1;
	if (has_auto && strcmp(v->text, "auto") == 0)
		limit = CONFIG_LIMIT_AUTO;
	else if (strcmp(v->text, "none") != 0 && strcmp(v->text, "0") != 0) {
		if (config_value_read_size(v->text, &number) == -1 || number < least ||
		    number > most)
			return reject(v, row, "\"%s\" is neither %s nor a number from %s to %s",
			    v->text, has_auto ? "auto, none" : "none", row->least, row->most);
		limit = (size_t)number;
	}
	memcpy(field, &limit, sizeof(limit));
	return 0;
}

/* --- texts ------------------------------------------------------------------------------------ */

/* Put head, separator and text together into the field; `head` may be the field's own content. */
static int
join_text(const struct config_value *v, const struct config_row *row, struct slice head,
    const char *separator, struct slice text, char *field)
{
	size_t between = head.n > 0 && text.n > 0 ? strlen(separator) : 0;

	/* Check before writing: a field keeps its value when a new one is refused. */
	if (head.n + between + text.n >= row->room)
		return reject(v, row, "longer than %zu characters", row->room - 1);
	if (row->required && head.n + text.n == 0)
		return reject(v, row, "may not be empty");
	if (head.n > 0)
		memmove(field, head.p, head.n);
	memcpy(field + head.n, separator, between);
	if (text.n > 0)
		memcpy(field + head.n + between, text.p, text.n);
	field[head.n + between + text.n] = '\0';
	return 0;
}

/* The words of a text with single commas between them. */
static struct slice
write_list(const char *text, char *list, size_t size)
{
	size_t n = 0;

	/* A run of separators becomes one comma: readers split at commas and find no empty
	 * words. */
	for (const char *p = text; *p != '\0' && n < size; p++) {
		if (strchr(", \t\r\n", *p) == NULL)
			list[n++] = *p;
		else if (n > 0 && list[n - 1] != ',')
			list[n++] = ',';
	}
	if (n > 0 && list[n - 1] == ',')
		n--;
	return (struct slice){list, n};
}

static int
set_list(const struct config_value *v, const struct config_row *row, struct slice head, char *field)
{
	char list[CONFIG_TEXT_MAX + 1]; /* one too long for any field: join_text() refuses it */

	return join_text(v, row, head, ",", write_list(v->text, list, sizeof(list)), field);
}

static int
set_proxies(
    const struct config_value *v, const struct config_row *row, struct slice head, char *field)
{
	char list[CONFIG_TEXT_MAX + 1];
	struct slice words = write_list(v->text, list, sizeof(list)), bad;
	struct proxies proxies;

	if (words.n < sizeof(list) && proxies_parse(&proxies, words, &bad) == -1)
		return reject(v, row,
		    "\"%.*s\" is neither an address, nor a network such as 10.0.0.0/8, nor unix",
		    (int)bad.n, bad.p);
	return join_text(v, row, head, ",", words, field);
}

static int
set_rooms(
    const struct config_value *v, const struct config_row *row, struct slice head, char *field)
{
	char list[CONFIG_TEXT_MAX + 1];
	struct slice words = write_list(v->text, list, sizeof(list)), bad;

	if (words.n < sizeof(list) && !room_list_is_valid(words, &bad))
		return reject(v, row,
		    "\"%.*s\": a list has a pattern and a number from 0 to %d for each, such as "
		    "chat.* 20",
		    (int)bad.n, bad.p, ROOM_LIST_MOST);
	return join_text(v, row, head, ",", words, field);
}

static int
set_origins(
    const struct config_value *v, const struct config_row *row, struct slice head, char *field)
{
	struct slice bad = {NULL, 0};
	const char *wrong = origins_check(slice_of(v->text), &bad);

	if (wrong != NULL)
		return reject(v, row, "\"%.*s\": %s", (int)bad.n, bad.p, wrong);
	return set_list(v, row, head, field);
}

static int
set_path(const struct config_value *v, const struct config_row *row, char *field)
{
	bool relative = v->text[0] != '/' && v->text[0] != '\0';
	struct slice head = relative ? v->base : (struct slice){NULL, 0}, text = slice_of(v->text);

	/* the paths of sockets are short: no "././" */
	while (relative && slice_starts(text, SLICE("./")))
		text = slice_skip(text, 2);
	return join_text(v, row, head, "", text, field);
}

/* Only what can be seen in the text: whether the address exists is found when it is used. */
static int
set_addresses(
    const struct config_value *v, const struct config_row *row, struct slice head, char *field)
{
	char all[CONFIG_TEXT_MAX];
	struct slice wrong;
	int n = snprintf(all, sizeof(all), "%.*s%s%s", (int)head.n, slice_text(head),
	    head.n > 0 ? " " : "", v->text);

	/* with the lines above: a path takes all that follows it.  Too long: join_text() says so */
	if (n > 0 && (size_t)n < sizeof(all) && !listen_is_addresses(all, &wrong))
		return reject(
		    v, row, "\"%.*s\" is neither host:port nor unix:/path", (int)wrong.n, wrong.p);
	return join_text(v, row, head, " ", slice_of(v->text), field);
}

/* A path that browsers send and web servers leave as it is written (RFC 3986, section 3.3): they
 * decode a '%', and take out segments that are empty or dots. */
static bool
is_url_path(struct slice path)
{
	static const char legal[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
				    "-._~!$&'()*+,;=:@";
	struct slice segment;

	while (slice_cut(&path, '/', &segment)) {
		if (segment.n == 0 || slice_is(segment, ".") || slice_is(segment, ".."))
			return false;
		for (size_t i = 0; i < segment.n; i++)
			if (strchr(legal, segment.p[i]) == NULL)
				return false;
	}
	return true;
}

static int
set_prefix(const struct config_value *v, const struct config_row *row, char *field)
{
	struct slice s = slice_of(v->text);

	while (s.n > 0 && s.p[0] == '/')
		s = slice_skip(s, 1);
	while (s.n > 0 && s.p[s.n - 1] == '/')
		s.n--;
	if (s.n == 0 || !is_url_path(s))
		return reject(v, row, "\"%s\" is not a URL path, such as socket.io", v->text);
	return join_text(v, row, (struct slice){NULL, 0}, "", s, field);
}

/* --- words ------------------------------------------------------------------------------------ */

static int
set_level(const struct config_value *v, const struct config_row *row, char *field)
{
	enum log_level level;

	if (log_level_parse(v->text, &level) == -1)
		return reject(v, row, "\"%s\" is not error, warn, info, debug or trace", v->text);
	memcpy(field, &level, sizeof(level));
	return 0;
}

static int
set_switch(const struct config_value *v, const struct config_row *row, char *field)
{
	static const char *const names[] = {"auto", "yes", "no"}; /* as enum config_switch */

	for (int i = 0; i < 3; i++) {
		enum config_switch choice = (enum config_switch)i;

		if (strcmp(v->text, names[i]) != 0)
			continue;
		memcpy(field, &choice, sizeof(choice));
		return 0;
	}
	return reject(v, row, "\"%s\" is not auto, yes or no", v->text);
}

static int
set_tls(const struct config_value *v, const struct config_row *row, char *field)
{
	static const char *const names[] = {"1.0", "1.1", "1.2", "1.3"}; /* as enum config_tls */

	for (int i = 0; i < 4; i++) {
		enum config_tls version = (enum config_tls)i;

		if (strcmp(v->text, names[i]) != 0)
			continue;
		memcpy(field, &version, sizeof(version));
		return 0;
	}
	return reject(v, row, "\"%s\" is not 1.0, 1.1, 1.2 or 1.3", v->text);
}

static int
set_flag(const struct config_value *v, const struct config_row *row, char *field)
{
	bool flag = strcmp(v->text, "true") == 0 || strcmp(v->text, "yes") == 0;

	if (!flag && strcmp(v->text, "false") != 0 && strcmp(v->text, "no") != 0)
		return reject(v, row, "\"%s\" is neither true nor false", v->text);
	memcpy(field, &flag, sizeof(flag));
	return 0;
}

static int
set_accept(const struct config_value *v, const struct config_row *row, char *field)
{
	bool accept_it = strcmp(v->text, "accept") == 0;

	if (!accept_it && strcmp(v->text, "refuse") != 0)
		return reject(v, row, "\"%s\" is neither accept nor refuse", v->text);
	memcpy(field, &accept_it, sizeof(accept_it));
	return 0;
}

/* --- the cluster ------------------------------------------------------------------------------ */

/* The value may hold a password: errors do not repeat it. */
static int
set_redis(struct config *cfg, const struct config_value *v, const struct config_row *row)
{
	struct redis_url url;
	const char *wrong = redis_url_parse(&url, slice_of(v->text));

	if (wrong != NULL)
		return reject(v, row, "%s", wrong);
	if (join_text(v, row, (struct slice){NULL, 0}, "", slice_of(v->text), cfg->cluster_redis) ==
	    -1)
		return -1;
	cfg->cluster_exposed = v->exposed && url.password[0] != '\0';
	return 0;
}

/* Is it made of these characters? */
static bool
is_made_of(const char *text, const char *legal)
{
	return text[strspn(text, legal)] == '\0';
}

static int
set_node(const struct config_value *v, const struct config_row *row, char *field)
{
	if (!is_made_of(v->text, "abcdefghijklmnopqrstuvwxyz0123456789-") ||
	    strlen(v->text) > CONFIG_NODE_MAX)
		return reject(v, row, "\"%s\" is not at most 32 of a-z, 0-9 and hyphens", v->text);
	return join_text(v, row, (struct slice){NULL, 0}, "", slice_of(v->text), field);
}

static int
set_node_number(const struct config_value *v, const struct config_row *row, char *field)
{
	bool any = v->text[0] == '\0' || strcmp(v->text, "-1") == 0;
	unsigned number = 0;
	int chosen;

	if (!any && !slice_number(slice_of(v->text), 4, 4095, &number))
		return reject(v, row, "\"%s\" is not a number from 0 to 4095, or -1", v->text);
	chosen = any ? -1 : (int)number;
	memcpy(field, &chosen, sizeof(chosen));
	return 0;
}

static int
set_key(const struct config_value *v, const struct config_row *row, char *field)
{
	if (!is_made_of(v->text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
				 "-._:"))
		return reject(v, row, "\"%s\" has more than letters, digits and -._:", v->text);
	return join_text(v, row, (struct slice){NULL, 0}, "", slice_of(v->text), field);
}

int
config_value_set(struct config *cfg, const struct config_row *row, const struct config_value *value)
{
	char *field = (char *)cfg + row->offset;
	struct slice head = {NULL, 0};

	/* A line that is indented by mistake must not silently replace the value above it. */
	if (value->more && row->kind != KIND_TEXT && row->kind != KIND_LIST &&
	    row->kind != KIND_LISTEN && row->kind != KIND_PROXIES && row->kind != KIND_ORIGINS &&
	    row->kind != KIND_ROOMS)
		return reject(value, row, "takes one line, but an indented one follows");
	if (value->more)
		head = slice_of(field);
	switch (row->kind) {
	case KIND_SECONDS:
	case KIND_SIZE:
		return set_number(value, row, field);
	case KIND_COUNT:
		return set_count(value, row, field);
	case KIND_LIMIT:
		return set_limit(value, row, field);
	case KIND_TEXT:
		return join_text(value, row, head, " ", slice_of(value->text), field);
	case KIND_LIST:
		return set_list(value, row, head, field);
	case KIND_LISTEN:
		return set_addresses(value, row, head, field);
	case KIND_ROOMS:
		return set_rooms(value, row, head, field);
	case KIND_PROXIES:
		return set_proxies(value, row, head, field);
	case KIND_ORIGINS:
		return set_origins(value, row, head, field);
	case KIND_PATH:
		return set_path(value, row, field);
	case KIND_PREFIX:
		return set_prefix(value, row, field);
	case KIND_LEVEL:
		return set_level(value, row, field);
	case KIND_SWITCH:
		return set_switch(value, row, field);
	case KIND_FLAG:
		return set_flag(value, row, field);
	case KIND_REDIS:
		return set_redis(cfg, value, row);
	case KIND_NODE:
		return set_node(value, row, field);
	case KIND_NUMBER:
		return set_node_number(value, row, field);
	case KIND_KEY:
		return set_key(value, row, field);
	case KIND_ACCEPT:
		return set_accept(value, row, field);
	case KIND_TLS:
		return set_tls(value, row, field);
	}
	return -1;
}

#include "shared/base/config.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ini.h>

#include "shared/base/slice.h"

/* How a value is read and where it is kept. */
enum kind {
	KIND_SECONDS, /* 25, 0.5: int64_t, milliseconds */
	KIND_SIZE,    /* 1000, 64k, 1M, 2G: size_t */
	KIND_TEXT,    /* char[]: as it stands; further lines are joined with a blank */
	KIND_LIST,    /* char[]: words separated by commas or blanks, kept with single commas */
	KIND_PATH,    /* char[]: a relative one starts at the folder of the file that names it */
	KIND_PREFIX,  /* char[]: a URL path, kept without the slashes around it */
	KIND_LEVEL,   /* enum log_level */
	KIND_SWITCH,  /* enum config_switch */
	KIND_FLAG,    /* true or false, as in 0.9, or yes or no: bool */
	KIND_MERCY,   /* accept or refuse: bool */
};

struct row {
	const char *section, *key;
	enum kind kind;
	size_t offset, room; /* of the field in struct config */
	int64_t least, most; /* milliseconds, bytes or things; of texts the least length */
};

/* The client keeps both timeouts in a 32-bit number of milliseconds: a second more than this ends
 * its connections at once, and so does 0 (PROTOCOL 4.2).  They are sent as whole seconds. */
#define LONGEST_MS  INT64_C(2147483000)
#define SHORTEST_MS 10
#define HOUR_MS     INT64_C(3600000)
#define MOST        (SIZE_MAX > UINT32_MAX ? INT64_C(1) << 40 : INT64_C(1) << 30)

#define FIELD(name) offsetof(struct config, name), sizeof(((struct config *)NULL)->name)

/* clang-format off */
static const struct row rows[] = {
	{"protocol", "heartbeat_interval", KIND_SECONDS, FIELD(heartbeat_interval_ms), SHORTEST_MS, LONGEST_MS},
	{"protocol", "heartbeat_timeout", KIND_SECONDS, FIELD(heartbeat_timeout_ms), SHORTEST_MS, LONGEST_MS},
	{"protocol", "close_timeout", KIND_SECONDS, FIELD(close_timeout_ms), SHORTEST_MS, LONGEST_MS},
	{"protocol", "polling_duration", KIND_SECONDS, FIELD(polling_duration_ms), SHORTEST_MS, LONGEST_MS},
	{"protocol", "htmlfile_duration", KIND_SECONDS, FIELD(htmlfile_duration_ms), SHORTEST_MS, LONGEST_MS},
	{"protocol", "handshake_timeout", KIND_SECONDS, FIELD(handshake_timeout_ms), SHORTEST_MS, LONGEST_MS},
	{"protocol", "transports", KIND_LIST, FIELD(transports), 1, 0},
	{"protocol", "resource", KIND_PREFIX, FIELD(resource), 1, 0},
	{"protocol", "origins", KIND_LIST, FIELD(origins), 1, 0},
	{"protocol", "match_origin_protocol", KIND_FLAG, FIELD(match_origin_protocol), 0, 0},
	{"limits", "body_bytes", KIND_SIZE, FIELD(body_bytes), 1, 1 << 30},
	{"limits", "message_bytes", KIND_SIZE, FIELD(message_bytes), 1, 1 << 30},
	{"limits", "header_bytes", KIND_SIZE, FIELD(header_bytes), 256, 1 << 20},
	{"limits", "packets_per_payload", KIND_SIZE, FIELD(packets_per_payload), 1, MOST},
	{"limits", "bad_packets", KIND_SIZE, FIELD(bad_packets), 1, MOST},
	{"limits", "queue_packets", KIND_SIZE, FIELD(queue_packets), 1, MOST},
	{"limits", "queue_bytes", KIND_SIZE, FIELD(queue_bytes), 1, MOST},
	{"limits", "sessions", KIND_SIZE, FIELD(sessions), 1, MOST},
	{"limits", "sessions_per_address", KIND_SIZE, FIELD(sessions_per_address), 0, MOST},
	{"limits", "connections", KIND_SIZE, FIELD(connections), 0, MOST},
	{"limits", "request_timeout", KIND_SECONDS, FIELD(request_timeout_ms), SHORTEST_MS, HOUR_MS},
	{"limits", "send_timeout", KIND_SECONDS, FIELD(send_timeout_ms), SHORTEST_MS, HOUR_MS},
	{"store", "data", KIND_PATH, FIELD(data), 1, 0},
	{"store", "log_bytes", KIND_SIZE, FIELD(log_bytes), 1 << 16, MOST},
	{"app", "module", KIND_PATH, FIELD(module), 0, 0},
	{"hook", "url", KIND_TEXT, FIELD(hook_url), 0, 0},
	{"hook", "secret", KIND_LIST, FIELD(hook_secret), 0, 0},
	{"hook", "namespaces", KIND_LIST, FIELD(hook_namespaces), 0, 0},
	{"hook", "events", KIND_LIST, FIELD(hook_events), 0, 0},
	{"hook", "headers", KIND_LIST, FIELD(hook_headers), 0, 0},
	{"hook", "authorize", KIND_FLAG, FIELD(hook_authorize), 0, 0},
	{"hook", "authorize_namespaces", KIND_FLAG, FIELD(hook_authorize_namespaces), 0, 0},
	{"hook", "authorize_on_error", KIND_MERCY, FIELD(hook_authorize_on_error), 0, 0},
	{"hook", "queue_events", KIND_SIZE, FIELD(hook_queue_events), 1, 10000000},
	{"hook", "queue_bytes", KIND_SIZE, FIELD(hook_queue_bytes), 1 << 16, MOST},
	{"hook", "max_in_flight", KIND_SIZE, FIELD(hook_max_in_flight), 1, 1000},
	{"hook", "connect_timeout", KIND_SECONDS, FIELD(hook_connect_timeout_ms), SHORTEST_MS, HOUR_MS},
	{"hook", "timeout", KIND_SECONDS, FIELD(hook_timeout_ms), SHORTEST_MS, HOUR_MS},
	{"hook", "authorize_timeout", KIND_SECONDS, FIELD(hook_authorize_timeout_ms), SHORTEST_MS, HOUR_MS},
	{"hook", "retry_for", KIND_SECONDS, FIELD(hook_retry_for_ms), 0, 24 * HOUR_MS},
	{"client", "folder", KIND_PATH, FIELD(client_folder), 0, 0},
	{"fcgi", "listen", KIND_TEXT, FIELD(fcgi_listen), 0, 0},
	{"fcgi", "streaming", KIND_SWITCH, FIELD(fcgi_streaming), 0, 0},
	{"wsd", "listen", KIND_TEXT, FIELD(wsd_listen), 1, 0},
	{"wsd", "reachable", KIND_SWITCH, FIELD(wsd_reachable), 0, 0},
	{"policyd", "listen", KIND_TEXT, FIELD(policyd_listen), 1, 0},
	{"policyd", "user", KIND_TEXT, FIELD(policyd_user), 0, 0},
	{"policyd", "chroot", KIND_PATH, FIELD(policyd_chroot), 0, 0},
	{"policyd", "file", KIND_PATH, FIELD(policyd_file), 0, 0},
	{"policyd", "connections", KIND_SIZE, FIELD(policyd_connections), 1, 1 << 16},
	{"policyd", "connections_per_address", KIND_SIZE, FIELD(policyd_connections_per_address), 0, MOST},
	{"publish", "enabled", KIND_FLAG, FIELD(publish_enabled), 0, 0},
	{"publish", "keys", KIND_TEXT, FIELD(publish_keys), 0, 0},
	{"publish", "rate", KIND_SIZE, FIELD(publish_rate), 1, 1 << 20},
	{"log", "level", KIND_LEVEL, FIELD(log_level), 0, 0},
	{"log", "file", KIND_PATH, FIELD(log_file), 0, 0},
};
/* clang-format on */
#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* A reading in progress: where we are, and the first thing that went wrong. */
struct reading {
	struct config *cfg;
	const char *where; /* file or variable, for the error */
	int line;          /* 0: no lines here */
	struct slice base; /* folder that relative paths start at, with its slash; may be empty */
	FILE *file;
	const struct row *last; /* the key that an indented line continues; NULL: none */
	bool indented;          /* the line being read */
	bool failed;
	char *error;
	size_t error_size;
};

/* Remember the first error only.  Return -1. */
static int __attribute__((format(printf, 2, 3)))
complain(struct reading *r, const char *format, ...)
{
	va_list args;
	int n;

	if (r->failed)
		return -1;
	r->failed = true;
	if (r->line > 0)
		n = snprintf(r->error, r->error_size, "%s:%d: ", r->where, r->line);
	else
		n = snprintf(r->error, r->error_size, "%s: ", r->where);
	if (n < 0 || (size_t)n >= r->error_size)
		return -1;
	va_start(args, format);
	vsnprintf(r->error + n, r->error_size - (size_t)n, format, args);
	va_end(args);
	return -1;
}

void
config_default(struct config *cfg)
{
	*cfg = (struct config){
	    .heartbeat_interval_ms = 25000,
	    .heartbeat_timeout_ms = 60000,
	    .close_timeout_ms = 60000,
	    .polling_duration_ms = 20000,
	    .htmlfile_duration_ms = 240000,
	    .handshake_timeout_ms = 60000,
	    .transports = "websocket,flashsocket,htmlfile,xhr-polling,jsonp-polling",
	    .resource = "socket.io",
	    .origins = "*:*",
	    .body_bytes = 1 << 20,
	    .message_bytes = 1 << 20,
	    .header_bytes = 16 << 10,
	    .packets_per_payload = 1000,
	    .bad_packets = 100,
	    .queue_packets = 10000,
	    .queue_bytes = 16 << 20,
	    .sessions = 100000,
	    .request_timeout_ms = 10000,
	    .send_timeout_ms = 30000,
	    .data = "/var/lib/pollux",
	    .log_bytes = 256 << 20,
	    .hook_headers = "cookie,origin,user-agent,referer,x-forwarded-for",
	    .hook_queue_events = 100000,
	    .hook_queue_bytes = 64 << 20,
	    .hook_max_in_flight = 4,
	    .hook_connect_timeout_ms = 1000,
	    .hook_timeout_ms = 5000,
	    .hook_authorize_timeout_ms = 3000,
	    .hook_retry_for_ms = HOUR_MS,
	    .wsd_listen = "127.0.0.1:8081",
	    .policyd_listen = "*:843 *:10843",
	    .policyd_connections = 1000,
	    .policyd_connections_per_address = 100,
	    .publish_rate = 100,
	    .log_level = LOG_LEVEL_INFO,
	};
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Read digits from the front of `text`.  Return how many there were; the number stops growing
 * far above any bound. */
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

/* "25", "0.5": whole seconds, then at most three digits that count.  No strtod(): its point is
 * the locale's. */
static int
read_seconds(const char *text, int64_t *ms)
{
	size_t n = read_digits(text, ms);

	if (n == 0)
		return -1;
	*ms = *ms > INT64_MAX / 1000 ? INT64_MAX : *ms * 1000;
	text += n;
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

/* "1000", "64k", "1M", "2G" */
static int
read_size(const char *text, int64_t *size)
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

/* Both kinds of numbers. */
static int
set_number(struct reading *r, const struct row *row, const char *value, char *field)
{
	bool seconds = row->kind == KIND_SECONDS;
	int64_t number;
	size_t n;

	if ((seconds ? read_seconds(value, &number) : read_size(value, &number)) == -1 ||
	    number < row->least || number > row->most)
		return complain(r, "%s: \"%s\" is not a number%s from %.10g to %.13g%s", row->key,
		    value, seconds ? " of seconds" : "", (double)row->least / (seconds ? 1000 : 1),
		    (double)row->most / (seconds ? 1000 : 1), seconds ? "" : " (1k, 1M, 1G)");
	n = (size_t)number;
	if (seconds)
		memcpy(field, &number, sizeof(number));
	else
		memcpy(field, &n, sizeof(n));
	return 0;
}

/* Put head, separator and text together into the field; `head` may be the field's own content. */
static int
set_text(struct reading *r, const struct row *row, struct slice head, const char *separator,
    struct slice text, char *field)
{
	size_t between = head.n > 0 && text.n > 0 ? strlen(separator) : 0;

	if (head.n + between + text.n >= row->room)
		return complain(r, "%s: longer than %zu characters", row->key, row->room - 1);
	if (head.n + text.n < (size_t)row->least)
		return complain(r, "%s: may not be empty", row->key);
	if (head.n > 0)
		memmove(field, head.p, head.n);
	memcpy(field + head.n, separator, between);
	if (text.n > 0)
		memcpy(field + head.n + between, text.p, text.n);
	field[head.n + between + text.n] = '\0';
	return 0;
}

static int
set_list(
    struct reading *r, const struct row *row, struct slice head, const char *value, char *field)
{
	char list[CONFIG_TEXT_MAX + 1]; /* one too long for any field: set_text() refuses it */
	size_t n = 0;

	for (const char *p = value; *p != '\0' && n < sizeof(list); p++) {
		if (!is_blank(*p) && *p != ',')
			list[n++] = *p;
		else if (n > 0 && list[n - 1] != ',')
			list[n++] = ',';
	}
	if (n > 0 && list[n - 1] == ',')
		n--;
	return set_text(r, row, head, ",", (struct slice){list, n}, field);
}

static int
set_prefix(struct reading *r, const struct row *row, const char *value, char *field)
{
	struct slice s = slice_of(value);

	while (s.n > 0 && s.p[0] == '/')
		s = slice_skip(s, 1);
	while (s.n > 0 && s.p[s.n - 1] == '/')
		s.n--;
	if (s.n == 0 || strcspn(value, "?# \t%") != strlen(value))
		return complain(r, "%s: \"%s\" is not a path below the site", row->key, value);
	return set_text(r, row, (struct slice){NULL, 0}, "", s, field);
}

static int
set_switch(struct reading *r, const struct row *row, const char *value, char *field)
{
	static const char *const names[] = {"auto", "yes", "no"}; /* as enum config_switch */

	for (int i = 0; i < 3; i++) {
		enum config_switch choice = (enum config_switch)i;

		if (strcmp(value, names[i]) != 0)
			continue;
		memcpy(field, &choice, sizeof(choice));
		return 0;
	}
	return complain(r, "%s: \"%s\" is not auto, yes or no", row->key, value);
}

static int
set_flag(struct reading *r, const struct row *row, const char *value, char *field)
{
	bool flag = strcmp(value, "true") == 0 || strcmp(value, "yes") == 0;

	if (!flag && strcmp(value, "false") != 0 && strcmp(value, "no") != 0)
		return complain(r, "%s: \"%s\" is neither true nor false", row->key, value);
	memcpy(field, &flag, sizeof(flag));
	return 0;
}

static int
set_mercy(struct reading *r, const struct row *row, const char *value, char *field)
{
	bool mercy = strcmp(value, "accept") == 0;

	if (!mercy && strcmp(value, "refuse") != 0)
		return complain(r, "%s: \"%s\" is neither accept nor refuse", row->key, value);
	memcpy(field, &mercy, sizeof(mercy));
	return 0;
}

/* Read `value` into the row's field.  `more`: it continues what the field holds. */
static int
set(struct reading *r, const struct row *row, const char *value, bool more)
{
	char *field = (char *)r->cfg + row->offset;
	struct slice head = {NULL, 0};

	if (more && (row->kind == KIND_TEXT || row->kind == KIND_LIST))
		head = slice_of(field);
	else if (more)
		return complain(r, "%s: has one line; this one is indented", row->key);
	switch (row->kind) {
	case KIND_SECONDS:
	case KIND_SIZE:
		return set_number(r, row, value, field);
	case KIND_TEXT:
		return set_text(r, row, head, " ", slice_of(value), field);
	case KIND_LIST:
		return set_list(r, row, head, value, field);
	case KIND_PATH:
		if (value[0] != '/' && value[0] != '\0')
			head = r->base;
		return set_text(r, row, head, "", slice_of(value), field);
	case KIND_PREFIX:
		return set_prefix(r, row, value, field);
	case KIND_SWITCH:
		return set_switch(r, row, value, field);
	case KIND_LEVEL:
		if (log_level_parse(value, &r->cfg->log_level) == 0)
			return 0;
		return complain(
		    r, "%s: \"%s\" is not error, warn, info, debug or trace", row->key, value);
	case KIND_FLAG:
		return set_flag(r, row, value, field);
	case KIND_MERCY:
		return set_mercy(r, row, value, field);
	}
	return -1;
}

static bool
is_section(const char *name)
{
	for (size_t i = 0; i < ROWS; i++)
		if (strcmp(rows[i].section, name) == 0)
			return true;
	return false;
}

/* libinih: one key, or one more line of it.  Return 1, or 0 after complaining. */
static int
on_key(void *arg, const char *section, const char *key, const char *value)
{
	struct reading *r = arg;

	for (size_t i = 0; i < ROWS; i++) {
		const struct row *row = &rows[i];

		if (strcmp(row->section, section) != 0 || strcmp(row->key, key) != 0)
			continue;
		if (set(r, row, value, r->indented && row == r->last) == -1)
			return 0;
		r->last = row;
		return 1;
	}
	if (is_section(section))
		complain(r, "unknown key \"%s\" in [%s]", key, section);
	else if (section[0] == '\0')
		complain(r, "\"%s\" stands before the first [section]", key);
	else
		complain(r, "unknown section [%s]", section);
	return 0;
}

/* libinih: the next line.  A reader of our own, since the library does not tell the handler which
 * line it is at, and would take what is behind an overlong line or a NUL for a line. */
static char *
next_line(char *line, int room, void *arg)
{
	struct reading *r = arg;
	int n = 0, c = 0;

	while (!r->failed && n < room - 1 && c != '\n' && (c = getc(r->file)) != EOF)
		line[n++] = (char)c;
	line[n] = '\0';
	if (n == 0)
		return NULL;
	r->line++;
	if (memchr(line, '\0', (size_t)n) != NULL) {
		complain(r, "the line has a NUL byte");
		return NULL;
	}
	if (n == room - 1 && line[n - 1] != '\n') {
		complain(r, "the line is longer than %d characters", room - 2);
		return NULL;
	}
	r->indented = is_blank(line[0]);
	if (line[0] == '[') /* a section begins, nothing goes on */
		r->last = NULL;
	return line;
}

int
config_read(struct config *cfg, const char *path, char *error, size_t error_size)
{
	const char *slash = strrchr(path, '/');
	struct reading r = {.cfg = cfg, .where = path, .error = error, .error_size = error_size};
	int line;

	if (slash != NULL)
		r.base = (struct slice){path, (size_t)(slash - path) + 1};
	r.file = fopen(path, "re");
	if (r.file == NULL)
		return complain(&r, "%s", strerror(errno));
	line = ini_parse_stream(next_line, &r, on_key, &r);
	if (ferror(r.file)) {
		r.line = 0;
		complain(&r, "%s", strerror(errno));
	}
	fclose(r.file);
	if (line > 0 && (!r.failed || line < r.line)) {
		r.failed = false; /* what libinih could not read comes first in the file */
		r.line = line;
		complain(&r, "neither \"[section]\" nor \"key = value\"");
	}
	if (line < 0)
		complain(&r, "out of memory");
	return r.failed ? -1 : 0;
}

/* Is `name` POLLUX_SECTION_KEY of the row?  With key NULL: does it begin with POLLUX_SECTION_? */
static bool
is_variable(struct slice name, const char *section, const char *key)
{
	char want[128];
	int n = snprintf(want, sizeof(want), "pollux_%s_%s", section, key == NULL ? "" : key);

	if (n < 0 || (size_t)n >= sizeof(want) || name.n < (size_t)n ||
	    (key != NULL && name.n != (size_t)n))
		return false;
	for (size_t i = 0; i < (size_t)n; i++)
		if (name.p[i] != (want[i] >= 'a' && want[i] <= 'z' ? want[i] - 'a' + 'A' : want[i]))
			return false;
	return true;
}

static int
read_variable(struct reading *r, struct slice name, const char *value)
{
	for (size_t i = 0; i < ROWS; i++)
		if (is_variable(name, rows[i].section, rows[i].key))
			return set(r, &rows[i], value, false);
	for (size_t i = 0; i < ROWS; i++)
		if (is_variable(name, rows[i].section, NULL))
			return complain(r, "unknown key in the environment");
	return 0; /* POLLUX_CONF, or not for us */
}

int
config_environment(struct config *cfg, char *const *environment, char *error, size_t error_size)
{
	char name[128];

	for (; *environment != NULL; environment++) {
		struct slice rest = slice_of(*environment), key;
		struct reading r = {.cfg = cfg, .error = error, .error_size = error_size};

		if (!slice_starts(rest, SLICE("POLLUX_")) || !slice_cut(&rest, '=', &key) ||
		    rest.p == NULL)
			continue;
		snprintf(name, sizeof(name), "%.*s", (int)(key.n < 100 ? key.n : 100), key.p);
		r.where = name;
		if (read_variable(&r, key, rest.p) == -1)
			return -1;
	}
	return 0;
}

/* The first must be shorter than the second, or clients end sessions that are alive. */
static int
check_shorter(
    const char *a, int64_t a_ms, const char *b, int64_t b_ms, char *error, size_t error_size)
{
	if (a_ms < b_ms)
		return 0;
	snprintf(error, error_size, "[protocol] %s (%g s) must be less than %s (%g s)", a,
	    (double)a_ms / 1000, b, (double)b_ms / 1000);
	return -1;
}

static int
check_hook(const struct config *cfg, char *error, size_t error_size)
{
	static const char *const schemes[] = {"http://", "https://", "unix:/"};
	const char *wrong = NULL;
	bool known = false;

	if (cfg->hook_url[0] == '\0')
		return 0;
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		known = known || strncmp(cfg->hook_url, schemes[i], strlen(schemes[i])) == 0;
	if (!known || strcspn(cfg->hook_url, " \t") != strlen(cfg->hook_url))
		wrong = "url is not http://.., https://.. or unix:/path.sock:/uri";
	else if (cfg->module[0] != '\0')
		wrong = "url: [app] module is set as well, and there is one application";
	else if (cfg->hook_secret[0] == '\0')
		wrong = "secret is missing: whsec_ and 24 or more random bytes in base64";
	if (wrong != NULL)
		snprintf(error, error_size, "[hook] %s", wrong);
	return wrong == NULL ? 0 : -1;
}

int
config_check(const struct config *cfg, char *error, size_t error_size)
{
	if (check_hook(cfg, error, error_size) == -1)
		return -1;
	if (check_shorter("polling_duration", cfg->polling_duration_ms, "close_timeout",
		cfg->close_timeout_ms, error, error_size) == -1 ||
	    check_shorter("heartbeat_interval", cfg->heartbeat_interval_ms, "heartbeat_timeout",
		cfg->heartbeat_timeout_ms, error, error_size) == -1 ||
	    check_shorter("heartbeat_interval", cfg->heartbeat_interval_ms, "close_timeout",
		cfg->close_timeout_ms, error, error_size) == -1)
		return -1;
	return 0;
}

/* Read every file of a list separated by ':'. */
static int
read_list(struct config *cfg, const char *list, char *error, size_t error_size)
{
	struct slice rest = slice_of(list), piece;
	char path[PATH_MAX];

	while (slice_cut(&rest, ':', &piece)) {
		if (piece.n == 0)
			continue;
		if (piece.n >= sizeof(path)) {
			snprintf(error, error_size, "POLLUX_CONF: a path is too long");
			return -1;
		}
		memcpy(path, piece.p, piece.n);
		path[piece.n] = '\0';
		if (config_read(cfg, path, error, error_size) == -1)
			return -1;
	}
	return 0;
}

/* pollux.conf beside the binary: what an account on shared hosting has, where neither options nor
 * variables reach the program. */
static int
read_beside(struct config *cfg, char *error, size_t error_size)
{
	char path[PATH_MAX + sizeof("pollux.conf")];
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX);
	char *slash;

	if (n <= 0)
		return 0;
	path[n] = '\0';
	slash = strrchr(path, '/');
	if (slash == NULL)
		return 0;
	memcpy(slash + 1, "pollux.conf", sizeof("pollux.conf"));
	if (access(path, F_OK) == -1)
		return 0;
	return config_read(cfg, path, error, error_size);
}

int
config_load(struct config *cfg, const char *const *paths, char *error, size_t error_size)
{
	const char *list = getenv("POLLUX_CONF");

	config_default(cfg);
	if (paths[0] != NULL) {
		for (; *paths != NULL; paths++)
			if (config_read(cfg, *paths, error, error_size) == -1)
				return -1;
	} else if (list != NULL && list[0] != '\0') {
		if (read_list(cfg, list, error, error_size) == -1)
			return -1;
	} else if (read_beside(cfg, error, error_size) == -1) {
		return -1;
	}
	if (config_environment(cfg, environ, error, error_size) == -1)
		return -1;
	return config_check(cfg, error, error_size);
}

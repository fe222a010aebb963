#include "shared/base/config.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <ini.h>

#include "shared/base/config_relay.h"
#include "shared/base/config_table.h"
#include "shared/base/config_value.h"
#include "shared/base/redis_url.h"
#include "shared/base/slice.h"

#define WHY_MAX 1024 /* an error without its place; longer ones are cut */
#define MANY    20   /* errors of one file that are told */
#define RAW_MAX 512  /* of a line, which libinih cuts to 200 */

/* The working folder.  Not empty: dlopen() would look for a module without a slash elsewhere. */
#define HERE SLICE("./")

/* Where an error is, and where it begins in the text of all errors. */
struct config_mistake {
	int line;
	size_t at;
};

/* A file or variable being read, and its errors. */
struct config_source {
	struct config *cfg;
	const char *where; /* path or variable, for the error */
	int line;          /* 0: not a file */
	struct slice base; /* folder where relative paths start, with its slash */
	int *lines; /* where each row of the table was given; 0: not yet.  NULL: not a file */
	FILE *file;
	const struct config_row *last; /* the key that an indented line continues; NULL: none */
	bool indented;                 /* the current line */
	bool unknown;                  /* the key that an indented line continues is none of ours */
	bool exposed;                  /* every user of the machine can read the file */
	/* the current line, and the one with the section's name, as they are written */
	char raw[RAW_MAX], heading[RAW_MAX];
	int relay_lines[CONFIG_RELAYS_MAX]; /* where each relay was given; 0: not in this file */
	bool stopped;                       /* by an error from which later ones may follow */
	struct config_mistake mistakes[MANY + 1];
	size_t mistakes_n;
	size_t n; /* length of the errors so far, a line each */
	char *error;
	size_t error_size;
};

/* Add a line to the errors.  One that does not fit is cut. */
static void __attribute__((format(printf, 2, 0)))
source_add_error(struct config_source *source, const char *format, va_list args)
{
	size_t room = source->error_size - source->n;
	char *to = source->error + source->n;
	char place[PATH_MAX + 16], why[WHY_MAX];
	int n;

	if (source->mistakes_n <= MANY)
		source->mistakes[source->mistakes_n++] =
		    (struct config_mistake){source->line, source->n};
	if (source->line > 0)
		snprintf(place, sizeof(place), "%s:%d", source->where, source->line);
	else
		snprintf(place, sizeof(place), "%s", source->where);
	vsnprintf(why, sizeof(why), format, args);
	n = snprintf(to, room, "%s%s: %s", source->n == 0 ? "" : "\n", place, why);
	source->n += n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
}

/* Stop reading: what comes after this error may only follow from it.  Return -1. */
static int __attribute__((format(printf, 2, 3)))
source_fail(struct config_source *source, const char *format, ...)
{
	va_list args;

	if (source->stopped)
		return -1;
	source->stopped = true;
	va_start(args, format);
	source_add_error(source, format, args);
	va_end(args);
	return -1;
}

/* Note an error and read on: the next one may be found in the same go.  Return -1. */
static int __attribute__((format(printf, 2, 3)))
source_note(struct config_source *source, const char *format, ...)
{
	va_list args;

	if (source->mistakes_n == MANY)
		return source_fail(source, "further mistakes are not told");
	va_start(args, format);
	source_add_error(source, format, args);
	va_end(args);
	return -1;
}

/* A line is neither a section nor a key: forget what was noted after it. */
static void
source_fail_at(struct config_source *source, int line)
{
	while (source->mistakes_n > 0 && source->mistakes[source->mistakes_n - 1].line > line)
		source->n = source->mistakes[--source->mistakes_n].at;
	source->error[source->n] = '\0';
	source->stopped = false;
	source->line = line;
	source_fail(source, "neither \"[section]\" nor \"key = value\"");
}

static int
source_set(struct config_source *source, const struct config_row *row, const char *text, bool more)
{
	char why[WHY_MAX];
	const struct config_value value = {.text = text,
	    .more = more,
	    .base = source->base,
	    .exposed = source->exposed,
	    .error = why,
	    .error_size = WHY_MAX};

	if (config_value_set(source->cfg, row, &value) == -1)
		return source_note(source, "%s", why);
	return 0;
}

void
config_default(struct config *cfg)
{
	struct config_value value = {.error_size = 0};

	memset(cfg, 0, sizeof(*cfg));
	for (size_t i = 0; i < config_table_n; i++) {
		value.text = config_table[i].value;
		if (config_value_set(cfg, &config_table[i], &value) == -1)
			abort(); /* out of its own range: a mistake in the table */
	}
}

/* --- a file ----------------------------------------------------------------------------------- */

/* Say that there is no such setting, and which one may have been meant. */
static void
note_unknown(struct config_source *source, const char *section, const char *key)
{
	const struct config_row *meant = config_table_guess(section, key);
	char hint[128] = "";

	if (meant != NULL && strcmp(meant->section, section) == 0)
		snprintf(hint, sizeof(hint), ": write %s", meant->key);
	else if (meant != NULL)
		snprintf(hint, sizeof(hint), ": write %s in [%s]", meant->key, meant->section);
	if (config_table_has_section(section))
		source_note(source, "unknown key \"%s\" in [%s]%s", key, section, hint);
	else if (section[0] == '\0')
		source_fail(source, "\"%s\" comes before the first [section]%s", key, hint);
	else
		source_fail(source, "unknown section [%s]%s", section, hint);
}

/* Of two lines for one key only one can be meant.  Return 0, or -1. */
static int
note_line(struct config_source *source, const struct config_row *row)
{
	int *line = &source->lines[row - config_table];

	if (*line != 0)
		return source_note(source, "%s: given twice, first in line %d", row->key, *line);
	*line = source->line;
	return 0;
}

/* Read a line of [relay "..."]. */
static void
add_relay(struct config_source *source)
{
	struct config *cfg = source->cfg;
	struct config_relay relay = {.events = 0};
	const char *wrong = config_relay_read_heading(&relay, slice_of(source->heading));
	size_t at;

	if (wrong != NULL) {
		source_fail(source, "in this section: %s", wrong);
		return;
	}
	wrong = config_relay_read_line(&relay, slice_of(source->raw));
	at = config_relay_find(cfg, &relay);
	if (wrong == NULL && at == CONFIG_RELAYS_MAX)
		wrong = "more than 64 events are relayed";
	if (wrong != NULL) {
		source_note(source, "[relay \"%s\"] %s", relay.ns, wrong);
		return;
	}
	if (source->relay_lines[at] != 0) {
		source_note(source, "%s: given twice, first in line %d", relay.event,
		    source->relay_lines[at]);
		return;
	}
	source->relay_lines[at] = source->line;
	cfg->relays[at] = relay;
	if (at == cfg->relays_n)
		cfg->relays_n++;
}

/* libinih: a key, or a continuation line of it.  Return 1 also after an error, which is noted: what
 * libinih returns is then the first line that it cannot read. */
static int
on_ini_value(void *arg, const char *section, const char *key, const char *value)
{
	struct config_source *source = arg;
	const struct config_row *row = config_table_find(section, key);

	bool more = source->indented && row == source->last;

	if (config_relay_is_section(section)) {
		add_relay(source);
		return 1;
	}

	if (row == NULL && !(source->indented && source->unknown))
		note_unknown(source, section, key);
	if (row != NULL && (more || note_line(source, row) == 0))
		(void)source_set(source, row, value, more);
	source->unknown = row == NULL;
	source->last = row;
	return 1;
}

/* libinih: read the next line.  Its own reader neither tells the handler the line number nor
 * refuses overlong lines and NUL bytes: it would take what follows them for a line. */
static char *
read_ini_line(char *line, int room, void *arg)
{
	struct config_source *source = arg;
	int n = 0, c = 0;

	/* By character: fgets() does not tell a NUL in the line from its end. */
	while (!source->stopped && n < room - 1 && c != '\n' && (c = getc(source->file)) != EOF)
		line[n++] = (char)c;
	line[n] = '\0';
	if (n == 0)
		return NULL;
	source->line++;
	if (memchr(line, '\0', (size_t)n) != NULL) {
		source_fail(source, "NUL byte in the line");
		return NULL;
	}
	if (n == room - 1 && line[n - 1] != '\n') {
		source_fail(source, "the line is longer than %d characters", room - 2);
		return NULL;
	}
	source->indented = strchr(" \t\r\n", line[0]) != NULL;
	snprintf(source->raw, sizeof(source->raw), "%s", line);
	if (line[strspn(line, " \t")] == '[')
		memcpy(source->heading, source->raw, sizeof(source->heading));
	/* libinih forgets the key at a section: an indented line after it continues nothing. */
	if (line[0] == '[') {
		source->last = NULL;
		source->unknown = false;
	}
	return line;
}

int
config_read(struct config *cfg, const char *path, char *error, size_t error_size)
{
	const char *slash = strrchr(path, '/');
	struct config_source source = {
	    .cfg = cfg, .where = path, .base = HERE, .error = error, .error_size = error_size};
	struct stat sb;
	int line;

	if (slash != NULL)
		source.base = (struct slice){path, (size_t)(slash - path) + 1};
	source.file = fopen(path, "re");
	if (source.file == NULL)
		return source_fail(&source, "%s", strerror(errno));
	source.exposed = fstat(fileno(source.file), &sb) == 0 && (sb.st_mode & S_IROTH) != 0;
	source.lines = calloc(config_table_n, sizeof(*source.lines));
	if (source.lines == NULL) {
		fclose(source.file);
		return source_fail(&source, "no memory to read the file");
	}
	line = ini_parse_stream(read_ini_line, &source, on_ini_value, &source);
	if (ferror(source.file)) {
		source.line = 0;
		source_fail(&source, "%s", strerror(errno));
	}
	fclose(source.file);
	free(source.lines);
	/* libinih goes on after a line that it cannot read, and returns the first one */
	if (line > 0)
		source_fail_at(&source, line);
	if (line < 0)
		source_fail(&source, "no memory to read the file");
	return source.mistakes_n > 0 ? -1 : 0;
}

/* --- the environment -------------------------------------------------------------------------- */

static void
set_variable(struct config_source *source, struct slice name, const char *value)
{
	const struct config_row *row = config_table_find_variable(name);

	if (row != NULL)
		(void)source_set(source, row, value, false);
	/* A misspelt key of ours is an error; POLLUX_CONF and foreign variables are not. */
	else if (config_table_has_section_of(name))
		(void)source_note(source, "unknown key in the environment");
}

int
config_environment(struct config *cfg, char *const *environment, char *error, size_t error_size)
{
	char name[128];
	struct config_source source = {
	    .cfg = cfg, .where = name, .base = HERE, .error = error, .error_size = error_size};

	for (; *environment != NULL && !source.stopped; environment++) {
		struct slice rest = slice_of(*environment), key;

		if (!slice_starts(rest, SLICE("POLLUX_")) || !slice_cut(&rest, '=', &key) ||
		    rest.p == NULL)
			continue;
		/* Cut overlong names: the error is one sentence. */
		snprintf(name, sizeof(name), "%.*s", (int)(key.n < 100 ? key.n : 100), key.p);
		set_variable(&source, key, rest.p);
	}
	return source.mistakes_n > 0 ? -1 : 0;
}

/* --- settings that depend on each other ------------------------------------------------------- */

/* The first must be shorter than the second, or clients end live sessions. */
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
		wrong = "url: [app] module is set too; set only one of the two";
	else if (cfg->hook_secret[0] == '\0')
		wrong = "secret is missing: whsec_ and 24 or more random bytes in base64";
	if (wrong != NULL)
		snprintf(error, error_size, "[hook] %s", wrong);
	return wrong == NULL ? 0 : -1;
}

static int
check_auth(const struct config *cfg, char *error, size_t error_size)
{
	const char *wrong = NULL;

	if (cfg->jwt_secret[0] == '\0' && cfg->jwt_public_key[0] == '\0') {
		if (cfg->jwt_required == CONFIG_YES)
			wrong =
			    "jwt_required: there is no jwt_secret and no jwt_public_key to check "
			    "tokens with";
	} else if (cfg->jwt_query[0] == '\0' && cfg->jwt_cookie[0] == '\0') {
		wrong = "jwt_query and jwt_cookie are empty: where is the token?";
	}
	if (wrong != NULL)
		snprintf(error, error_size, "[auth] %s", wrong);
	return wrong == NULL ? 0 : -1;
}

/* A password that is set twice: which one would count? */
static int
check_cluster(const struct config *cfg, char *error, size_t error_size)
{
	struct redis_url url;

	/* it was checked when it was read */
	(void)redis_url_parse(&url, slice_of(cfg->cluster_redis));
	if (url.password[0] == '\0' || cfg->cluster_password_file[0] == '\0')
		return 0;
	snprintf(error, error_size,
	    "[cluster] password_file: redis has a password too; set only "
	    "one of the two");
	return -1;
}

static int
check_tls(const struct config *cfg, char *error, size_t error_size)
{
	if (cfg->wsd_certificate[0] != '\0' ||
	    (cfg->wsd_tls_listen[0] == '\0' && cfg->wsd_key[0] == '\0'))
		return 0;
	snprintf(error, error_size, "[wsd] certificate is missing: the PEM file that %s belongs to",
	    cfg->wsd_key[0] != '\0' ? "key" : "tls_listen");
	return -1;
}

int
config_check(const struct config *cfg, char *error, size_t error_size)
{
	if (check_hook(cfg, error, error_size) == -1 || check_auth(cfg, error, error_size) == -1 ||
	    check_cluster(cfg, error, error_size) == -1 || check_tls(cfg, error, error_size) == -1)
		return -1;
	/* PROTOCOL 4.2: polls must be answered, and heartbeats sent, before the client gives up. */
	if (check_shorter("polling_duration", cfg->polling_duration_ms, "close_timeout",
		cfg->close_timeout_ms, error, error_size) == -1 ||
	    check_shorter("heartbeat_interval", cfg->heartbeat_interval_ms, "heartbeat_timeout",
		cfg->heartbeat_timeout_ms, error, error_size) == -1 ||
	    check_shorter("heartbeat_interval", cfg->heartbeat_interval_ms, "close_timeout",
		cfg->close_timeout_ms, error, error_size) == -1)
		return -1;
	return 0;
}

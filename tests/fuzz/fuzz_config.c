/* A configuration file, and the environment.
 *
 * An error names file and line.  Whether a file is accepted or not, every setting stays within its
 * row of config_table.c: variables that say the same are accepted.  A file that is read twice gives
 * the same settings. */
#include "shared/base/config.h"

#include <inttypes.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shared/base/config_relay.h"
#include "shared/base/config_table.h"
#include "tests/fuzz/fuzz.h"

#define SETTINGS_MAX 200
#define VARIABLE_MAX 2200 /* "POLLUX_", a name, "=", the longest text */

static const char *const levels[] = {"error", "warn", "info", "debug", "trace"};
static const char *const switches[] = {"auto", "yes", "no"};
static const char *const versions[] = {"1.0", "1.1", "1.2", "1.3"};

/* Write the setting of a row as in a file. */
static void
write_value(char *to, size_t room, const struct config *cfg, const struct config_row *row)
{
	const char *field = (const char *)cfg + row->offset;
	enum config_switch choice;
	enum config_tls version;
	enum log_level level;
	int64_t ms;
	size_t size;
	bool flag;
	int number;

	switch (row->kind) {
	case KIND_SECONDS:
		memcpy(&ms, field, sizeof(ms));
		snprintf(to, room, "%" PRId64 ".%03" PRId64, ms / 1000, ms % 1000);
		return;
	case KIND_SIZE:
	case KIND_COUNT:
		memcpy(&size, field, sizeof(size));
		if (row->kind == KIND_COUNT && size == 0)
			snprintf(to, room, "auto");
		else
			snprintf(to, room, "%zu", size);
		return;
	case KIND_LIMIT:
		memcpy(&size, field, sizeof(size));
		if (size == CONFIG_LIMIT_AUTO)
			snprintf(to, room, "auto");
		else
			snprintf(to, room, "%zu", size);
		return;
	case KIND_TEXT:
	case KIND_LIST:
	case KIND_LISTEN:
	case KIND_ROOMS:
	case KIND_PROXIES:
	case KIND_ORIGINS:
	case KIND_PATH:
	case KIND_PREFIX:
	case KIND_REDIS:
	case KIND_NODE:
	case KIND_KEY:
		MUST(memchr(field, '\0', row->room) != NULL);
		snprintf(to, room, "%s", field);
		return;
	case KIND_NUMBER:
		memcpy(&number, field, sizeof(number));
		MUST(number >= -1 && number <= 4095);
		snprintf(to, room, "%d", number);
		return;
	case KIND_LEVEL:
		memcpy(&level, field, sizeof(level));
		MUST((size_t)level < sizeof(levels) / sizeof(levels[0]));
		snprintf(to, room, "%s", levels[level]);
		return;
	case KIND_SWITCH:
		memcpy(&choice, field, sizeof(choice));
		MUST((size_t)choice < sizeof(switches) / sizeof(switches[0]));
		snprintf(to, room, "%s", switches[choice]);
		return;
	case KIND_TLS:
		memcpy(&version, field, sizeof(version));
		MUST((size_t)version < sizeof(versions) / sizeof(versions[0]));
		snprintf(to, room, "%s", versions[version]);
		return;
	case KIND_FLAG:
	case KIND_ACCEPT:
		memcpy(&flag, field, sizeof(flag));
		snprintf(to, room, "%s",
		    row->kind == KIND_FLAG ? (flag ? "true" : "false")
					   : (flag ? "accept" : "refuse"));
		return;
	}
}

static void
must_be_same(const struct config *a, const struct config *b)
{
	static char one[VARIABLE_MAX], other[VARIABLE_MAX];

	for (size_t i = 0; i < config_table_n; i++) {
		write_value(one, sizeof(one), a, &config_table[i]);
		write_value(other, sizeof(other), b, &config_table[i]);
		MUST(strcmp(one, other) == 0);
	}
}

static void
must_have_same_relays(const struct config *a, const struct config *b)
{
	MUST(a->relays_n == b->relays_n);
	for (size_t i = 0; i < a->relays_n; i++) {
		const struct config_relay *x = &a->relays[i], *y = &b->relays[i];

		MUST(strcmp(x->ns, y->ns) == 0 && strcmp(x->event, y->event) == 0);
		MUST(x->events == y->events && x->bytes == y->bytes && x->to_all == y->to_all);
		MUST(x->is_volatile == y->is_volatile);
	}
}

/* Limits are limits, and each event is there once. */
static void
must_be_sane_relays(const struct config *cfg)
{
	MUST(cfg->relays_n <= CONFIG_RELAYS_MAX);
	for (size_t i = 0; i < cfg->relays_n; i++) {
		const struct config_relay *relay = &cfg->relays[i];

		MUST(memchr(relay->ns, '\0', sizeof(relay->ns)) != NULL);
		MUST(memchr(relay->event, '\0', sizeof(relay->event)) != NULL);
		MUST(relay->ns[0] == '\0' || (relay->ns[0] == '/' && relay->ns[1] != '\0'));
		MUST(relay->event[0] != '\0');
		MUST(relay->events >= 1 && relay->events <= 10000);
		MUST(relay->bytes >= 1 && relay->bytes <= (size_t)1 << 30);
		MUST(config_relay_find(cfg, relay) == i);
	}
}

static void
must_be_sane(const struct config *cfg)
{
	char error[256];
	size_t n;

	/* what clients survive: PROTOCOL 4.2 */
	MUST(cfg->heartbeat_timeout_ms > 0 && cfg->heartbeat_timeout_ms <= INT32_MAX);
	MUST(cfg->close_timeout_ms > 0 && cfg->close_timeout_ms <= INT32_MAX);

	n = strlen(cfg->transports);
	MUST(n > 0 && strpbrk(cfg->transports, " \t\r\n") == NULL);
	MUST(strstr(cfg->transports, ",,") == NULL);
	MUST(cfg->transports[0] != ',' && cfg->transports[n - 1] != ',');
	n = strlen(cfg->resource);
	MUST(n > 0 && cfg->resource[0] != '/' && cfg->resource[n - 1] != '/');

	if (config_check(cfg, error, sizeof(error)) == -1)
		MUST(strlen(error) > 0);
	else
		MUST(cfg->polling_duration_ms < cfg->close_timeout_ms);
}

/* Write all of `cfg` as variables and read them. */
static void
try_variables(const struct config *cfg)
{
	static char text[SETTINGS_MAX][VARIABLE_MAX];
	char *environment[SETTINGS_MAX + 1], error[2048];
	struct config again;

	MUST(config_table_n <= SETTINGS_MAX);
	for (size_t i = 0; i < config_table_n; i++) {
		const struct config_row *row = &config_table[i];
		int n = snprintf(text[i], VARIABLE_MAX, "pollux_%s_%s", row->section, row->key);

		for (char *p = text[i]; *p != '\0'; p++)
			*p = *p >= 'a' && *p <= 'z' ? (char)(*p - 'a' + 'A') : *p;
		text[i][n++] = '=';
		write_value(text[i] + n, VARIABLE_MAX - (size_t)n, cfg, row);
		environment[i] = text[i];
	}
	environment[config_table_n] = NULL;

	config_default(&again);
	MUST(config_environment(&again, environment, error, sizeof(error)) == 0);
	must_be_same(cfg, &again);
}

/* --- a file --------------------------------------------------------------------------------- */

/* Write a file of these bytes.  Return its path, which is always the same. */
static const char *
file_of(struct slice head, struct slice tail)
{
	static char path[64];
	static int fd = -1;

	if (fd == -1) {
		fd = memfd_create("pollux.conf", MFD_CLOEXEC);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	MUST(fd != -1 && ftruncate(fd, 0) == 0);
	MUST(pwrite(fd, head.p, head.n, 0) == (ssize_t)head.n);
	MUST(pwrite(fd, tail.p, tail.n, (off_t)head.n) == (ssize_t)tail.n);
	return path;
}

/* "file:line: why" */
static void
must_be_error_with_line(const char *error, const char *path, struct slice file)
{
	size_t lines = 1, n = strlen(path);
	char *end;
	long line;

	for (size_t i = 0; i < file.n; i++)
		lines += file.p[i] == '\n';
	MUST(strncmp(error, path, n) == 0 && error[n] == ':');
	line = strtol(error + n + 1, &end, 10);
	MUST(line >= 1 && (size_t)line <= lines);
	MUST(strncmp(end, ": ", 2) == 0 && end[2] != '\0');
}

static void
try_file(struct slice in)
{
	static const struct slice nothing = {"", 0};
	const char *path = file_of(in, nothing);
	struct config cfg, again;
	char error[2048];
	int result;

	config_default(&cfg);
	result = config_read(&cfg, path, error, sizeof(error));
	must_be_sane(&cfg);
	try_variables(&cfg);
	if (result == -1) {
		must_be_error_with_line(error, path, in);
	} else {
		again = cfg;
		MUST(config_read(&again, path, error, sizeof(error)) == 0);
		must_be_same(&cfg, &again);
		must_have_same_relays(&cfg, &again);
	}
	must_be_sane_relays(&cfg);
	config_default(&again);
	path = file_of(in, SLICE("\n[log]\nlevel = debug\n"));
	if (config_read(&again, path, error, sizeof(error)) == 0)
		MUST(result == 0 && again.log_level == LOG_LEVEL_DEBUG);
	else /* the level may be in it already */
		MUST(result == -1 || strstr(error, "level: given twice") != NULL);
}

/* --- the environment ------------------------------------------------------------------------ */

/* Each line is a variable. */
static void
try_environment(struct slice in)
{
	char *text = copy_of(in), *environment[17], error[256];
	struct slice rest = in, line;
	struct config cfg, again;
	size_t k = 0;

	while (k < 16 && slice_cut(&rest, '\n', &line)) {
		if (line.p + line.n == in.p + in.n) /* the last has no room for its NUL */
			break;
		environment[k] = text + (line.p - in.p);
		environment[k++][line.n] = '\0';
	}
	environment[k] = NULL;
	config_default(&cfg);
	if (config_environment(&cfg, environment, error, sizeof(error)) == -1) {
		MUST(strnlen(error, sizeof(error)) < sizeof(error));
		MUST(strncmp(error, "POLLUX_", 7) == 0 && strstr(error, ": ") != NULL);
	} else {
		again = cfg;
		MUST(config_environment(&again, environment, error, sizeof(error)) == 0);
		must_be_same(&cfg, &again);
	}
	must_be_sane(&cfg);
	try_variables(&cfg);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = slice_of_input(data, size);

	try_file(in);
	try_environment(in);
	return 0;
}

/* A configuration file, and the environment.
 *
 * A complaint names file and line.  What is accepted keeps the bounds that config.h states, says
 * the same when it is read once more, and can be said in full by variables. */
#include "shared/base/config.h"

#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"

#define VARIABLE_MAX 1200 /* "POLLUX_", a name, "=", a text */

/* The fields that are texts, and those that are numbers; the variable of each, without POLLUX_. */
#define FIELD(field) offsetof(struct config, field)

static const struct text {
	const char *variable;
	size_t offset, room;
	bool needed; /* may not be empty */
} texts[] = {
    {"PROTOCOL_TRANSPORTS", FIELD(transports), CONFIG_TEXT_MAX, true},
    {"PROTOCOL_RESOURCE", FIELD(resource), CONFIG_TEXT_MAX, true},
    {"PROTOCOL_ORIGINS", FIELD(origins), CONFIG_TEXT_MAX, true},
    {"STORE_DATA", FIELD(data), CONFIG_PATH_MAX, true},
    {"APP_MODULE", FIELD(module), CONFIG_PATH_MAX, false},
    {"FCGI_LISTEN", FIELD(fcgi_listen), CONFIG_PATH_MAX, false},
    {"WSD_LISTEN", FIELD(wsd_listen), CONFIG_TEXT_MAX, true},
    {"LOG_FILE", FIELD(log_file), CONFIG_PATH_MAX, false},
};

static const struct number {
	const char *variable;
	size_t offset;
	bool is_ms;
	int64_t least;
} numbers[] = {
    {"PROTOCOL_HEARTBEAT_INTERVAL", FIELD(heartbeat_interval_ms), true, 1},
    {"PROTOCOL_HEARTBEAT_TIMEOUT", FIELD(heartbeat_timeout_ms), true, 1},
    {"PROTOCOL_CLOSE_TIMEOUT", FIELD(close_timeout_ms), true, 1},
    {"PROTOCOL_POLLING_DURATION", FIELD(polling_duration_ms), true, 1},
    {"PROTOCOL_HTMLFILE_DURATION", FIELD(htmlfile_duration_ms), true, 1},
    {"PROTOCOL_HANDSHAKE_TIMEOUT", FIELD(handshake_timeout_ms), true, 1},
    {"LIMITS_BODY_BYTES", FIELD(body_bytes), false, 1},
    {"LIMITS_MESSAGE_BYTES", FIELD(message_bytes), false, 1},
    {"LIMITS_HEADER_BYTES", FIELD(header_bytes), false, 1},
    {"LIMITS_PACKETS_PER_PAYLOAD", FIELD(packets_per_payload), false, 1},
    {"LIMITS_BAD_PACKETS", FIELD(bad_packets), false, 1},
    {"LIMITS_QUEUE_PACKETS", FIELD(queue_packets), false, 1},
    {"LIMITS_QUEUE_BYTES", FIELD(queue_bytes), false, 1},
    {"LIMITS_SESSIONS", FIELD(sessions), false, 1},
    {"LIMITS_SESSIONS_PER_ADDRESS", FIELD(sessions_per_address), false, 0},
    {"LIMITS_CONNECTIONS", FIELD(connections), false, 0},
    {"LIMITS_REQUEST_TIMEOUT", FIELD(request_timeout_ms), true, 1},
    {"LIMITS_SEND_TIMEOUT", FIELD(send_timeout_ms), true, 1},
    {"STORE_LOG_BYTES", FIELD(log_bytes), false, 1},
};

/* And those that are one of a few words. */
static const char *const levels[] = {"error", "warn", "info", "debug", "trace"};
static const char *const switches[] = {"auto", "yes", "no"};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define VARIABLES    (COUNT(texts) + COUNT(numbers) + 3)

static const char *
text_of(const struct config *cfg, const struct text *t)
{
	return (const char *)cfg + t->offset;
}

static int64_t
number_of(const struct config *cfg, const struct number *n)
{
	int64_t ms;
	size_t size;

	if (n->is_ms) {
		memcpy(&ms, (const char *)cfg + n->offset, sizeof(ms));
		return ms;
	}
	memcpy(&size, (const char *)cfg + n->offset, sizeof(size));
	MUST(size <= INT64_MAX);
	return (int64_t)size;
}

static void
must_be_same(const struct config *a, const struct config *b)
{
	for (size_t i = 0; i < COUNT(texts); i++)
		MUST(strcmp(text_of(a, &texts[i]), text_of(b, &texts[i])) == 0);
	for (size_t i = 0; i < COUNT(numbers); i++)
		MUST(number_of(a, &numbers[i]) == number_of(b, &numbers[i]));
	MUST(a->log_level == b->log_level && a->fcgi_streaming == b->fcgi_streaming);
	MUST(a->match_origin_protocol == b->match_origin_protocol);
}

static void
must_be_sane(const struct config *cfg)
{
	char error[256];
	size_t n;

	for (size_t i = 0; i < COUNT(texts); i++) {
		n = strnlen(text_of(cfg, &texts[i]), texts[i].room);
		MUST(n < texts[i].room && (n > 0 || !texts[i].needed));
	}
	for (size_t i = 0; i < COUNT(numbers); i++)
		MUST(number_of(cfg, &numbers[i]) >= numbers[i].least);
	/* what clients survive: PROTOCOL 4.2 */
	MUST(cfg->heartbeat_timeout_ms <= INT32_MAX && cfg->close_timeout_ms <= INT32_MAX);
	MUST((size_t)cfg->log_level < COUNT(levels));
	MUST((size_t)cfg->fcgi_streaming < COUNT(switches));

	n = strlen(cfg->transports);
	MUST(strpbrk(cfg->transports, " \t\r\n") == NULL && strstr(cfg->transports, ",,") == NULL);
	MUST(cfg->transports[0] != ',' && cfg->transports[n - 1] != ',');
	n = strlen(cfg->resource);
	MUST(cfg->resource[0] != '/' && cfg->resource[n - 1] != '/');

	if (config_check(cfg, error, sizeof(error)) == -1)
		MUST(strlen(error) > 0);
	else
		MUST(cfg->polling_duration_ms < cfg->close_timeout_ms);
}

/* All of `cfg` said by variables. */
static void
try_variables(const struct config *cfg)
{
	static char text[VARIABLES][VARIABLE_MAX];
	char *environment[VARIABLES + 1], error[2048];
	struct config again;
	size_t k = 0;

	for (size_t i = 0; i < COUNT(texts); i++)
		snprintf(text[k++], VARIABLE_MAX, "POLLUX_%s=%s", texts[i].variable,
		    text_of(cfg, &texts[i]));
	for (size_t i = 0; i < COUNT(numbers); i++) {
		int64_t n = number_of(cfg, &numbers[i]);

		if (numbers[i].is_ms)
			snprintf(text[k++], VARIABLE_MAX, "POLLUX_%s=%lld.%03lld",
			    numbers[i].variable, (long long)n / 1000, (long long)n % 1000);
		else
			snprintf(text[k++], VARIABLE_MAX, "POLLUX_%s=%lld", numbers[i].variable,
			    (long long)n);
	}
	snprintf(text[k++], VARIABLE_MAX, "POLLUX_LOG_LEVEL=%s", levels[cfg->log_level]);
	snprintf(
	    text[k++], VARIABLE_MAX, "POLLUX_FCGI_STREAMING=%s", switches[cfg->fcgi_streaming]);
	snprintf(text[k++], VARIABLE_MAX, "POLLUX_PROTOCOL_MATCH_ORIGIN_PROTOCOL=%s",
	    cfg->match_origin_protocol ? "true" : "false");
	MUST(k == VARIABLES);
	for (size_t i = 0; i < k; i++)
		environment[i] = text[i];
	environment[k] = NULL;

	config_default(&again);
	MUST(config_environment(&again, environment, error, sizeof(error)) == 0);
	must_be_same(cfg, &again);
}

/* --- a file --------------------------------------------------------------------------------- */

/* A file of these bytes; returns its name, which stays the same. */
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
must_be_complaint(const char *error, const char *path, struct slice file)
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
	if (result == -1) {
		must_be_complaint(error, path, in);
	} else {
		again = cfg;
		MUST(config_read(&again, path, error, sizeof(error)) == 0);
		must_be_same(&cfg, &again);
		try_variables(&cfg);
	}
	config_default(&again);
	path = file_of(in, SLICE("\n[log]\nlevel = debug\n"));
	MUST(config_read(&again, path, error, sizeof(error)) == result);
	MUST(result == -1 || again.log_level == LOG_LEVEL_DEBUG);
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
		if (line.p + line.n == in.p + in.n) /* none behind it: no place for its NUL */
			break;
		environment[k] = text + (line.p - in.p);
		environment[k++][line.n] = '\0';
	}
	environment[k] = NULL;
	config_default(&cfg);
	if (config_environment(&cfg, environment, error, sizeof(error)) == -1) {
		MUST(strnlen(error, sizeof(error)) < sizeof(error));
		MUST(strncmp(error, "POLLUX_", 7) == 0 && strstr(error, ": ") != NULL);
		must_be_sane(&cfg);
	} else {
		must_be_sane(&cfg);
		again = cfg;
		MUST(config_environment(&again, environment, error, sizeof(error)) == 0);
		must_be_same(&cfg, &again);
		try_variables(&cfg);
	}
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

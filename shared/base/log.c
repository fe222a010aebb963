#include "shared/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "shared/base/clock.h"

#define LINE_BYTES 1024  /* a longer line is cut */
#define QUIET_MS   60000 /* between two lines of one kind, log_limited() */
#define KINDS_MAX  64    /* of such lines in that time: more than there are calls */
#define KIND_BYTES 256   /* of a line that are repeated with the count */

/* A kind of line that was written less than QUIET_MS ago. */
struct log_kind {
	const char *format; /* NULL: free */
	const char *what;   /* is counted; NULL: lines */
	enum log_level level;
	int64_t since; /* when it was written */
	uint64_t more; /* those that were not */
	char text[KIND_BYTES];
};

/* Global, so that every module can log, also before the configuration is read. */
static struct {
	const char *program;
	const char *path; /* NULL: standard error */
	enum log_level level;
	int fd;
	bool journal; /* systemd reads <N> priorities and stamps the time itself */
	char first_error[512];
	struct log_kind kinds[KINDS_MAX];
	log_taker *take; /* NULL: lines are written */
	void *take_arg;
} log_ctx = {.program = "pollux", .level = LOG_LEVEL_INFO, .fd = STDERR_FILENO};

static const struct {
	const char *name;
	int priority; /* of syslog(3) */
} levels[] = {
    [LOG_LEVEL_ERROR] = {"error", 3},
    [LOG_LEVEL_WARN] = {"warn", 4},
    [LOG_LEVEL_INFO] = {"info", 6},
    [LOG_LEVEL_DEBUG] = {"debug", 7},
    [LOG_LEVEL_TRACE] = {"trace", 7},
};

/* Write to this file from now on.  Return -1 with errno; the old target stays. */
static int
log_use_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);

	if (fd == -1)
		return -1;
	/* only now: if it could not be opened the old one stays in use */
	if (log_ctx.fd != STDERR_FILENO)
		close(log_ctx.fd);
	log_ctx.fd = fd;
	log_ctx.path = path;
	return 0;
}

int
log_open(const char *program, enum log_level level, const char *path)
{
	log_ctx.program = program;
	log_ctx.level = level;
	log_ctx.journal = getenv("JOURNAL_STREAM") != NULL;
	/* a new log has had no line of any kind */
	memset(log_ctx.kinds, 0, sizeof(log_ctx.kinds));
	if (path == NULL || path[0] == '\0')
		return 0;
	if (log_use_file(path) == -1)
		return -1;
	log_ctx.journal = false; /* a file has no journal to stamp its lines */
	return 0;
}

int
log_change(enum log_level level, const char *path)
{
	if (path != NULL && path[0] != '\0') {
		if (log_ctx.path != NULL && strcmp(path, log_ctx.path) == 0)
			log_ctx.path = path; /* it is open; the text may have moved */
		else if (log_use_file(path) == -1)
			return -1;
		log_ctx.journal = false;
	} else if (log_ctx.path != NULL) {
		close(log_ctx.fd);
		log_ctx.fd = STDERR_FILENO;
		log_ctx.path = NULL;
		log_ctx.journal = getenv("JOURNAL_STREAM") != NULL;
	}
	log_ctx.level = level;
	return 0;
}

int
log_give_to(uid_t uid, gid_t gid)
{
	struct stat sb;

	/* somebody else's was there before us, and standard error is not ours to give */
	if (log_ctx.path == NULL || fstat(log_ctx.fd, &sb) == -1 || !S_ISREG(sb.st_mode) ||
	    sb.st_uid != 0)
		return 0;
	return fchown(log_ctx.fd, uid, gid);
}

int
log_level_parse(const char *name, enum log_level *level)
{
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		if (strcmp(name, levels[i].name) == 0) {
			*level = (enum log_level)i;
			return 0;
		}
	}
	return -1;
}

int
log_enabled(enum log_level level)
{
	return level <= log_ctx.level;
}

/* One event is one line: a client must not be able to forge another. */
static void
log_make_one_line(char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			text[i] = ' ';
}

static void __attribute__((format(printf, 3, 0)))
log_write_line(enum log_level level, int error, const char *format, va_list args)
{
	char line[LINE_BYTES];
	size_t n = 0, room = sizeof(line) - 1; /* the last byte is for '\n' */
	size_t words;                          /* where they begin */
	int k;

	if (log_ctx.take != NULL) {
		k = 0; /* the taker needs no more than the words */
	} else if (log_ctx.journal) {
		k = snprintf(line, room, "<%d>%s: ", levels[level].priority, log_ctx.program);
	} else {
		struct timespec now;
		struct tm utc;
		char stamp[32];

		clock_gettime(CLOCK_REALTIME, &now);
		gmtime_r(&now.tv_sec, &utc);
		strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &utc);
		k = snprintf(line, room, "%s.%03ldZ %s[%d] %s: ", stamp, now.tv_nsec / 1000000,
		    log_ctx.program, (int)getpid(), levels[level].name);
	}
	n = k < 0 ? 0 : (size_t)k;
	words = n;
	k = vsnprintf(line + n, room - n, format, args);
	n += k < 0 ? 0 : (size_t)k;
	if (n >= room)
		n = room - 1;
	if (error != 0) {
		k = snprintf(line + n, room - n, ": %s", strerror(error));
		n += k < 0 ? 0 : (size_t)k;
		if (n >= room)
			n = room - 1;
	}
	log_make_one_line(line, n);
	if (level == LOG_LEVEL_ERROR && log_ctx.first_error[0] == '\0')
		snprintf(log_ctx.first_error, sizeof(log_ctx.first_error), "%.*s", (int)(n - words),
		    line + words);
	if (log_ctx.take != NULL) {
		line[n] = '\0';
		log_ctx.take(log_ctx.take_arg, level, line);
		return;
	}
	line[n++] = '\n';
	if (write(log_ctx.fd, line, n) == -1)
		return; /* and there is nowhere to report that */
}

const char *
log_first_error(void)
{
	return log_ctx.first_error;
}

#define LOG_FUNCTION(name, level, error)                                                           \
	void name(const char *format, ...)                                                         \
	{                                                                                          \
		int saved = errno;                                                                 \
		va_list args;                                                                      \
                                                                                                   \
		if (log_enabled(level)) {                                                          \
			va_start(args, format);                                                    \
			log_write_line(level, error, format, args);                                \
			va_end(args);                                                              \
		}                                                                                  \
		errno = saved;                                                                     \
	}

LOG_FUNCTION(log_err, LOG_LEVEL_ERROR, saved)
LOG_FUNCTION(log_errx, LOG_LEVEL_ERROR, 0)
LOG_FUNCTION(log_warn, LOG_LEVEL_WARN, saved)
LOG_FUNCTION(log_warnx, LOG_LEVEL_WARN, 0)
LOG_FUNCTION(log_info, LOG_LEVEL_INFO, 0)
LOG_FUNCTION(log_debug, LOG_LEVEL_DEBUG, 0)
LOG_FUNCTION(log_trace, LOG_LEVEL_TRACE, 0)

/* --- lines that clients cause ----------------------------------------------------------------- */

static void __attribute__((format(printf, 2, 3)))
log_line(enum log_level level, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_write_line(level, 0, format, args);
	va_end(args);
}

/* Once the quiet time of a kind is over: write how many lines were left out, or forget it. */
static void
log_count_kind(struct log_kind *kind, int64_t now)
{
	if (now - kind->since < QUIET_MS)
		return;
	if (kind->more > 0)
		log_line(kind->level, "%s (%" PRIu64 " more %s since)", kind->text, kind->more,
		    kind->what == NULL ? "like this" : kind->what);
	/* one count a minute, until there was none to write */
	if (kind->more == 0 || now == INT64_MAX)
		kind->format = NULL;
	kind->more = 0;
	kind->since = now;
}

/* The kind of this format; of NULL: a free place.  NULL: there is none. */
static struct log_kind *
log_find_kind(const char *format)
{
	for (size_t i = 0; i < KINDS_MAX; i++)
		if (log_ctx.kinds[i].format == format)
			return &log_ctx.kinds[i];
	return NULL;
}

/* Add to the count of a kind that was written less than QUIET_MS ago.  False: it was not. */
static bool
log_add_to_count(const char *format, uint64_t n, int64_t now)
{
	struct log_kind *kind = log_find_kind(format);

	if (kind == NULL)
		return false;
	log_count_kind(kind, now); /* its minute may be over */
	if (kind->format == NULL)
		return false;
	kind->more += n;
	return true;
}

/* `what` NULL: the lines themselves are counted. */
static void __attribute__((format(printf, 4, 0))) log_write_limited(
    enum log_level level, uint64_t n, const char *what, const char *format, va_list args)
{
	int64_t now = clock_coarse_ms();
	struct log_kind *kind;
	char text[LINE_BYTES];

	if (log_add_to_count(format, n, now))
		return;
	vsnprintf(text, sizeof(text), format, args);
	kind = log_find_kind(NULL);
	if (kind != NULL) {
		*kind =
		    (struct log_kind){.format = format, .what = what, .level = level, .since = now};
		snprintf(kind->text, sizeof(kind->text), "%.*s", KIND_BYTES - 1, text);
	}
	if (what == NULL)
		log_line(level, "%s", text);
	else
		log_line(level, "%s; %s: %" PRIu64, text, what, n);
}

void
log_limited(enum log_level level, const char *format, ...)
{
	int saved = errno;
	va_list args;

	if (log_enabled(level)) {
		va_start(args, format);
		log_write_limited(level, 1, NULL, format, args);
		va_end(args);
	}
	errno = saved;
}

void
log_counted(enum log_level level, uint64_t n, const char *what, const char *format, ...)
{
	int saved = errno;
	va_list args;

	if (log_enabled(level)) {
		va_start(args, format);
		log_write_limited(level, n, what, format, args);
		va_end(args);
	}
	errno = saved;
}

void
log_tick(int64_t now_ms)
{
	for (size_t i = 0; i < KINDS_MAX; i++)
		if (log_ctx.kinds[i].format != NULL)
			log_count_kind(&log_ctx.kinds[i], now_ms);
}

/* --- from a signal handler: no stdio, no locale, no memory ------------------------------------ */

struct log_safe_line {
	char text[512];
	size_t n;
};

static void
log_add_safely(struct log_safe_line *line, const char *text)
{
	/* the last byte is for '\n' */
	for (; *text != '\0' && line->n < sizeof(line->text) - 1; text++)
		line->text[line->n++] = *text;
}

/* `digits` digits, with zeros in front; 0: as many as there are. */
static void
log_add_number_safely(struct log_safe_line *line, int64_t number, int digits)
{
	char text[24];
	size_t at = sizeof(text) - 1;

	text[at] = '\0';
	do {
		text[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (--digits > 0 || (digits < 0 && number > 0));
	log_add_safely(line, text + at);
}

/* As strftime() does it for UTC. */
static void
log_add_time_safely(struct log_safe_line *line)
{
	struct timespec now;
	int64_t days, seconds, era, year_of_era, day_of_year, month;

	clock_gettime(CLOCK_REALTIME, &now);
	seconds = now.tv_sec % 86400;
	/* years that begin in March, in eras of 400, have their leap day at the end */
	days = now.tv_sec / 86400 + 719468;
	era = days / 146097;
	days %= 146097;
	year_of_era = (days - days / 1460 + days / 36524 - days / 146096) / 365;
	day_of_year = days - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	month = (5 * day_of_year + 2) / 153;
	log_add_number_safely(line, era * 400 + year_of_era + (month >= 10), 4);
	log_add_safely(line, "-");
	log_add_number_safely(line, month < 10 ? month + 3 : month - 9, 2);
	log_add_safely(line, "-");
	log_add_number_safely(line, day_of_year - (153 * month + 2) / 5 + 1, 2);
	log_add_safely(line, "T");
	log_add_number_safely(line, seconds / 3600, 2);
	log_add_safely(line, ":");
	log_add_number_safely(line, seconds / 60 % 60, 2);
	log_add_safely(line, ":");
	log_add_number_safely(line, seconds % 60, 2);
	log_add_safely(line, ".");
	log_add_number_safely(line, now.tv_nsec / 1000000, 3);
	log_add_safely(line, "Z ");
}

void
log_from_signal(const char *const *texts)
{
	struct log_safe_line line = {.n = 0};
	int saved = errno;

	if (log_ctx.journal) {
		log_add_safely(&line, "<3>");
		log_add_safely(&line, log_ctx.program);
		log_add_safely(&line, ": ");
	} else {
		log_add_time_safely(&line);
		log_add_safely(&line, log_ctx.program);
		log_add_safely(&line, "[");
		log_add_number_safely(&line, getpid(), 0);
		log_add_safely(&line, "] error: ");
	}
	for (; *texts != NULL; texts++)
		log_add_safely(&line, *texts);
	log_make_one_line(line.text, line.n);
	line.text[line.n++] = '\n';
	if (write(log_ctx.fd, line.text, line.n) == -1)
		line.n = 0; /* and there is nowhere to report that */
	errno = saved;
}

void
log_collect(log_taker *take, void *arg)
{
	log_ctx.take = take;
	log_ctx.take_arg = arg;
}

void
log_drop(void *arg, enum log_level level, const char *line)
{
	(void)arg;
	(void)level;
	(void)line;
}

void
log_reopen(void)
{
	if (log_ctx.path != NULL && log_use_file(log_ctx.path) == -1)
		log_err(
		    "log file %s cannot be opened again, the old one stays in use", log_ctx.path);
}

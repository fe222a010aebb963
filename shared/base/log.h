/* log: one line per event on standard error (or a file), with the program's name and a level.
 *
 * Functions ending in x say what happened; those without add strerror(errno).  Under systemd
 * (JOURNAL_STREAM is set) a line begins with its <N> priority instead of a time.
 * An error is logged where it is first seen; above that it is passed up in silence.
 * A session appears by its public id only, never by its secret session id. */
#ifndef POLLUX_LOG_H
#define POLLUX_LOG_H

#include <stdint.h>
#include <sys/types.h>

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARN,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
	LOG_LEVEL_TRACE, /* every packet */
};

/* Before the first call the level is info and the target is standard error.
 * `program` and `path` are borrowed for the life of the process.  `path` NULL or empty keeps
 * standard error.
 * Return 0, or -1 with errno when the file cannot be opened (standard error stays). */
int log_open(const char *program, enum log_level level, const char *path);

/* Open the file again, after it was renamed (SIGHUP).  If that fails the old one stays in use, and
 * the failure is logged to it. */
void log_reopen(void);

/* Take another level and another file, as log_open().  Return 0, or -1 with errno when the file
 * cannot be opened: nothing has changed. */
int log_change(enum log_level level, const char *path);

/* Give a log file that root has made to this user, whom the program becomes.  Return 0, or -1 with
 * errno. */
int log_give_to(uid_t uid, gid_t gid);

/* Read a level's name: error, warn, info, debug, trace.  Return 0 or -1. */
int log_level_parse(const char *name, enum log_level *level);

/* Whether lines of this level are written: ask before composing an expensive one. */
int log_enabled(enum log_level level);

void log_err(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_errx(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warnx(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_trace(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The first error since the program began, without time and name; empty: there was none. */
const char *log_first_error(void);

/* For a line that a client can cause as often as it likes: the first is written, those that follow
 * within a minute are counted, and then the count is written with the first one's text, once a
 * minute for as long as there are more.  `format`, which must be a literal, tells one kind of line
 * from another.  From the thread of the loop only. */
void log_limited(enum log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The same for a line that tells of `n` things at once: `what` they are ("events dropped", a
 * literal) and how many follow the text, and the count is theirs. */
void log_counted(enum log_level level, uint64_t n, const char *what, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Write the counts that are due, also of kinds that occur no more.  Call it every second or so;
 * `now_ms` is the time of clock_ms(), INT64_MAX at the end of the program. */
void log_tick(int64_t now_ms);

/* Write one error from a signal handler: the texts, up to a NULL, one after the other. */
void log_from_signal(const char *const *texts);

typedef void log_taker(void *arg, enum log_level level, const char *line);

/* From now on hand lines to `take`, without time, program and level, instead of writing them: for a
 * check that must know what a start would log.  NULL: write them again. */
void log_collect(log_taker *take, void *arg);

/* A taker for lines that another process writes. */
void log_drop(void *arg, enum log_level level, const char *line);

#endif

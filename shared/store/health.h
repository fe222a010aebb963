/* health: what SQLite's errors say about the database, and when it has to be made anew.
 *
 * Its data is disposable, an outage is not: a damaged database is replaced within a second or two,
 * and so is one on a full disk, which may be full of ours. */
#ifndef POLLUX_HEALTH_H
#define POLLUX_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

struct store;

enum health_fault {
	HEALTH_GOOD,
	HEALTH_OTHER,   /* not the database's fault: locked, no descriptor, no memory, .. */
	HEALTH_FULL,    /* the disk, or the user's share of it, which may pass */
	HEALTH_FAILING, /* it cannot be written for another reason, which may pass, too */
	HEALTH_DAMAGED, /* it will not get better by itself */
};

/* What became of the database. */
struct health {
	enum health_fault fault;  /* the worst since the last tick, or not mended yet */
	char why[128];            /* SQLite's words for it */
	int64_t tick_ms;          /* the last tick */
	int64_t failing_since_ms; /* HEALTH_FULL or _FAILING; 0: since then something was written */
};

/* What the last error of the connection is; health.why says it in words. */
enum health_fault health_of_error(struct store *st);

/* Note that a statement has failed. */
void health_note(struct store *st);

/* Note that something was written. */
void health_note_written(struct store *st);

/* Once a second: HEALTH_DAMAGED if the database has to be made anew; HEALTH_FULL or HEALTH_FAILING
 * if writing has failed for some seconds: it has to be made anew if that still fails, and if it is
 * of use; else HEALTH_GOOD. */
enum health_fault health_tick(struct store *st, int64_t now_ms);

/* Forget all errors: the database is another one. */
void health_reset(struct store *st);

/* Log why the store cannot be opened, with strerror(errno) unless that is 0; once, until it was
 * opened again. */
void health_complain(const struct store *st, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The same of a file: what cannot be done with it, and why; who we are, if we may not. */
void health_complain_of(const struct store *st, const char *what, const char *path);

/* Look a little at a database that was opened: all of a small one, of a large one only the schema
 * and one row of every table.  The rest shows when it is used.  HEALTH_OTHER: not known. */
enum health_fault health_check(struct store *st);

#endif

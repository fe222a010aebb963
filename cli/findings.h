/* findings: what `pollux doctor` and `pollux hook test` have found: sentences, what to change, and
 * the configuration that fits, printed as they come or as one JSON object at the end. */
#ifndef POLLUX_FINDINGS_H
#define POLLUX_FINDINGS_H

#include <stdbool.h>

#include "shared/base/buf.h"

enum finding_verdict {
	FINDING_GOOD,
	FINDING_NOTE, /* clients are served; it could be better */
	FINDING_BAD,
	FINDING_UNKNOWN, /* not tested; the sentence says why */
	FINDING_VERDICTS
};

#define FINDINGS_SETTINGS_MAX 16

struct findings_setting {
	const char *section, *key; /* static */
	char value[256];
};

/* The last sentence, by what was found. */
struct findings_conclusion {
	const char *good, *unknown, *bad;
};

/* A zeroed struct, with the first three as they are wanted, is a valid start. */
struct findings {
	bool json;
	int id_columns;                               /* of the longest id */
	const struct findings_conclusion *conclusion; /* static */
	unsigned counts[FINDING_VERDICTS];
	struct buf list; /* JSON objects with commas between them */
	/* the last finding, which is not printed yet */
	bool open;
	const char *id; /* static */
	enum finding_verdict verdict;
	struct buf sentence, change;
	struct findings_setting settings[FINDINGS_SETTINGS_MAX];
	unsigned settings_n;
};

/* Begin the next finding; what came before it is printed.  `id` is static: one word for a program
 * that reads the JSON. */
void findings_add(struct findings *f, const char *id, enum finding_verdict verdict,
    const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Say what to change for the last finding; its lines, if it has several, are separated by \n.
 * Called again, the next sentence follows. */
void findings_change(struct findings *f, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Note a setting that fits this host, for the snippet at the end.  `section` and `key` are
 * static.  A later value of the same key replaces the earlier one. */
void findings_set(struct findings *f, const char *section, const char *key, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Print what is not printed yet: before something that takes long. */
void findings_flush(struct findings *f);

/* Print the settings and the conclusion, or the whole object with --json.  `url` is what was asked.
 * `good`: what mattered was seen to work; `complete`: all was tried, nobody interrupted it.  Return
 * 0, or -1: no memory. */
int findings_finish(struct findings *f, const char *url, bool good, bool complete);

void findings_free(struct findings *f);

#endif

/* config_table: one row per setting.  Its section, key, kind, field, default and range are written
 * there and nowhere else; tests/manual.sh holds docs/pollux.conf.5 against the rows.
 *
 * For shared/base/config*.c; everybody else reads the fields of struct config. */
#ifndef POLLUX_CONFIG_TABLE_H
#define POLLUX_CONFIG_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "shared/base/slice.h"

struct config;

/* How a value is read, and the type of its field. */
enum config_kind {
	KIND_SECONDS, /* 25, 0.5: int64_t, in milliseconds */
	KIND_SIZE,    /* 1000, 64k, 1M, 2G: size_t */
	KIND_COUNT,   /* a number, or auto, which is kept as 0: size_t */
	KIND_LIMIT,   /* a number; none, kept as 0; auto, if that is the default: size_t */
	KIND_TEXT,    /* char[]: verbatim; continuation lines are joined with a blank */
	KIND_LIST,    /* char[]: words separated by commas or blanks, kept with single commas */
	KIND_ORIGINS, /* char[]: the same, checked as shared/base/origins.h says */
	KIND_LISTEN,  /* char[]: addresses as listen_open() takes them; continued like KIND_TEXT */
	KIND_ROOMS,   /* KIND_LIST of patterns and numbers, see room_list.h */
	KIND_PROXIES, /* KIND_LIST of addresses and networks, see proxies.h */
	KIND_PATH,    /* char[]: a relative path starts at the folder of the file that names it */
	KIND_PREFIX,  /* char[]: a URL path, kept without the slashes around it */
	KIND_LEVEL,   /* error, warn, info, debug or trace: enum log_level */
	KIND_SWITCH,  /* auto, yes or no: enum config_switch */
	KIND_FLAG,    /* true or false as in 0.9, or yes or no: bool */
	KIND_REDIS,   /* char[]: as shared/base/redis_url.h reads it; no error repeats it */
	KIND_NODE,    /* char[]: the name of a node, a-z, 0-9 and -; or empty */
	KIND_NUMBER,  /* the number of a node, 0 to 4095; or -1 or empty: int, -1 */
	KIND_KEY,     /* char[]: what the keys in Redis begin with */
	KIND_ACCEPT,  /* accept or refuse: bool */
	KIND_TLS,     /* a version of TLS, 1.0 to 1.3: enum config_tls */
};

struct config_row {
	const char *section, *key;
	enum config_kind kind;
	size_t offset, room;      /* of the field in struct config */
	bool live;                /* a running program can take a new value, see config_reload.h */
	const char *value;        /* the default, as in a file */
	const char *least, *most; /* numbers only, as in a file; NULL otherwise */
	bool required;            /* texts only: may not be empty */
};

extern const struct config_row config_table[];
extern const size_t config_table_n;

/* The row of a key; NULL: unknown. */
const struct config_row *config_table_find(const char *section, const char *key);

/* The row that was probably meant by an unknown key: blanks and hyphens for underscores as in
 * socket.io 0.9, capitals, or another section.  NULL: none. */
const struct config_row *config_table_guess(const char *section, const char *key);

/* The row of a variable POLLUX_SECTION_KEY; NULL: unknown. */
const struct config_row *config_table_find_variable(struct slice name);

/* Whether both give the setting the same value. */
bool config_table_same(
    const struct config_row *row, const struct config *a, const struct config *b);

bool config_table_has_section(const char *section);

/* Whether `name` is POLLUX_SECTION_... for a section of ours. */
bool config_table_has_section_of(struct slice name);

#endif

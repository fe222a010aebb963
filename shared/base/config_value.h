/* config_value: reads the text of one setting into its field of struct config.
 *
 * For shared/base/config.c. */
#ifndef POLLUX_CONFIG_VALUE_H
#define POLLUX_CONFIG_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/base/config_table.h"
#include "shared/base/slice.h"

struct config;

/* A value and where to complain about it. */
struct config_value {
	const char *text;
	bool more;         /* an indented line: it continues what the field holds */
	struct slice base; /* relative paths start here: a folder with its slash, or empty */
	bool exposed;      /* every user of the machine can read it */
	char *error;       /* gets "key: what is wrong" */
	size_t error_size;
};

/* Read `value` into the row's field.  Return 0, or -1 with `error` filled in; the field is then
 * unchanged. */
int config_value_set(
    struct config *cfg, const struct config_row *row, const struct config_value *value);

/* Read "1000", "64k", "1M" or "2G".  Return 0 or -1. */
int config_value_read_size(const char *text, int64_t *size);

#endif

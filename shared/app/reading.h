/* reading: the values that stand in actions (action.h), checked one by one.  Only shared/app/
 * includes it.  Functions return 0, or -1 with the error filled in. */
#ifndef POLLUX_APP_READING_H
#define POLLUX_APP_READING_H

#include "shared/app/action.h"
#include "shared/wire/json.h"

/* A reading in progress. */
struct reading {
	struct action_list *list;
	const struct action_context *ctx;
	struct action_error *error;
	int index;             /* of the action being read; -1: before the first */
	struct action *action; /* being read */
	bool has_ns, has_target;
};

/* Note what is wrong, and return -1. */
int reading_fail(struct reading *r, const char *code, const char *field, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
#define BAD(r, field, ...) reading_fail((r), "bad_action", (field), __VA_ARGS__)

/* Decode a string into the list's memory, where a NUL follows it. */
int reading_text(
    struct reading *r, const char *field, const struct json_value *value, struct slice *out);
/* The same of what names something: not too long, and no NUL in it. */
int reading_name(
    struct reading *r, const char *field, const struct json_value *value, struct slice *out);
int reading_public_id(
    struct reading *r, const char *field, const struct json_value *value, int64_t *key);
int reading_flag(struct reading *r, const char *field, const struct json_value *value, bool *out);

/* Into the action. */
int reading_ns(struct reading *r, const struct json_value *value);
int reading_id(struct reading *r, const struct json_value *value);
int reading_timeout(struct reading *r, const struct json_value *value);
int reading_args(struct reading *r, const struct json_value *value);
int reading_user(struct reading *r, const struct json_value *value);
int reading_reason(struct reading *r, const struct json_value *value);
int reading_advice(struct reading *r, const struct json_value *value);
int reading_target(struct reading *r, const struct json_value *value);

#endif

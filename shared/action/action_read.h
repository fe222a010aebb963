/* action_read: reads and checks the values of an action (action.h).  Only shared/action/ includes
 * it.  Functions return 0, or -1 with the error filled in. */
#ifndef POLLUX_ACTION_READ_H
#define POLLUX_ACTION_READ_H

#include "shared/action/action.h"
#include "shared/wire/json.h"

/* A reading in progress. */
struct action_reader {
	struct action_list *list;
	const struct action_context *ctx;
	struct action_error *error;
	int index;             /* of the action being read; -1: before the first */
	struct action *action; /* being read */
	bool has_ns, has_target, has_later;
};

/* Fill the error in and return -1. */
int action_read_fail(struct action_reader *r, const char *code, const char *field,
    const char *format, ...) __attribute__((format(printf, 4, 5)));
#define BAD(r, field, ...) action_read_fail((r), "bad_action", (field), __VA_ARGS__)

/* Decode a string into the list's memory, where a NUL follows it. */
int action_read_text(
    struct action_reader *r, const char *field, const struct json_value *value, struct slice *out);
/* The same for the name of an event: without NUL. */
int action_read_event(
    struct action_reader *r, const char *field, const struct json_value *value, struct slice *out);
/* The same for any other name: not too long, and without NUL. */
int action_read_name(
    struct action_reader *r, const char *field, const struct json_value *value, struct slice *out);
int action_read_public_id(
    struct action_reader *r, const char *field, const struct json_value *value, int64_t *key);
int action_read_flag(
    struct action_reader *r, const char *field, const struct json_value *value, bool *out);
/* Milliseconds. */
int action_read_ms(
    struct action_reader *r, const char *field, const struct json_value *value, int *ms);

/* Read a value into the action. */
int action_read_ns(struct action_reader *r, const struct json_value *value);
int action_read_id(struct action_reader *r, const struct json_value *value);
/* The text of later.h, or "": there is nothing to answer; of a verdict that of ruling.h. */
int action_read_later(struct action_reader *r, const struct json_value *value);
int action_read_history(struct action_reader *r, const struct json_value *value);
/* A JSON object whose members become values of a session. */
int action_read_data(struct action_reader *r, const struct json_value *value);
int action_read_mailbox(struct action_reader *r, const struct json_value *value);
int action_read_args(struct action_reader *r, const struct json_value *value);
int action_read_user(struct action_reader *r, const struct json_value *value);
int action_read_reason(struct action_reader *r, const struct json_value *value);
int action_read_advice(struct action_reader *r, const struct json_value *value);
int action_read_target(struct action_reader *r, const struct json_value *value);

#endif

/* Replies to events and to authorize requests (docs/hook.md, sections 3 and 4). */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/action/target.h"
#include "shared/base/log.h"
#include "shared/hook/internal.h"
#include "shared/wire/json.h"
#include "shared/wire/sid.h"
#include "shared/wire/utf8.h"

/* One array of actions and the event that it answers, or one ack. */
struct reply_part {
	struct action_list list;
	const struct hook_sent *sent; /* NULL: no event */
	struct slice ack;             /* array text of the ack; p NULL: `list` counts */
};

struct reply_reader {
	struct hook *hook;
	const struct hook_sent *sent;
	size_t sent_n;
	struct reply_part *parts; /* owned */
	size_t n, cap;
	char **errors; /* of each event; owned by the caller */
	char *error;
};

/* The ack id where no client waits for one: actions with this very pointer are left out. */
static const char no_ack_id[] = "0";

static int __attribute__((format(printf, 2, 3)))
set_reply_error(char *error, const char *format, ...)
{
	struct buf clean = {.p = NULL};
	char text[HOOK_ERROR_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	utf8_sanitize(&clean, slice_of(text)); /* snprintf may have cut a character */
	snprintf(error, HOOK_ERROR_MAX, "%.*s", (int)clean.n, clean.p);
	/* it goes into a log line and into a header (X-Pollux-Last-Error) */
	for (char *p = error; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || (unsigned char)*p >= 0x7f)
			*p = '?';
	buf_free(&clean);
	return -1;
}

bool
hook_reply_is_good(struct slice body)
{
	struct json_value value;

	for (size_t i = 0; i < body.n; i++)
		if (memchr(" \t\r\n", body.p[i], 4) == NULL)
			return json_parse(&value, body) == 0 && value.kind == JSON_KIND_OBJECT;
	return true;
}

/* --- actions -------------------------------------------------------------------------------- */

static struct action_context
context_for_reply(int64_t key, struct slice ns, const char *ack)
{
	return (struct action_context){
	    .session = key,
	    .ns = ns,
	    .ack_id = ack[0] != '\0' ? slice_of(ack) : (struct slice){no_ack_id, 1},
	};
}

static struct reply_part *
add_reply_part(struct reply_reader *r, const struct hook_sent *sent)
{
	if (r->n == r->cap) {
		size_t cap = r->cap == 0 ? 16 : 2 * r->cap;
		struct reply_part *grown = realloc(r->parts, cap * sizeof(*grown));

		if (grown == NULL)
			return NULL;
		r->parts = grown;
		r->cap = cap;
	}
	r->parts[r->n] = (struct reply_part){.sent = sent};
	return &r->parts[r->n++];
}

/* Parse and check without doing anything. */
static int
check_reply_actions(struct hook *hook, struct action_list *list, struct slice json,
    const struct action_context *ctx, char *error)
{
	struct action_error why;

	if (action_parse(list, json, ctx, &why) == 0 &&
	    action_run_check(&hook->base, list, &why) == 0)
		return 0;
	return set_reply_error(error, "action %d: %s", why.index, why.message);
}

static int
read_reply_actions(
    struct reply_reader *r, const struct hook_sent *sent, const struct json_value *value)
{
	struct reply_part *part = add_reply_part(r, sent);
	struct action_context ctx = {.session = 0};

	/* an event of a user is answered by actions that name their targets */
	if (sent != NULL)
		ctx = context_for_reply(sent->key < 0 ? 0 : sent->key,
		    sent->ns == NULL ? SLICE("") : sent->ns->name, sent->ack);
	if (part == NULL)
		return set_reply_error(r->error, "no memory for its actions");
	if (value->kind != JSON_KIND_ARRAY)
		return set_reply_error(r->error, "\"actions\" is not an array");
	return check_reply_actions(r->hook, &part->list, value->text, &ctx, r->error);
}

static const struct hook_sent *
find_sent_event(const struct reply_reader *r, struct slice literal)
{
	const char *epoch = store_epoch(hub_store(r->hook->base.hub));
	char id[HOOK_ID_MAX];

	for (size_t i = 0; i < r->sent_n; i++) {
		event_id_write(id, epoch, r->sent[i].id);
		if (json_string_is(literal, id))
			return &r->sent[i];
	}
	return NULL;
}

static bool
has_failed(const struct reply_reader *r, const struct hook_sent *sent)
{
	return sent != NULL && r->errors[sent - r->sent] != NULL;
}

/* Of the event nothing is done, and the text is kept. */
static int
fail_event(struct reply_reader *r, const struct hook_sent *sent, const char *text)
{
	char **at = &r->errors[sent - r->sent];

	free(*at);
	*at = strdup(text);
	return *at == NULL ? set_reply_error(r->error, "no memory for an \"error\"") : 0;
}

/* Its result is wrong, of which the hook is told. */
static int
fail_result(struct reply_reader *r, const struct hook_sent *sent, const char *text)
{
	set_reply_error(r->error, "%s", text);
	return fail_event(r, sent, text);
}

/* The handler of the event has failed. */
static int
read_reply_failure(
    struct reply_reader *r, const struct hook_sent *sent, const struct json_value *value)
{
	char text[HOOK_ERROR_MAX];
	struct buf decoded = {.p = NULL};

	if (value->kind != JSON_KIND_STRING)
		return fail_result(r, sent, "the \"error\" of a result is not a string");
	json_string_decode(&decoded, value->text);
	hook_event_plain(text, sizeof(text), buf_slice(&decoded));
	buf_free(&decoded);
	return fail_event(r, sent, text[0] == '\0' ? "the reply names no error" : text);
}

static int
read_reply_result(struct reply_reader *r, const struct json_value *result)
{
	struct json_value value, id = {.kind = JSON_KIND_NULL}, ack = id, actions = id, error = id;
	const struct hook_sent *sent;
	struct json_walk walk;
	struct slice key;
	struct reply_part *part;

	if (result->kind != JSON_KIND_OBJECT)
		return set_reply_error(r->error, "a result is not an object");
	json_walk_begin(&walk, result);
	while (json_walk_member(&walk, &key, &value)) {
		if (json_string_is(key, "id"))
			id = value;
		else if (json_string_is(key, "ack"))
			ack = value;
		else if (json_string_is(key, "actions"))
			actions = value;
		else if (json_string_is(key, "error"))
			error = value;
	}
	if (id.kind != JSON_KIND_STRING)
		return set_reply_error(r->error, "a result has no \"id\"");
	sent = find_sent_event(r, id.text);
	if (sent == NULL)
		return 0; /* an event of another request: ignored */
	if (error.kind != JSON_KIND_NULL)
		return read_reply_failure(r, sent, &error);
	/* what is wrong in it may be a name that its client chose: it costs the others nothing */
	if (actions.kind != JSON_KIND_NULL && read_reply_actions(r, sent, &actions) == -1)
		return fail_event(r, sent, r->error);
	if (ack.kind == JSON_KIND_NULL)
		return 0;
	if (ack.kind != JSON_KIND_ARRAY)
		return fail_result(r, sent, "the \"ack\" of a result is not an array");
	part = add_reply_part(r, sent);
	if (part == NULL)
		return set_reply_error(r->error, "no memory for an \"ack\"");
	part->ack = ack.text;
	return 0;
}

static int
read_reply_results(struct reply_reader *r, const struct json_value *results)
{
	struct json_value value;
	struct json_walk walk;

	if (results->kind != JSON_KIND_ARRAY)
		return set_reply_error(r->error, "\"results\" is not an array");
	json_walk_begin(&walk, results);
	while (json_walk_element(&walk, &value))
		if (read_reply_result(r, &value) == -1)
			return -1;
	return 0;
}

static int
read_events_reply(struct reply_reader *r, struct slice body)
{
	struct json_value all, value;
	struct json_walk walk;
	struct slice key;

	if (json_parse(&all, body) == -1 || all.kind != JSON_KIND_OBJECT)
		return 0; /* empty */
	json_walk_begin(&walk, &all);
	while (json_walk_member(&walk, &key, &value)) {
		if (json_string_is(key, "results") && read_reply_results(r, &value) == -1)
			return -1;
		if (json_string_is(key, "actions") && read_reply_actions(r, NULL, &value) == -1)
			return -1;
	}
	return 0;
}

/* --- running -------------------------------------------------------------------------------- */

/* The first ack of an event counts; one that no client waits for is dropped.  Ids are compared as
 * the numbers that the hook has seen, and sent as the client wrote them. */
static void
keep_first_ack(struct action_list *list, const struct hook_sent *sent, bool *acked)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->n; i++) {
		struct action *a = &list->actions[i];

		if (a->kind == ACTION_ACK && a->id.p == no_ack_id)
			continue;
		if (a->kind == ACTION_ACK && sent != NULL && a->session == sent->key &&
		    slice_equal(
			hook_event_ack_number(a->id), hook_event_ack_number(slice_of(sent->ack)))) {
			if (*acked)
				continue;
			*acked = true;
			a->id = slice_of(sent->ack);
		}
		list->actions[kept++] = *a;
	}
	list->n = kept;
}

static int
run_reply_list(struct hook *hook, struct action_list *list)
{
	struct action_result result;
	struct action_error why;

	if (action_run(&hook->base, list, &result, &why) == 0)
		return 0;
	log_limited(LOG_LEVEL_WARN, "hook: action %d: %s", why.index, why.message);
	transaction_fail(hook->base.hub); /* every action was checked, so the store failed */
	return -1;
}

static int
send_reply_ack(struct hook *hook, const struct hook_sent *sent, struct slice args)
{
	struct packet pk = {.type = PACKET_ACK};
	struct target t = {.ns = sent->ns, .session = sent->key};
	struct buf data = {.p = NULL};
	int result = 0;

	packet_ack_write(&data, slice_of(sent->ack), args);
	pk.data = buf_slice(&data);
	if (!data.failed)
		result = target_send(&hook->base, &t, &pk);
	buf_free(&data);
	return result == -EIO ? -1 : 0; /* a session that is gone is not an error */
}

static int
run_reply_parts(struct reply_reader *r)
{
	bool acked[HOOK_BATCH] = {false};
	bool none = false;

	for (size_t i = 0; i < r->n; i++) {
		struct reply_part *part = &r->parts[i];
		bool *flag = part->sent == NULL ? &none : &acked[part->sent - r->sent];

		if (has_failed(r, part->sent))
			continue;
		if (part->ack.p == NULL) {
			keep_first_ack(&part->list, part->sent, flag);
			if (run_reply_list(r->hook, &part->list) == -1)
				return -1;
		} else if (part->sent->ack[0] != '\0' && part->sent->ns != NULL && !*flag) {
			*flag = true;
			if (send_reply_ack(r->hook, part->sent, part->ack) == -1)
				transaction_fail(r->hook->base.hub);
		}
	}
	return 0;
}

int
hook_reply_run(struct hook *hook, const struct hook_sent *sent, size_t n, struct slice body,
    char *errors[], char error[HOOK_ERROR_MAX])
{
	struct reply_reader r = {
	    .hook = hook, .sent = sent, .sent_n = n, .errors = errors, .error = error};
	int result;

	memset(errors, 0, n * sizeof(*errors));
	result = read_events_reply(&r, body);
	for (size_t i = 0; i < n && result == -1; i++) {
		free(errors[i]);
		errors[i] = NULL;
	}

	if (result == 0)
		run_reply_parts(&r);
	for (size_t i = 0; i < r.n; i++)
		action_free(&r.parts[i].list);
	free(r.parts);
	return result;
}

/* --- authorize ------------------------------------------------------------------------------ */

void
hook_reply_free_admission(struct hook_admission *a)
{
	admission_free(&a->words);
	free(a->actions);
	free(a->transports);
	*a = (struct hook_admission){.actions = NULL};
}

/* "transports": names with commas between them. */
static int
read_reply_transports(struct hook_admission *a, const struct json_value *value, char *error)
{
	struct buf names = {.p = NULL};
	struct json_value name;
	struct json_walk walk;

	if (value->kind != JSON_KIND_ARRAY)
		return set_reply_error(error, "\"transports\" is not an array");
	json_walk_begin(&walk, value);
	while (json_walk_element(&walk, &name)) {
		if (names.n > 0)
			buf_add_char(&names, ',');
		if (name.kind == JSON_KIND_STRING)
			json_string_decode(&names, name.text);
	}
	if (slice_has_nul(buf_slice(&names))) {
		buf_free(&names);
		return set_reply_error(error, "\"transports\" contains U+0000");
	}
	a->transports = names.failed ? NULL : strndup(names.n == 0 ? "" : names.p, names.n);
	buf_free(&names);
	return a->transports == NULL ? set_reply_error(error, "no memory for \"transports\"") : 0;
}

static int
read_grant_actions(struct hook *hook, int64_t key, struct slice ns, struct hook_admission *a,
    const struct json_value *value, char *error)
{
	struct action_context ctx = context_for_reply(key, ns, "");
	struct action_list list;
	int result;

	if (value->kind != JSON_KIND_ARRAY)
		return set_reply_error(error, "the verdict's \"actions\" must be an array");
	result = check_reply_actions(hook, &list, value->text, &ctx, error);
	action_free(&list);
	if (result == 0)
		a->actions = strndup(value->text.p, value->text.n);
	return result;
}

/* A string's text, malloc'ed; NULL: not a string, it contains U+0000, or no memory. */
static char *
copy_string(const struct json_value *value)
{
	struct buf text = {.p = NULL};
	char *copy;

	if (value->kind != JSON_KIND_STRING)
		return NULL;
	json_string_decode(&text, value->text);
	copy = text.failed || slice_has_nul(buf_slice(&text))
	           ? NULL
	           : strndup(text.n == 0 ? "" : text.p, text.n);
	buf_free(&text);
	return copy;
}

static int
read_grant(struct hook_admission *a, const struct json_value *user, const struct json_value *data,
    char *error)
{
	char *name = copy_string(user), *object = NULL;
	int result = 0;

	if (data->kind != JSON_KIND_NULL)
		object = strndup(data->text.p, data->text.n);
	if ((user->kind != JSON_KIND_NULL && name == NULL) ||
	    (data->kind != JSON_KIND_NULL && data->kind != JSON_KIND_OBJECT) ||
	    admission_grant(&a->words, name, object) != 0)
		result = set_reply_error(
		    error, "\"user\" is not a valid name, or \"data\" not an object");
	free(name);
	free(object);
	return result;
}

static void
log_hook_refusal(int64_t key, struct slice ns, const struct json_value *reason)
{
	char id[SID_PUBLIC_LENGTH + 1], text[HOOK_ERROR_MAX] = "the reply has no reason";
	char *copy = copy_string(reason);

	if (copy != NULL)
		set_reply_error(text, "%s", copy);
	free(copy);
	sid_public_write(id, key);
	log_limited(LOG_LEVEL_INFO, "hook: refused %s%s%.*s: %s", id, ns.n == 0 ? "" : " for ",
	    (int)ns.n, ns.p == NULL ? "" : ns.p, text);
}

int
hook_reply_verdict(struct hook *hook, int64_t key, struct slice ns, struct slice body,
    struct hook_admission *a, char error[HOOK_ERROR_MAX])
{
	struct json_value all, value, accept = {.kind = JSON_KIND_NULL}, user = accept,
				      data = accept, actions = accept, transports = accept,
				      reason = accept;
	const struct {
		const char *name;
		struct json_value *value;
	} fields[] = {{"accept", &accept}, {"user", &user}, {"data", &data}, {"actions", &actions},
	    {"transports", &transports}, {"reason", &reason}};
	struct json_walk walk;
	struct slice name;

	if (json_parse(&all, body) == -1) /* empty */
		return 0;
	json_walk_begin(&walk, &all);
	while (json_walk_member(&walk, &name, &value))
		for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
			if (json_string_is(name, fields[i].name))
				*fields[i].value = value;
	if (accept.kind == JSON_KIND_FALSE) {
		log_hook_refusal(key, ns, &reason);
		return -EACCES;
	}
	if (accept.kind != JSON_KIND_TRUE) {
		set_reply_error(error, "the reply has no \"accept\":true or false");
		return -EPROTO;
	}
	if (read_grant(a, &user, &data, error) == -1 ||
	    (actions.kind != JSON_KIND_NULL &&
		read_grant_actions(hook, key, ns, a, &actions, error) == -1) ||
	    (transports.kind != JSON_KIND_NULL &&
		read_reply_transports(a, &transports, error) == -1)) {
		hook_reply_free_admission(a);
		return -EPROTO;
	}
	return 0;
}

void
hook_reply_run_actions(struct hook *hook, int64_t key, struct slice ns, const char *actions)
{
	struct action_context ctx = context_for_reply(key, ns, "");
	struct action_list list;
	char error[HOOK_ERROR_MAX];
	bool acked = true;

	if (check_reply_actions(hook, &list, slice_of(actions), &ctx, error) == -1) {
		log_limited(LOG_LEVEL_WARN, "hook: %s", error);
	} else {
		keep_first_ack(&list, NULL, &acked);
		run_reply_list(hook, &list);
	}
	action_free(&list);
}

/* What the publishing interface looks up: sessions, rooms, users. */
#include <stdlib.h>

#include "shared/base/clock.h"
#include "shared/hub/link.h"
#include "shared/store/listing.h"
#include "shared/store/message_log.h"
#include "shared/store/session_data.h"
#include "shared/transport/internal.h"
#include "shared/transport/publish_request.h"
#include "shared/wire/form.h"
#include "shared/wire/json.h"
#include "shared/wire/sid.h"
#include "shared/wire/utf8.h"

#define LIMIT_DEFAULT 100
#define LIMIT_MAX     1000

/* A list that is being written. */
struct listing {
	struct buf out;
	struct listing_filter filter;
	struct buf ns, room, user, data; /* decoded; p NULL: not asked for */
	int64_t now_ms;                  /* since 1970, for ages */
	int64_t last;                    /* key of the last session written */
	int n;
};

static void
free_listing(struct listing *l)
{
	buf_free(&l->out);
	buf_free(&l->ns);
	buf_free(&l->room);
	buf_free(&l->user);
	buf_free(&l->data);
}

/* Answer with the list, or with an error if it is not whole. */
static void
answer_listing(const struct publish_request *p, struct listing *l, int listed)
{
	if (listed == -1 || l->out.failed)
		publish_answer_error(
		    p, 503, NULL, "busy", "the list could not be read, or is too long");
	else
		publish_answer_json(p, buf_slice(&l->out));
	free_listing(l);
}

/* --- nodes ---------------------------------------------------------------------------------- */

/* In a cluster: whose sessions are asked for.  Return false after answering. */
static bool
choose_node(const struct publish_request *p, struct listing *l)
{
	struct buf node = {.p = NULL};
	struct slice value;
	bool known;

	l->filter.names_nodes = link_is_on(p->sv->hub);
	if (!l->filter.names_nodes || !form_field(p->query, "node", &value))
		return true;
	form_decode(&node, value);
	known = listing_find_node(hub_store(p->sv->hub), buf_slice(&node), &l->filter.of);
	buf_free(&node);
	if (known)
		return true;
	publish_answer_error(
	    p, 404, NULL, "unknown_node", "no node of the cluster has this name or number");
	free_listing(l);
	return false;
}

/* --- sessions ------------------------------------------------------------------------------- */

static int
parse_listing_limit(struct slice value, int *limit)
{
	int n = 0;

	if (value.n == 0 || value.n > 4)
		return -1;
	for (size_t i = 0; i < value.n; i++) {
		if (value.p[i] < '0' || value.p[i] > '9')
			return -1;
		n = n * 10 + (value.p[i] - '0');
	}
	*limit = n;
	return n >= 1 && n <= LIMIT_MAX ? 0 : -1;
}

static void
decode_form(struct buf *out, struct slice raw)
{
	buf_clear(out);
	if (buf_reserve(out, 1) != NULL) /* not NULL, so asked for, even if empty */
		form_decode(out, raw);
}

#define NAME_ERROR "a name contains U+0000"

/* Answer that the query is wrong, and free the list. */
static void
refuse_query(const struct publish_request *p, struct listing *l, const char *wrong)
{
	publish_answer_error(p, 400, NULL, "bad_request", wrong);
	free_listing(l);
}

/* Which values are to come with each session.  Return NULL, or what is wrong with the query. */
static const char *
parse_listing_data(const struct publish_request *p, struct listing *l)
{
	struct slice value;

	if (!form_field(p->query, "data", &value))
		return NULL;
	decode_form(&l->data, value);
	l->filter.data = buf_slice(&l->data);
	return session_data_are_names(l->filter.data)
	           ? NULL
	           : "data must be at most 32 names of values, with commas between them";
}

/* Return NULL, or what is wrong with the query. */
static const char *
parse_listing_query(const struct publish_request *p, struct listing *l)
{
	static const char wrong[] =
	    "limit must be a number from 1 to 1000, after a public session id";
	struct slice rest = p->query, key, value;

	while (form_next(&rest, &key, &value)) {
		if (slice_is(key, "ns"))
			decode_form(&l->ns, value);
		else if (slice_is(key, "room"))
			decode_form(&l->room, value);
		else if (slice_is(key, "user"))
			decode_form(&l->user, value);
		else if (slice_is(key, "limit")) {
			if (parse_listing_limit(value, &l->filter.limit) == -1)
				return wrong;
		} else if (slice_is(key, "after")) {
			if (sid_public_read(value, &l->filter.after) == -1)
				return wrong;
		}
	}
	if (slice_has_nul(buf_slice(&l->ns)) || slice_has_nul(buf_slice(&l->room)) ||
	    slice_has_nul(buf_slice(&l->user)))
		return NAME_ERROR;
	l->filter.user = buf_slice(&l->user);
	/* not by length: the name of the default namespace is empty */
	if (l->ns.p != NULL || l->room.p != NULL)
		l->filter.chan = message_log_channel(buf_slice(&l->ns), buf_slice(&l->room));
	return parse_listing_data(p, l);
}

static void
add_listed_session(void *arg, const struct listing_session *s)
{
	struct listing *l = arg;

	if (l->n++ > 0)
		buf_add_char(&l->out, ',');
	listing_json_session(&l->out, s, l->now_ms);
	l->last = s->key;
}

static int
add_listed_sessions(const struct publish_request *p, struct listing *l)
{
	l->now_ms = clock_wall_ms();
	return listing_sessions(hub_store(p->sv->hub), &l->filter, add_listed_session, l);
}

/* Close the array and say where the next page begins. */
static void
end_session_list(struct listing *l)
{
	char id[SID_PUBLIC_LENGTH + 1];

	/* a full page may be the last one: then the next is empty */
	if (l->n < l->filter.limit) {
		buf_puts(&l->out, "],\"next\":null}");
		return;
	}
	sid_public_write(id, l->last);
	buf_printf(&l->out, "],\"next\":\"%s\"}", id);
}

void
publish_read_sessions(const struct publish_request *p)
{
	struct listing l = {.filter = {.limit = LIMIT_DEFAULT}};
	const char *wrong = parse_listing_query(p, &l);
	int listed;

	if (wrong != NULL) {
		refuse_query(p, &l, wrong);
		return;
	}
	if (!choose_node(p, &l))
		return;
	buf_puts(&l.out, "{\"sessions\":[");
	listed = add_listed_sessions(p, &l);
	end_session_list(&l);
	answer_listing(p, &l, listed);
}

void
publish_read_session(const struct publish_request *p)
{
	struct listing l = {.filter = {.limit = 1, .names_nodes = link_is_on(p->sv->hub)}};
	const char *wrong = parse_listing_data(p, &l);
	int listed = 0;

	if (wrong != NULL) {
		refuse_query(p, &l, wrong);
		return;
	}
	if (sid_public_read(p->rest, &l.filter.key) == 0)
		listed = add_listed_sessions(p, &l);
	if (listed == 0 && l.n == 0) {
		publish_answer_error(
		    p, 404, NULL, "unknown_session", "no session has this public id");
		free_listing(&l);
		return;
	}
	answer_listing(p, &l, listed);
}

/* Decode a segment of a path.  In a path, unlike in a query, '+' is a plus sign. */
static void
decode_path_segment(struct buf *out, struct slice raw)
{
	struct buf form = {.p = NULL};

	for (size_t i = 0; i < raw.n; i++) {
		if (raw.p[i] == '+')
			buf_puts(&form, "%2B");
		else
			buf_add_char(&form, raw.p[i]);
	}
	decode_form(out, buf_slice(&form));
	buf_free(&form);
}

void
publish_read_user(const struct publish_request *p)
{
	struct listing l = {.filter = {.limit = LIMIT_MAX}};
	struct buf name = {.p = NULL};
	const char *wrong = parse_listing_data(p, &l);
	int listed;

	decode_path_segment(&l.user, p->rest);
	if (slice_has_nul(buf_slice(&l.user)))
		wrong = NAME_ERROR;
	if (wrong != NULL) {
		refuse_query(p, &l, wrong);
		return;
	}
	if (!choose_node(p, &l))
		return;
	l.filter.user = buf_slice(&l.user);
	/* users are looked up by their bytes, but what goes into JSON must be UTF-8 */
	utf8_sanitize(&name, l.filter.user);
	buf_puts(&l.out, "{\"user\":");
	json_write_string(&l.out, buf_slice(&name));
	buf_puts(&l.out, ",\"sessions\":[");
	buf_free(&name);
	listed = add_listed_sessions(p, &l);
	end_session_list(&l);
	answer_listing(p, &l, listed);
}

/* --- rooms ---------------------------------------------------------------------------------- */

static void
add_listed_room(void *arg, struct slice ns, struct slice room, int64_t sessions)
{
	struct listing *l = arg;

	if (l->n++ > 0)
		buf_add_char(&l->out, ',');
	listing_json_room(&l->out, ns, room, sessions);
}

/* Which rooms are asked for.  Return NULL, or what is wrong with the query. */
static const char *
parse_room_query(
    const struct publish_request *p, struct listing *l, struct listing_room_filter *filter)
{
	struct slice value;

	if (form_field(p->query, "ns", &value))
		decode_form(&l->ns, value);
	filter->ns = buf_slice(&l->ns);
	if (slice_has_nul(filter->ns))
		return NAME_ERROR;
	if (form_field(p->query, "session", &value) && sid_public_read(value, &filter->key) == -1)
		return "session must be a public session id";
	return NULL;
}

void
publish_read_rooms(const struct publish_request *p)
{
	struct listing l = {.n = 0};
	struct listing_room_filter filter = {.key = 0};
	const char *wrong = parse_room_query(p, &l, &filter);
	int listed;

	if (wrong != NULL) {
		refuse_query(p, &l, wrong);
		return;
	}
	if (!choose_node(p, &l))
		return;
	filter.of = l.filter.of;
	buf_puts(&l.out, "{\"rooms\":[");
	listed = listing_rooms(hub_store(p->sv->hub), &filter, add_listed_room, &l);
	buf_puts(&l.out, "]}");
	answer_listing(p, &l, listed);
}

/* --- users ---------------------------------------------------------------------------------- */

static void
add_listed_user(void *arg, struct slice user, int64_t sessions)
{
	struct listing *l = arg;

	if (l->n++ > 0)
		buf_add_char(&l->out, ',');
	listing_json_user(&l->out, user, sessions);
	buf_clear(&l->user);
	buf_add_slice(&l->user, user);
}

/* Return NULL, or what is wrong with the query.  `after` gets the name that the page is to begin
 * behind, decoded; p NULL: it is the first. */
static const char *
parse_users_query(const struct publish_request *p, struct listing *l, struct buf *after)
{
	struct slice value;

	if (form_field(p->query, "limit", &value) &&
	    parse_listing_limit(value, &l->filter.limit) == -1)
		return "limit must be a number from 1 to 1000";
	if (form_field(p->query, "after", &value))
		decode_form(after, value);
	return slice_has_nul(buf_slice(after)) ? NAME_ERROR : NULL;
}

void
publish_read_users(const struct publish_request *p)
{
	struct listing l = {.filter = {.limit = LIMIT_DEFAULT}};
	struct buf after = {.p = NULL};
	const char *wrong = parse_users_query(p, &l, &after);
	int listed;

	if (wrong != NULL) {
		publish_answer_error(p, 400, NULL, "bad_request", wrong);
		free_listing(&l);
	} else if (choose_node(p, &l)) {
		buf_puts(&l.out, "{\"users\":[");
		listed = listing_users(hub_store(p->sv->hub), l.filter.of, buf_slice(&after),
		    l.filter.limit, add_listed_user, &l);
		buf_puts(&l.out, "],\"next\":");
		/* a full page may be the last one: then the next is empty */
		if (l.n < l.filter.limit)
			buf_puts(&l.out, "null");
		else
			json_write_string(&l.out, buf_slice(&l.user));
		buf_add_char(&l.out, '}');
		answer_listing(p, &l, listed);
	}
	buf_free(&after);
}

#include "shared/action/event_relay.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include <uthash.h>

#include "shared/action/application.h"
#include "shared/action/namespace.h"
#include "shared/action/target.h"
#include "shared/base/config.h"
#include "shared/base/log.h"
#include "shared/store/counters.h"
#include "shared/store/subscription.h"
#include "shared/wire/json.h"
#include "shared/wire/packet.h"
#include "shared/wire/sid.h"
#include "shared/wire/utf8.h"

#define UNIT      1000 /* budgets are kept in thousandths */
#define SECOND_MS 1000 /* a budget that was not used for so long is full, and need not be kept */

/* So many events must not use the store before a line counts as one that needs no lock of it. */
#define RULE_WARY 1000

/* A line of [relay]. */
struct relay_rule {
	const struct hub_ns *ns;
	char event[CONFIG_RELAY_NAME];
	int64_t events, bytes; /* a second */
	bool to_all, is_volatile;
	int wary; /* not 0: it used the store lately */
};

struct budget_key {
	int64_t session, rule; /* no padding: it is hashed */
};

struct relay_budget {
	struct budget_key key;
	int64_t events, bytes; /* left, in thousandths */
	int64_t seen;
	TAILQ_ENTRY(relay_budget) by_use;
	UT_hash_handle hh;
};

TAILQ_HEAD(budget_list, relay_budget);

struct event_relay {
	struct relay_rule rules[CONFIG_RELAYS_MAX];
	size_t rules_n;
	struct relay_budget *budgets; /* uthash */
	struct budget_list by_use;    /* all of them, the one that was used last at the end */
	struct buf event, data;       /* scratch */
	struct buf rooms, seen, out;  /* scratch: int64_t */
};

/* --- opening -------------------------------------------------------------------------------- */

static struct ns *
find_relay_ns(struct application *app, struct slice name)
{
	struct ns *ns = namespace_find(app, name);

	if (ns != NULL)
		return ns;
	return app->ops->add_ns == NULL ? namespace_open(app, name) : app->ops->add_ns(app, name);
}

static int
add_rule(struct event_relay *relay, struct application *app, const struct config_relay *line)
{
	struct relay_rule *rule = &relay->rules[relay->rules_n];
	struct ns *ns = find_relay_ns(app, slice_of(line->ns));

	if (ns == NULL) {
		log_errx("[relay \"%s\"]: this is not a valid namespace", line->ns);
		return -1;
	}
	*rule = (struct relay_rule){.ns = &ns->hub,
	    .events = (int64_t)line->events,
	    .bytes = (int64_t)line->bytes,
	    .to_all = line->to_all,
	    .is_volatile = line->is_volatile,
	    .wary = 1};
	memcpy(rule->event, line->event, sizeof(rule->event));
	relay->rules_n++;
	return 0;
}

int
event_relay_open(struct application *app, const struct config *cfg)
{
	struct event_relay *relay = NULL;

	if (cfg->relays_n > 0) {
		relay = calloc(1, sizeof(*relay));
		if (relay == NULL)
			return -1;
		TAILQ_INIT(&relay->by_use);
	}
	for (size_t i = 0; i < cfg->relays_n; i++)
		if (add_rule(relay, app, &cfg->relays[i]) == -1) {
			event_relay_close(relay);
			return -1;
		}
	event_relay_close(app->relay);
	app->relay = relay;
	return 0;
}

static void
free_budget(struct event_relay *relay, struct relay_budget *budget)
{
	HASH_DEL(relay->budgets, budget);
	TAILQ_REMOVE(&relay->by_use, budget, by_use);
	free(budget);
}

void
event_relay_close(struct event_relay *relay)
{
	struct relay_budget *budget;

	if (relay == NULL)
		return;
	while ((budget = TAILQ_FIRST(&relay->by_use)) != NULL)
		free_budget(relay, budget);
	buf_free(&relay->event);
	buf_free(&relay->data);
	buf_free(&relay->rooms);
	buf_free(&relay->seen);
	buf_free(&relay->out);
	free(relay);
}

/* --- budgets -------------------------------------------------------------------------------- */

/* Free what says nothing any more: a second later a budget is as if it were new.  Two for each that
 * may be added, so that there are never many more than were used within the second. */
static void
forget_unused(struct event_relay *relay, int64_t now)
{
	struct relay_budget *budget;

	for (int i = 0; i < 2; i++) {
		budget = TAILQ_FIRST(&relay->by_use);
		if (budget == NULL || now - budget->seen < SECOND_MS)
			return;
		free_budget(relay, budget);
	}
}

/* NULL: no memory. */
static struct relay_budget *
find_budget(struct event_relay *relay, const struct relay_rule *rule, int64_t session, int64_t now)
{
	const struct budget_key key = {session, rule - relay->rules};
	struct relay_budget *budget;

	forget_unused(relay, now);
	HASH_FIND(hh, relay->budgets, &key, sizeof(key), budget);
	if (budget != NULL) {
		TAILQ_REMOVE(&relay->by_use, budget, by_use);
		TAILQ_INSERT_TAIL(&relay->by_use, budget, by_use);
		return budget;
	}
	budget = calloc(1, sizeof(*budget));
	if (budget == NULL)
		return NULL;
	budget->key = key;
	budget->events = rule->events * UNIT;
	budget->bytes = rule->bytes * UNIT;
	budget->seen = now;
	HASH_ADD(hh, relay->budgets, key, sizeof(key), budget);
	TAILQ_INSERT_TAIL(&relay->by_use, budget, by_use);
	return budget;
}

/* What is left of a budget of `most` a second, `passed` ms later. */
static int64_t
refill(int64_t left, int64_t most, int64_t passed)
{
	if (passed >= SECOND_MS || left + passed * most > most * UNIT)
		return most * UNIT;
	return left + passed * most;
}

/* May the session relay one more event, of `n` bytes? */
static bool
take_budget(struct event_relay *relay, const struct relay_rule *rule, int64_t session, size_t n,
    int64_t now)
{
	struct relay_budget *budget = find_budget(relay, rule, session, now);

	if (budget == NULL)
		return false;
	budget->events = refill(budget->events, rule->events, now - budget->seen);
	budget->bytes = refill(budget->bytes, rule->bytes, now - budget->seen);
	budget->seen = now;
	if (budget->events < UNIT || budget->bytes < (int64_t)n * UNIT)
		return false;
	budget->events -= UNIT;
	budget->bytes -= (int64_t)n * UNIT;
	return true;
}

static void
log_over_budget(const struct relay_rule *rule, int64_t session)
{
	char id[SID_PUBLIC_LENGTH + 1];

	sid_public_write(id, session);
	log_counted(LOG_LEVEL_WARN, 1, "events dropped",
	    "session %s sends more \"%s\" than [relay \"%s\"] allows", id, rule->event,
	    rule->ns->name.n == 0 ? "" : rule->ns->name.p);
}

/* --- what is relayed ------------------------------------------------------------------------ */

/* The data of the packet as others get it, into relay->data; `*name`: what it is in [relay].
 * False: it is malformed, and the application ignores it, too. */
static bool
read_packet(struct event_relay *relay, const struct packet *pk, struct slice *name)
{
	struct json_value value;
	struct event event;

	buf_clear(&relay->data);
	switch (pk->type) {
	case PACKET_MESSAGE:
		*name = SLICE("message");
		buf_add_slice(&relay->data, pk->data);
		return utf8_valid(pk->data);
	case PACKET_JSON:
		*name = SLICE("json");
		if (json_parse(&value, pk->data) == -1)
			return false;
		json_write_safe(&relay->data, value.text);
		return true;
	default:
		if (packet_event(&event, pk->data, &relay->event) == -1)
			return false;
		*name = event.name;
		packet_event_write(&relay->data, event.name, event.args);
		return true;
	}
}

static struct relay_rule *
find_rule(struct event_relay *relay, const struct hub_ns *ns, const struct packet *pk)
{
	struct slice name = {NULL, 0};
	bool known = false, good = false;

	for (size_t i = 0; i < relay->rules_n; i++) {
		if (relay->rules[i].ns != ns)
			continue;
		/* read once, and only in namespaces of [relay] */
		if (!known)
			good = read_packet(relay, pk, &name);
		known = true;
		if (good && slice_is(name, relay->rules[i].event))
			return &relay->rules[i];
	}
	return NULL;
}

/* --- to whom -------------------------------------------------------------------------------- */

static void
add_number(void *arg, int64_t number)
{
	buf_add(arg, &number, sizeof(number));
}

static int64_t
number_at(const struct buf *numbers, size_t i)
{
	int64_t number;

	memcpy(&number, numbers->p + i * sizeof(number), sizeof(number));
	return number;
}

static int
compare_numbers(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Is it among the first `n` of these, which are sorted? */
static bool
has_number(const struct buf *numbers, size_t n, int64_t number)
{
	return n > 0 && bsearch(&number, numbers->p, n, sizeof(number), compare_numbers) != NULL;
}

/* Into relay->out: the sender, and those of `members` who got it by a room before; all others to
 * relay->seen, which has those. */
static void
sort_members(struct event_relay *relay, const struct buf *members, int64_t sender)
{
	size_t before = relay->seen.n / sizeof(int64_t);

	buf_clear(&relay->out);
	add_number(&relay->out, sender);
	for (size_t i = 0; i < members->n / sizeof(int64_t); i++) {
		int64_t key = number_at(members, i);

		if (key == sender)
			continue;
		add_number(has_number(&relay->seen, before, key) ? &relay->out : &relay->seen, key);
	}
	if (relay->seen.n > 0)
		qsort(relay->seen.p, relay->seen.n / sizeof(int64_t), sizeof(int64_t),
		    compare_numbers);
}

/* Send to one of several rooms. */
static int
send_to_next_room(struct application *app, const struct relay_rule *rule, int64_t chan,
    int64_t sender, struct slice packet)
{
	struct event_relay *relay = app->relay;
	struct buf members = {.p = NULL};
	bool good = subscription_members(hub_store(app->hub), chan, add_number, &members) != -1 &&
	            !members.failed;

	if (good)
		sort_members(relay, &members, sender);
	buf_free(&members);
	if (!good || relay->out.failed || relay->seen.failed) {
		transaction_fail(app->hub);
		return -1;
	}
	return hub_publish_except(app->hub, chan, (const int64_t *)(const void *)relay->out.p,
	    relay->out.n / sizeof(int64_t), packet, rule->is_volatile);
}

/* To those who share a room of the namespace with the sender, each once. */
static int
send_to_rooms(
    struct application *app, const struct relay_rule *rule, struct session *s, struct slice packet)
{
	struct event_relay *relay = app->relay;
	int64_t sender = session_key(s);
	size_t n;

	buf_clear(&relay->rooms);
	buf_clear(&relay->seen);
	membership_each_room(s, rule->ns, add_number, &relay->rooms);
	n = relay->rooms.n / sizeof(int64_t);
	/* mostly one, for which nobody has to be looked up */
	if (n == 1)
		return hub_publish_channel(
		    app->hub, number_at(&relay->rooms, 0), sender, packet, rule->is_volatile);
	if (n > 1 && transaction_open(app->hub) == -1)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (send_to_next_room(app, rule, number_at(&relay->rooms, i), sender, packet) == -1)
			return -1;
	return 0;
}

static int
relay_packet(struct application *app, const struct relay_rule *rule, struct session *s,
    enum packet_type type)
{
	const struct packet pk = {
	    .type = type, .endpoint = rule->ns->name, .data = buf_slice(&app->relay->data)};

	buf_clear(&app->packet);
	packet_write(&app->packet, &pk);
	if (app->packet.failed || app->relay->data.failed) {
		transaction_fail(app->hub);
		return -1;
	}
	if (!rule->to_all)
		return send_to_rooms(app, rule, s, buf_slice(&app->packet));
	return hub_publish_channel(
	    app->hub, rule->ns->chan, session_key(s), buf_slice(&app->packet), rule->is_volatile);
}

/* A client that asked for an ack gets one: without arguments, or why its event was dropped. */
static void
acknowledge(struct application *app, const struct relay_rule *rule, struct session *s,
    const struct packet *pk, struct slice args)
{
	const struct target target = {.ns = rule->ns, .session = session_key(s)};
	struct packet ack = {.type = PACKET_ACK};

	if (!pk->ack_data || pk->id.n == 0)
		return;
	buf_clear(&app->data);
	packet_ack_write(&app->data, pk->id, args);
	ack.data = buf_slice(&app->data);
	if (app->data.failed)
		transaction_fail(app->hub);
	else
		(void)target_send(app, &target, &ack);
}

static void
relay_or_drop(struct application *app, const struct relay_rule *rule, struct session *s,
    const struct packet *pk)
{
	struct slots *sl = store_slots(hub_store(app->hub));

	if (!take_budget(app->relay, rule, session_key(s), pk->data.n, hub_now(app->hub))) {
		counters_count(sl, COUNT_RELAY_DROPPED);
		log_over_budget(rule, session_key(s));
		acknowledge(app, rule, s, pk, SLICE("[\"dropped\"]"));
	} else if (relay_packet(app, rule, s, pk->type) == 0) {
		counters_count(sl, COUNT_RELAYED);
		acknowledge(app, rule, s, pk, SLICE("[]"));
	}
}

bool
event_relay_take(
    struct application *app, struct hub_ns *ns, struct session *s, const struct packet *pk)
{
	struct relay_rule *rule = find_rule(app->relay, ns, pk);
	unsigned opens = hub_opens(app->hub);
	bool streams = session_streams_here(s);

	if (rule == NULL)
		return false;
	/* while another program holds a lock of the store, go on with what does not use it */
	if (streams && rule->wary > 0 && transaction_try(app->hub) == -1) {
		receive_later(app->hub);
		return true;
	}
	relay_or_drop(app, rule, s, pk);
	if (!streams)
		return true;
	if (hub_opens(app->hub) != opens)
		rule->wary = RULE_WARY;
	else if (rule->wary > 0)
		rule->wary--;
	return true;
}

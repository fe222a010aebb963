#include "linkd/commands.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "shared/action/application.h"
#include "shared/action/name.h"
#include "shared/action/namespace.h"
#include "shared/action/ruling.h"
#include "shared/action/target.h"
#include "shared/hub/history.h"
#include "shared/hub/hub.h"
#include "shared/hub/link.h"
#include "shared/hub/mail.h"
#include "shared/link/frame.h"
#include "shared/link/pack.h"
#include "shared/store/message_log.h"
#include "shared/store/slots.h"
#include "shared/store/subscription.h"
#include "shared/wire/json.h"
#include "shared/wire/packet.h"
#include "shared/wire/utf8.h"

#define REASON_SIZE 256 /* of the text why a session ends; more is cut off */

/* Clients would stumble over anything else. */
static bool
is_packet(struct slice text)
{
	struct packet pk;

	return utf8_valid(text) && packet_parse(&pk, text) == 0;
}

/* --- messages ------------------------------------------------------------------------------- */

static bool
is_present_name(struct slice name)
{
	return name.p != NULL && name_is_valid_or_has_nul(name);
}

/* Keep the history of a room, as the other node does.  0; 1: it is malformed; -1. */
static int
note_kept(struct linkd *l, const struct link_kept *kept)
{
	int result;

	if (!name_is_namespace(kept->ns) || !is_present_name(kept->room))
		return 1;
	result = history_note_elsewhere(
	    l->hub, kept->ns, kept->room, message_log_channel(kept->ns, kept->room), kept->asked);
	return result == -1 ? -1 : 0;
}

int
commands_kept(struct linkd *l, struct slice body)
{
	struct link_kept kept;

	return frame_unpack_kept(body, &kept) ? note_kept(l, &kept) : 1;
}

int
commands_channel(struct linkd *l, struct slice body)
{
	struct link_message m;
	struct pack_reader in;
	int64_t *except = NULL;
	size_t n;
	int result;

	if (!frame_unpack_message(body, &m) || m.to >= 0 || !is_packet(m.packet))
		return 1;
	result = m.kept.room.p == NULL ? 0 : note_kept(l, &m.kept);
	if (result != 0)
		return result;
	n = m.except.n / 8;
	if (n > 0 && (except = malloc(n * sizeof(*except))) == NULL) {
		transaction_fail(l->hub);
		return -1;
	}
	in = (struct pack_reader){.rest = m.except};
	for (size_t i = 0; i < n; i++)
		except[i] = pack_read_number(&in);
	result = hub_publish_here(l->hub, m.to, except, n, m.packet, m.is_volatile);
	free(except);
	return result;
}

/* The session of a command.  0, with `*s` NULL: it is not connected here; or -1. */
static int
find_ours(struct linkd *l, int64_t key, struct session **s)
{
	*s = NULL;
	switch (session_find_key(l->hub, key, s)) {
	case SESSION_LIVE:
		/* what has no transport yet is in no room, and nobody can have told of it */
		if (session_is_remote(*s) || !session_is_connected(*s))
			*s = NULL;
		return 0;
	case SESSION_FAILED:
		return -1;
	case SESSION_UNKNOWN:
	case SESSION_ENDED:
	case SESSION_ELSEWHERE:
		*s = NULL;
		break;
	}
	return 0;
}

int
commands_send(struct linkd *l, struct slice body)
{
	struct link_message m;
	struct session *s;

	if (!frame_unpack_message(body, &m) || m.to <= 0 || !is_packet(m.packet))
		return 1;
	if (find_ours(l, m.to, &s) == -1)
		return -1;
	return s == NULL ? 0 : hub_publish_session(l->hub, s, m.packet, m.is_volatile);
}

/* --- mail for users who are away ------------------------------------------------------------ */

static void
keep_least_key(void *arg, int64_t key)
{
	int64_t *least = arg;

	if (*least == 0 || key < *least)
		*least = key;
}

/* The user may be here, and its node does not know yet.  Of several nodes where that is so the one
 * delivers it whose session has the lowest key. */
static int
deliver_if_here(struct linkd *l, const struct link_mail *m, struct hub_ns *ns)
{
	struct session *s;
	int64_t key = 0;

	if (subscription_user_sessions(
		hub_store(l->hub), m->user, ns->chan, keep_least_key, &key) == -1) {
		transaction_fail(l->hub);
		return -1;
	}
	if (key == 0)
		return 0;
	if (find_ours(l, key, &s) == -1)
		return -1;
	return s == NULL || !membership_hears(s, ns) ? 0 : mail_deliver(l->hub, s, ns);
}

int
commands_mail(struct linkd *l, struct slice body)
{
	struct link_mail m;
	struct ns *ns;

	if (!frame_unpack_mail(body, &m) || !name_is_valid(m.user) || !name_is_namespace(m.ns) ||
	    !is_packet(m.packet))
		return 1;
	if (mail_take(l->hub, &m) == -1)
		return -1;
	ns = namespace_find(server_application(l->sv), m.ns);
	return ns == NULL ? 0 : deliver_if_here(l, &m, &ns->hub);
}

int
commands_mail_taken(struct linkd *l, struct slice body)
{
	struct link_signal s;

	if (!frame_unpack_signal(body, &s) || s.text.p == NULL || s.text.n % 8 != 0)
		return 1;
	return mail_forget(l->hub, s.text);
}

/* --- commands ------------------------------------------------------------------------------- */

static bool
is_json(struct slice text)
{
	struct json_value value;

	return text.p != NULL && json_parse(&value, text) == 0;
}

/* Of all kinds of question. */
static bool
is_question(const struct link_command *c)
{
	return c->ns.p != NULL && c->handler.p != NULL && name_is_valid(c->handler) &&
	       c->number >= 0 && c->number <= INT_MAX && c->context.n <= CONTEXT_BYTES_MAX;
}

/* Is it a command that the other node's application could have made? */
static bool
is_sound(const struct link_command *c)
{
	if (c->ns.p != NULL && !name_is_namespace(c->ns))
		return false;
	switch ((enum link_command_what)c->what) {
	case LINK_JOIN:
		if (c->number < 0 || c->number > INT_MAX)
			return false;
		/* fall through */
	case LINK_LEAVE:
		return c->ns.p != NULL && is_present_name(c->name);
	case LINK_KICK:
		/* out of the root it would be LINK_END */
		return c->ns.n > 0 && utf8_valid(c->text);
	case LINK_END:
		return utf8_valid(c->text);
	case LINK_SET_VALUE:
		return is_present_name(c->name) && is_json(c->text);
	case LINK_DEL_VALUE:
		return is_present_name(c->name);
	case LINK_SET_USER:
		return c->text.p == NULL || name_is_valid(c->text);
	case LINK_ASK:
		return c->name.p != NULL && is_question(c);
	case LINK_ASK_TEXT:
	case LINK_ASK_JSON:
		return c->text.p != NULL && is_question(c);
	case LINK_AFTER:
		return c->ns.p != NULL && c->name.p != NULL && name_is_valid(c->name) &&
		       c->number >= 0 && c->number <= INT_MAX &&
		       c->context.n <= CONTEXT_BYTES_MAX &&
		       (c->context.p == NULL || is_json(c->context));
	case LINK_CANCEL:
		return c->ns.p != NULL && c->name.p != NULL && name_is_valid(c->name);
	}
	return false;
}

void
commands_copy_reason(char *reason, size_t size, struct slice text)
{
	size_t n = text.n < size ? text.n : size - 1;

	/* not in the middle of a character: the hook is told of it in JSON */
	while (n > 0 && n < text.n && ((unsigned char)text.p[n] & 0xc0) == 0x80)
		n--;
	if (!utf8_valid((struct slice){text.p, n}))
		n = 0;
	if (n > 0)
		memcpy(reason, text.p, n);
	reason[n] = '\0';
}

static int
ask_session(struct linkd *l, const struct link_command *c, const struct hub_ns *ns)
{
	enum packet_type type = c->what == LINK_ASK_TEXT   ? PACKET_MESSAGE
	                        : c->what == LINK_ASK_JSON ? PACKET_JSON
	                                                   : PACKET_EVENT;
	int asked = target_ask(server_application(l->sv), &(struct target_question){
							      .type = type,
							      .ns = ns,
							      .session = c->key,
							      .name = c->name,
							      .args = c->text,
							      .handler = c->handler,
							      .context = c->context,
							      .timeout_ms = (int)c->number,
							  });

	/* anything else is between the application and this session */
	return asked == -EIO ? -1 : 0;
}

/* Those that are about a namespace. */
static int
run_in_namespace(struct linkd *l, const struct link_command *c, struct session *s)
{
	struct ns *found = namespace_find(server_application(l->sv), c->ns);
	struct hub_ns *ns = found == NULL ? NULL : &found->hub;
	char reason[REASON_SIZE];
	int result;

	if (ns == NULL || !membership_hears(s, ns))
		return 0;
	switch ((enum link_command_what)c->what) {
	case LINK_JOIN:
		result = membership_join_history(l->hub, s, ns, c->name, (int)c->number - 1);
		return result == -EDQUOT ? 0 : result; /* which is logged */
	case LINK_LEAVE:
		return membership_leave(l->hub, s, ns, c->name);
	case LINK_ASK:
	case LINK_ASK_TEXT:
	case LINK_ASK_JSON:
		return ask_session(l, c, ns);
	case LINK_AFTER:
		result = quota_set_timer(
		    l->hub, c->key, &(struct quota_timer){c->ns, c->name, c->context, c->number});
		return result == -EIO ? -1 : 0;
	case LINK_CANCEL:
		return quota_drop_timer(l->hub, c->key, c->ns, c->name);
	case LINK_KICK:
		commands_copy_reason(reason, sizeof(reason), c->text);
		membership_kick(l->hub, s, ns, reason);
		break;
	case LINK_END:
	case LINK_SET_VALUE:
	case LINK_DEL_VALUE:
	case LINK_SET_USER:
		break;
	}
	return 0;
}

int
commands_run(struct linkd *l, struct slice body)
{
	struct link_command c;
	struct session *s;
	char reason[REASON_SIZE];
	int result;

	if (!frame_unpack_command(body, &c) || !is_sound(&c))
		return 1;
	if (find_ours(l, c.key, &s) == -1)
		return -1;
	if (s == NULL)
		return 0;
	switch ((enum link_command_what)c.what) {
	case LINK_END:
		commands_copy_reason(reason, sizeof(reason), c.text);
		session_end(l->hub, s, reason, c.number != 0);
		return 0;
	case LINK_SET_VALUE:
		result = quota_set_value(l->hub, c.key, c.name, c.text);
		return result == -EIO ? -1 : 0;
	case LINK_DEL_VALUE:
		return quota_delete_value(l->hub, c.key, c.name);
	case LINK_SET_USER:
		return quota_set_user(l->hub, c.key, c.text);
	case LINK_JOIN:
	case LINK_LEAVE:
	case LINK_KICK:
	case LINK_ASK:
	case LINK_ASK_TEXT:
	case LINK_ASK_JSON:
	case LINK_AFTER:
	case LINK_CANCEL:
		break;
	}
	return run_in_namespace(l, &c, s);
}

int
commands_ruling(struct linkd *l, struct slice body)
{
	const struct slots *slots = store_slots(hub_store(l->hub));
	struct link_ruling r;

	if (!frame_unpack_ruling(body, &r))
		return 1;
	/* if its process is gone, so is the client who waited */
	if (r.slot < 0 || r.slot >= SLOTS_MAX || !slots_alive(slots, (int)r.slot))
		return 0;
	if (r.slot == slots_own(slots)) { /* we serve requests of other nodes, and ask for them */
		ruling_take(server_application(l->sv), body);
		return 0;
	}
	return link_notify(l->hub, r.slot, LINK_RULING, body);
}

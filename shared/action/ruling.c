#include "shared/action/ruling.h"

#include <errno.h>
#include <inttypes.h>

#include "shared/action/application.h"
#include "shared/hub/link.h"
#include "shared/store/slots.h"
#include "shared/wire/digit.h"

#define DIGITS_MAX 18 /* more would overflow */

/* Which question, and where it waits. */
struct place_of_question {
	int node; /* LINK_NOBODY: there is no cluster */
	int64_t slot, id;
};

void
ruling_write_name(struct buf *out, struct hub *h, int64_t id)
{
	int slot = slots_own(store_slots(hub_store(h)));

	if (link_number(h) == LINK_NOBODY)
		buf_printf(out, "V-:%d:%" PRId64, slot, id);
	else
		buf_printf(out, "V%d:%d:%" PRId64, link_number(h), slot, id);
}

static bool
read_number_field(struct slice text, int64_t *number)
{
	*number = 0;
	if (text.n == 0 || text.n > DIGITS_MAX || digit_run(text) != text.n)
		return false;
	for (size_t i = 0; i < text.n; i++)
		*number = *number * 10 + (text.p[i] - '0');
	return true;
}

static bool
read_name(struct slice name, struct place_of_question *place)
{
	struct slice node, slot;
	int64_t number = LINK_NOBODY;

	if (name.n == 0 || name.p[0] != 'V')
		return false;
	name = slice_skip(name, 1);
	if (!slice_cut(&name, ':', &node) || !slice_cut(&name, ':', &slot))
		return false;
	if (!slice_is(node, "-") && !read_number_field(node, &number))
		return false;
	place->node = number > INT16_MAX ? INT16_MAX : (int)number; /* which no node has */
	return read_number_field(slot, &place->slot) && place->slot < SLOTS_MAX &&
	       read_number_field(name, &place->id);
}

bool
ruling_is_name(struct slice name)
{
	struct place_of_question place;

	return read_name(name, &place);
}

static int
rule_here(struct application *app, int64_t id, const struct ruling *r)
{
	return app->ops->ruled == NULL ? -EPIPE : app->ops->ruled(app, id, r);
}

/* Tell it to the process that waits, on this node or another. */
static int
pass_ruling_on(struct hub *h, const struct place_of_question *place, const struct ruling *r)
{
	struct buf body = {.p = NULL};
	bool is_here = place->node == LINK_NOBODY || place->node == link_number(h);
	int result = -1;

	frame_pack_ruling(&body, &(struct link_ruling){
				     .slot = place->slot,
				     .id = place->id,
				     .accepts = r->accepts,
				     .user = r->user,
				     .data = r->data,
				     .reason = r->reason,
				 });
	if (body.failed)
		transaction_fail(h);
	else if (is_here)
		result = link_notify(h, place->slot, LINK_RULING, buf_slice(&body));
	else
		result = link_tell(h, place->node, LINK_RULING, buf_slice(&body));
	buf_free(&body);
	return result == -1 ? -EIO : 0;
}

int
ruling_give(struct application *app, struct slice name, const struct ruling *r)
{
	struct hub *h = app->hub;
	const struct slots *slots = store_slots(hub_store(h));
	struct place_of_question place;

	if (!read_name(name, &place))
		return -EINVAL;
	if (place.node != LINK_NOBODY && place.node != link_number(h))
		return link_is_on(h) && link_lives(h, place.node) ? pass_ruling_on(h, &place, r)
		                                                  : -EPIPE;
	if (place.slot == slots_own(slots))
		return rule_here(app, place.id, r);
	return slots_alive(slots, (int)place.slot) ? pass_ruling_on(h, &place, r) : -EPIPE;
}

void
ruling_take(struct application *app, struct slice body)
{
	struct link_ruling r;

	if (frame_unpack_ruling(body, &r))
		(void)rule_here(app, r.id,
		    &(struct ruling){
			.accepts = r.accepts, .user = r.user, .data = r.data, .reason = r.reason});
}

/* The nodes of a cluster, for the status page of one of them. */
#include <inttypes.h>

#include "shared/hub/link.h"
#include "shared/store/link_figures.h"
#include "shared/store/link_node.h"
#include "shared/store/slots.h"
#include "shared/transport/internal.h"
#include "shared/transport/status.h"
#include "shared/wire/json.h"

#define NODES_MAX 100 /* that are shown */

struct node_list {
	struct buf *out;
	int64_t now;
	int own, n;
};

static void
write_node(void *arg, const struct link_node *node)
{
	struct node_list *list = arg;
	struct link_figures f = link_figures_read(node->figures);
	struct buf *out = list->out;

	if (list->n == NODES_MAX)
		return;
	buf_puts(out, list->n++ == 0 ? "{\"name\":" : ",{\"name\":");
	status_text_write(out, node->name, 100);
	buf_printf(out,
	    ",\"number\":%d,\"here\":%s,\"lives\":%s,\"since\":%" PRId64 ",\"version\":",
	    node->number, node->number == list->own ? "true" : "false",
	    node->lives ? "true" : "false", (list->now - node->since) / 1000);
	status_text_write(out, node->version, 20);
	buf_printf(out,
	    ",\"sessions\":%" PRId64 ",\"received\":%" PRId64 ",\"sent\":%" PRId64
	    ",\"queued\":%" PRId64 ",\"lag\":%" PRId64 ",\"behind\":%" PRId64 "}",
	    f.sessions, f.received, f.sent, f.queued, f.lag_ms, f.behind_ms);
}

int
status_nodes_write(struct server *sv, struct buf *out)
{
	struct store *st = hub_store(sv->hub);
	struct node_list list = {
	    .out = out, .now = sv->now, .own = slots_link_number(store_slots(st))};

	if (!link_is_on(sv->hub))
		return 0;
	buf_printf(out, ",\"link\":\"%s\",\"nodes\":[",
	    link_figures_state_name(link_figures_state(store_slots(st))));
	if (link_node_list(st, write_node, &list) == -1)
		return -1;
	buf_add_char(out, ']');
	return 0;
}

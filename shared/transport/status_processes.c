/* The processes of the data folder, for the status page. */
#include <inttypes.h>

#include "shared/store/figures.h"
#include "shared/store/slots.h"
#include "shared/transport/internal.h"
#include "shared/transport/status.h"

#define PROCESSES_MAX 200 /* that are shown */

void
status_processes_write(struct server *sv, struct buf *out)
{
	const struct slots *sl = store_slots(hub_store(sv->hub));
	struct slot_info info;
	int shown = 0, all = 0;

	buf_puts(out, ",\"processes\":[");
	for (int i = 0; i < slots_high(sl); i++) {
		if (!slots_info(sl, i, &info) || all++ >= PROCESSES_MAX)
			continue;
		buf_printf(out,
		    "%s{\"slot\":%d,\"pid\":%d,\"kind\":\"%s\",\"version\":\"%s\",\"held\":%u,"
		    "\"received\":%" PRIu64 ",\"sent\":%" PRIu64 ",\"memory\":%" PRId64 "}",
		    shown++ == 0 ? "" : ",", i, info.pid, server_kind_name(info.kind), info.version,
		    info.held, info.received, info.sent, figures_resident(info.pid));
	}
	buf_printf(out, "],\"processes_running\":%d", all);
}

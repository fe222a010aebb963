#include "shared/store/figures.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "shared/store/database.h"
#include "shared/store/internal.h"
#include "shared/store/listing.h"
#include "shared/store/mailbox.h"
#include "shared/store/message_log.h"

int
figures_collect(struct store *st, struct figures *f)
{
	struct message_span span;

	*f = (struct figures){
	    .hook_events = slots_hook_events(st->slots),
	    .hook_bytes = slots_hook_bytes(st->slots),
	    .hook_dead = listing_dead(st),
	    .database_bytes = database_file_bytes(st, DATABASE_MAIN),
	    .wal_bytes = database_file_bytes(st, DATABASE_WAL),
	};
	counters_read(st->slots, &f->counters);
	f->users = listing_count_users(st);
	if (f->hook_dead == -1 || f->users == -1 || room_history_total(st, &f->history) == -1 ||
	    message_log_span(st, &span) == -1 ||
	    mailbox_total(st, &f->mailbox_messages, &f->mailbox_bytes) == -1)
		return -1;
	f->log_bytes = span.bytes;
	return 0;
}

int64_t
figures_resident(int pid)
{
	char path[32];
	int64_t pages = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/statm", pid);
	file = fopen(path, "re");
	if (file == NULL)
		return -1;
	/* the second number; the first is what is mapped */
	if (fscanf(file, "%*d %" SCNd64, &pages) != 1)
		pages = -1;
	fclose(file);
	return pages == -1 ? -1 : pages * sysconf(_SC_PAGESIZE);
}

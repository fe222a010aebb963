#include "shared/store/link_lock.h"

#include "shared/store/internal.h"
#include "shared/store/lock.h"

bool
link_lock_take(struct store *st)
{
	if (lock_take(st->lock_fd, LOCK_LINK, 0) == -1)
		return false;
	slots_link_take(st->slots);
	return true;
}

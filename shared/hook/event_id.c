#include "shared/hook/event_id.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "shared/wire/digit.h"

void
event_id_write(char id[EVENT_ID_MAX], const char *epoch, int64_t number)
{
	snprintf(id, EVENT_ID_MAX, "evt_%.24s_%" PRIx64, epoch, (uint64_t)number);
}

int
event_id_read(struct slice id, const char *epoch, int64_t *number)
{
	char begin[EVENT_ID_MAX];
	int n = snprintf(begin, sizeof(begin), "evt_%.24s_", epoch);
	uint64_t value = 0;

	if (n < 0 || !slice_starts(id, (struct slice){begin, (size_t)n}))
		return -1;
	id = slice_skip(id, (size_t)n);
	if (id.n == 0 || id.n > 15) /* fits into 63 bits */
		return -1;
	for (size_t i = 0; i < id.n; i++) {
		int digit = digit_hex(id.p[i]);

		if (digit == -1)
			return -1;
		value = value << 4 | (unsigned)digit;
	}
	*number = (int64_t)value;
	return 0;
}

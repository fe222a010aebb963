#include "shared/transport/strays.h"

#include "shared/wire/sid.h"

bool
strays_note(struct strays *strays, struct slice sid, int64_t now_ms)
{
	int64_t key = sid_key(sid);
	size_t room = STRAYS_MAX;

	for (size_t i = 0; i < STRAYS_MAX; i++) {
		bool old = now_ms - strays->at[i].seen >= STRAYS_MEMORY_MS;

		if (strays->at[i].key == key && !old) {
			strays->at[i].seen = now_ms;
			return true;
		}
		if (strays->at[i].key == 0 || old)
			room = i;
	}
	if (room < STRAYS_MAX) {
		strays->at[room].key = key;
		strays->at[room].seen = now_ms;
	}
	return false;
}

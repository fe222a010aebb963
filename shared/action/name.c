#include "shared/action/name.h"

#include <string.h>

#include "shared/hub/hub.h"
#include "shared/wire/utf8.h"

bool
name_is_valid_or_has_nul(struct slice name)
{
	return name.n <= NAME_BYTES_MAX && utf8_valid(name);
}

bool
name_is_valid(struct slice name)
{
	return name_is_valid_or_has_nul(name) && !slice_has_nul(name);
}

bool
name_is_namespace(struct slice name)
{
	if (!name_is_valid(name))
		return false;
	if (name.n == 0)
		return true;
	/* the server's own */
	if (slice_is(name, SESSION_STATUS_NS))
		return false;
	return name.p[0] == '/' && name.n > 1 && memchr(name.p, ':', name.n) == NULL &&
	       memchr(name.p, '?', name.n) == NULL;
}

/* bare: for transports that carry a payload as it is, without wrapping. */
#include "shared/transport/transport.h"

void
bare_wrap(struct buf *out, struct slice text, unsigned index)
{
	(void)index;
	buf_add_slice(out, text);
}

struct slice
bare_unwrap(struct slice body, struct buf *scratch)
{
	(void)scratch;
	return body;
}

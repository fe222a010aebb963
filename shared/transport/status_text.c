/* Texts in what the status page shows. */
#include <unistd.h>

#include "shared/transport/internal.h"
#include "shared/transport/status.h"
#include "shared/wire/json.h"

void
status_text_write(struct buf *out, struct slice text, size_t most)
{
	bool cut = text.n > most;

	/* not within a character: its other bytes begin with 10 */
	if (cut)
		for (text.n = most; text.n > 0 && (text.p[text.n] & 0xc0) == 0x80;)
			text.n--;
	buf_add_char(out, '"');
	json_write_text(out, text);
	buf_puts(out, cut ? "…\"" : "\"");
}

void
status_text_node(const struct server *sv, struct buf *out)
{
	char host[256] = "";
	const char *node = config_node(sv->cfg);

	/* outside of a cluster it need not have a name */
	if (node[0] == '\0' && gethostname(host, sizeof(host) - 1) == 0)
		node = host;
	json_write_string(out, slice_of(node));
}

#include "shared/wire/flashpolicy.h"

#include "shared/base/origins.h"

static const char policy_head[] =
    "<?xml version=\"1.0\"?><!DOCTYPE cross-domain-policy SYSTEM "
    "\"http://www.macromedia.com/xml/dtds/cross-domain-policy.dtd\"><cross-domain-policy>";
static const char policy_tail[] = "</cross-domain-policy>";

/* --- the request ---------------------------------------------------------------------------- */

static enum flashpolicy_sniff
sniff_spelling(struct slice in, struct slice request)
{
	if (in.n >= request.n)
		return slice_starts(in, request) ? FLASHPOLICY_YES : FLASHPOLICY_NO;
	return slice_starts(request, in) ? FLASHPOLICY_MORE : FLASHPOLICY_NO;
}

enum flashpolicy_sniff
flashpolicy_sniff(struct slice in)
{
	enum flashpolicy_sniff plain = sniff_spelling(in, SLICE("<policy-file-request/>"));

	/* some senders put a blank before the slash; the first 20 bytes are the same */
	return plain == FLASHPOLICY_NO ? sniff_spelling(in, SLICE("<policy-file-request />"))
	                               : plain;
}

/* --- the answer ----------------------------------------------------------------------------- */

void
flashpolicy_write(struct buf *out, struct slice origins)
{
	struct slice host;

	buf_puts(out, policy_head);
	while (origins_next_host(&origins, &host)) {
		/* Flash Player knows "*" and "*.example.com"; a host has nothing to escape */
		buf_puts(out, "<allow-access-from domain=\"");
		buf_add_slice(out, host);
		buf_puts(out, "\" to-ports=\"*\"/>");
	}
	buf_puts(out, policy_tail);
}

const char *
flashpolicy_check(struct slice file)
{
	static const char root[] = "<cross-domain-policy";

	if (file.n > 0 && memchr(file.p, '\0', file.n) != NULL)
		return "it has a NUL, which would end it early";
	if (!slice_starts(file, SLICE("<?xml")) && !slice_starts(file, slice_of(root)))
		return "it does not begin with <?xml or <cross-domain-policy>";
	if (memmem(file.p, file.n, root, sizeof(root) - 1) == NULL)
		return "it has no <cross-domain-policy>";
	/* editors end a file with a line end, which does no harm */
	while (file.n > 0 && strchr(" \t\r\n", file.p[file.n - 1]) != NULL)
		file.n--;
	if (file.n < sizeof(policy_tail) - 1 ||
	    !slice_is(slice_skip(file, file.n - (sizeof(policy_tail) - 1)), policy_tail))
		return "it does not end with </cross-domain-policy>";
	return NULL;
}

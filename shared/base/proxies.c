#include "shared/base/proxies.h"

#include <string.h>

#define IPV4_BITS 32
#define ALL_BITS  128

/* --- the list --------------------------------------------------------------------------------- */

/* Whether it has one colon: that is before a port, which stands in a header but not here. */
static bool
ends_with_port(struct slice s)
{
	const char *colon = s.n == 0 ? NULL : memchr(s.p, ':', s.n);

	return colon != NULL && memchr(colon + 1, ':', s.n - (size_t)(colon - s.p) - 1) == NULL;
}

static bool
read_net(struct proxies_net *net, struct slice entry)
{
	struct slice host;
	unsigned most;

	slice_cut(&entry, '/', &host);
	if (host.n == 0 || host.p[0] == '[' || ends_with_port(host) ||
	    !address_parse(&net->address, host))
		return false;
	net->bits = ALL_BITS;
	if (entry.p == NULL)
		return true;
	most = memchr(host.p, ':', host.n) == NULL ? IPV4_BITS : ALL_BITS;
	if (!slice_number(entry, 3, most, &net->bits))
		return false;
	net->bits += ALL_BITS - most;
	return true;
}

int
proxies_parse(struct proxies *p, struct slice list, struct slice *bad)
{
	*p = (struct proxies){.n = 0};
	while (slice_cut(&list, ',', bad)) {
		if (bad->n == 0)
			continue;
		if (slice_is(*bad, "unix"))
			p->unix_sockets = true;
		else if (p->n < PROXIES_MAX && read_net(&p->nets[p->n], *bad))
			p->n++;
		else
			return -1;
	}
	return 0;
}

bool
proxies_trust(const struct proxies *p, const struct address *a)
{
	for (size_t i = 0; i < p->n; i++)
		if (address_is_in(a, &p->nets[i].address, p->nets[i].bits))
			return true;
	return false;
}

/* --- the walk --------------------------------------------------------------------------------- */

/* Cut the last element from the end of a list. */
static struct slice
cut_last(struct slice *list)
{
	size_t at = list->n;
	struct slice last;

	while (at > 0 && list->p[at - 1] != ',')
		at--;
	last = slice_skip(*list, at);
	list->n = at == 0 ? 0 : at - 1;
	return slice_trim(last);
}

/* The trusted proxy found last names its client.  Return false when the walk ends there. */
static bool
step_outwards(const struct proxies *p, struct proxies_client *client, struct slice name)
{
	struct address next;

	if (!address_parse(&next, name))
		return false;
	client->passed++;
	client->outer_known = client->known;
	client->outer = client->address;
	client->known = true;
	client->address = next;
	return proxies_trust(p, &next);
}

void
proxies_find_client(const struct proxies *p, const struct address *peer,
    const struct slice *forwarded, size_t n, struct proxies_client *client)
{
	*client = (struct proxies_client){.known = peer != NULL};
	if (peer != NULL)
		client->address = *peer;
	client->by_proxy = peer != NULL ? proxies_trust(p, peer) : p->unix_sockets;
	if (!client->by_proxy)
		return;
	for (size_t i = 0; i < n; i++) {
		struct slice list = forwarded[i];

		while (list.n > 0) {
			struct slice name = cut_last(&list);

			/* an element may be empty (RFC 9110 5.6.1) */
			if (name.n > 0 && !step_outwards(p, client, name))
				return;
		}
	}
}

/* Two lines: a list of trusted proxies, and what follows are X-Forwarded-For headers, the last one
 * first.
 *
 * Nothing but an address comes out; whom an untrusted peer names does not count; and what stands
 * before the client's address, in the list or in earlier headers, changes nothing. */
#include "shared/base/proxies.h"

#include "tests/fuzz/fuzz.h"

#define HEADERS 4

static void
must_be_canonical(const struct address *a)
{
	char text[ADDRESS_SIZE], again[ADDRESS_SIZE];
	struct address b;

	address_write(a, text);
	MUST(address_parse(&b, slice_of(text)));
	MUST(memcmp(a, &b, sizeof(b)) == 0);
	address_write(&b, again);
	MUST(strcmp(text, again) == 0);
	MUST(address_network(a) != 0);
}

static void
must_be_same_client(const struct proxies_client *a, const struct proxies_client *b)
{
	MUST(a->known == b->known && a->passed == b->passed && a->by_proxy == b->by_proxy);
	MUST(!a->known || memcmp(&a->address, &b->address, sizeof(a->address)) == 0);
}

/* The last header again, with an address before all that it says. */
static void
try_claim(const struct proxies *p, const struct address *peer, struct slice header)
{
	struct proxies_client honest, claimed;
	struct buf text = {.p = NULL};
	struct slice longer;

	proxies_find_client(p, peer, &header, 1, &honest);
	buf_puts(&text, "203.0.113.77, ");
	buf_add_slice(&text, header);
	MUST(!text.failed);
	longer = buf_slice(&text);
	proxies_find_client(p, peer, &longer, 1, &claimed);
	/* it is believed only if every name behind it is a trusted proxy's */
	if (!honest.by_proxy || (honest.known && !proxies_trust(p, &honest.address)))
		must_be_same_client(&honest, &claimed);
	buf_free(&text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice rest = slice_of_input(data, size), list = {NULL, 0}, bad;
	struct slice headers[HEADERS];
	struct proxies_client client;
	struct address peer;
	static struct proxies p;
	size_t n = 0;

	slice_cut(&rest, '\n', &list);
	while (n < HEADERS && slice_cut(&rest, '\n', &headers[n]))
		n++;
	if (proxies_parse(&p, list, &bad) == -1)
		MUST(bad.n > 0 && lies_in(bad, list));
	MUST(address_parse(&peer, SLICE("127.0.0.1")));
	proxies_find_client(&p, &peer, headers, n, &client);
	MUST(client.known && client.by_proxy == proxies_trust(&p, &peer));
	MUST(client.by_proxy || (client.passed == 0 && memcmp(&client.address, &peer, 16) == 0));
	must_be_canonical(&client.address);
	if (client.passed > 0) {
		MUST(client.outer_known && proxies_trust(&p, &client.outer));
		must_be_canonical(&client.outer);
	}
	if (n > 0) {
		try_claim(&p, &peer, headers[0]);
		try_claim(&p, NULL, headers[0]);
	}
	return 0;
}

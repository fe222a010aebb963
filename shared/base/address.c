#include "shared/base/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "shared/base/slice.h"

_Static_assert(ADDRESS_SIZE == INET6_ADDRSTRLEN, "the longest text and its NUL");

#define PORT_MAX 65535

/* Where the bytes of an IPv4 address are, and what stands before them. */
#define IPV4_AT 12
static const unsigned char ipv4_prefix[IPV4_AT] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static void
set_ipv4(struct address *a, const struct in_addr *v4)
{
	memcpy(a->bytes, ipv4_prefix, IPV4_AT);
	memcpy(a->bytes + IPV4_AT, v4, sizeof(*v4));
}

static bool
is_ipv4(const struct address *a)
{
	return memcmp(a->bytes, ipv4_prefix, IPV4_AT) == 0;
}

static bool
is_port(struct slice s)
{
	unsigned port;

	return slice_number(s, 5, PORT_MAX, &port);
}

/* Drop brackets and a port.  Return false when there is a bracket, or a port, that is none. */
static bool
cut_port(struct slice *text)
{
	struct slice rest = *text, host;

	if (text->n > 0 && text->p[0] == '[') {
		rest = slice_skip(rest, 1);
		slice_cut(&rest, ']', &host);
		*text = host;
		if (rest.p == NULL) /* the bracket is not closed */
			return false;
		return rest.n == 0 || (rest.p[0] == ':' && is_port(slice_skip(rest, 1)));
	}
	/* one colon is before a port, more are IPv6's */
	slice_cut(&rest, ':', &host);
	if (rest.p == NULL || (rest.n > 0 && memchr(rest.p, ':', rest.n) != NULL))
		return true;
	*text = host;
	return is_port(rest);
}

bool
address_parse(struct address *a, struct slice text)
{
	bool bracket = text.n > 0 && text.p[0] == '[';
	char terminated[ADDRESS_SIZE];
	struct in_addr v4;

	if (text.n == 0 || !cut_port(&text) || text.n == 0 || text.n >= sizeof(terminated) ||
	    memchr(text.p, '\0', text.n) != NULL)
		return false;
	memcpy(terminated, text.p, text.n);
	terminated[text.n] = '\0';
	if (inet_pton(AF_INET6, terminated, a->bytes) == 1)
		return true;
	if (bracket || inet_pton(AF_INET, terminated, &v4) != 1)
		return false;
	set_ipv4(a, &v4);
	return true;
}

bool
address_is_host(struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
		    (c == '\0' || strchr("-._:[]", c) == NULL))
			return false;
	}
	return s.n > 0 && s.n <= ADDRESS_HOST_MAX;
}

bool
address_of_socket(struct address *a, const struct sockaddr_storage *from)
{
	union {
		struct sockaddr_storage any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} u = {*from};

	if (from->ss_family == AF_INET)
		set_ipv4(a, &u.in.sin_addr);
	else if (from->ss_family == AF_INET6)
		memcpy(a->bytes, &u.in6.sin6_addr, sizeof(a->bytes));
	else
		return false;
	return true;
}

void
address_write(const struct address *a, char text[ADDRESS_SIZE])
{
	bool v4 = is_ipv4(a);

	inet_ntop(v4 ? AF_INET : AF_INET6, a->bytes + (v4 ? IPV4_AT : 0), text, ADDRESS_SIZE);
}

int64_t
address_network(const struct address *a)
{
	uint64_t n = 0;
	/* no IPv6 network is as short as an IPv4 address: ::/32 is nobody's */
	size_t from = is_ipv4(a) ? IPV4_AT : 0, to = is_ipv4(a) ? sizeof(a->bytes) : 8;

	for (size_t i = from; i < to; i++)
		n = n << 8 | a->bytes[i];
	/* ::1 and 0.0.0.0; ffff:ffff:ffff:ffff::/64 is nobody's either */
	return n == 0 ? -1 : (int64_t)n;
}

bool
address_is_in(const struct address *a, const struct address *net, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	if (memcmp(a->bytes, net->bytes, whole) != 0)
		return false;
	return rest == 0 || ((a->bytes[whole] ^ net->bytes[whole]) >> (8 - rest)) == 0;
}

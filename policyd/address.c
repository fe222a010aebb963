#include "policyd/address.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#define KEY_N 9

struct address {
	unsigned char key[KEY_N]; /* family, and the bytes of the address that are compared */
	size_t n;
	UT_hash_handle hh;
};

static void
make_address_key(unsigned char key[KEY_N], const struct sockaddr_storage *from)
{
	union {
		struct sockaddr_storage any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} a = {*from};
	const unsigned char *v6 = a.in6.sin6_addr.s6_addr;

	memset(key, 0, KEY_N); /* all of it is compared, padding too; also the key of AF_UNIX */
	if (from->ss_family == AF_INET) {
		key[0] = 4;
		memcpy(key + 1, &a.in.sin_addr, 4);
	} else if (from->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&a.in6.sin6_addr)) {
		key[0] = 4; /* the same client as by IPv4 */
		memcpy(key + 1, v6 + 12, 4);
	} else if (from->ss_family == AF_INET6) {
		key[0] = 6;
		memcpy(key + 1, v6, 8); /* the /64 */
	}
}

struct address *
address_take(struct addresses *all, const struct sockaddr_storage *from, size_t most)
{
	unsigned char key[KEY_N];
	struct address *a;

	make_address_key(key, from);
	HASH_FIND(hh, all->table, key, KEY_N, a);
	if (a == NULL) {
		a = calloc(1, sizeof(*a));
		if (a == NULL)
			return NULL;
		memcpy(a->key, key, KEY_N);
		HASH_ADD(hh, all->table, key, KEY_N, a);
	} else if (most > 0 && a->n >= most) {
		return NULL;
	}
	a->n++;
	return a;
}

void
address_give(struct addresses *all, struct address *a)
{
	if (--a->n > 0)
		return;
	HASH_DEL(all->table, a);
	free(a);
}

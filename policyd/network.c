#include "policyd/network.h"

#include <stdlib.h>

#include "shared/base/address.h"

struct network *
network_take(struct networks *all, const struct sockaddr_storage *from)
{
	struct address a;
	int64_t id = address_of_socket(&a, from) ? address_network(&a) : 0;
	struct network *net;

	HASH_FIND(hh, all->table, &id, sizeof(id), net);
	if (net == NULL) {
		net = calloc(1, sizeof(*net));
		if (net == NULL)
			return NULL;
		net->id = id;
		TAILQ_INIT(&net->clients);
		HASH_ADD(hh, all->table, id, sizeof(net->id), net);
	}
	net->n++;
	return net;
}

void
network_give(struct networks *all, struct network *net)
{
	if (--net->n > 0)
		return;
	HASH_DEL(all->table, net);
	free(net);
}

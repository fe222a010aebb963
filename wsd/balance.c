#include "wsd/balance.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

/* How many connections more than the others a worker may have: a few, or it would leave to a worker
 * that is asleep what it can take at once; of many, a part that cannot be felt. */
#define LEAD_LEAST 8
#define LEAD_PART  64

/* A line of the processor's cache for each: a worker writes its own in nearly every turn. */
struct balance_seat {
	_Alignas(64) _Atomic size_t conns;
	_Atomic bool accepts;
};

struct balance {
	size_t n;
	struct balance_seat *seats; /* shared memory, zeroed when created */
};

struct balance *
balance_new(size_t n)
{
	struct balance *b = malloc(sizeof(*b));

	if (b == NULL)
		return NULL;
	b->n = n;
	b->seats = mmap(
	    NULL, n * sizeof(*b->seats), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (b->seats == MAP_FAILED) {
		free(b);
		return NULL;
	}
	return b;
}

void
balance_free(struct balance *b)
{
	if (b == NULL)
		return;
	munmap(b->seats, b->n * sizeof(*b->seats));
	free(b);
}

void
balance_set(struct balance *b, size_t i, size_t conns)
{
	atomic_store_explicit(&b->seats[i].conns, conns, memory_order_relaxed);
	atomic_store_explicit(&b->seats[i].accepts, true, memory_order_release);
}

void
balance_leave(struct balance *b, size_t i)
{
	atomic_store_explicit(&b->seats[i].accepts, false, memory_order_relaxed);
	atomic_store_explicit(&b->seats[i].conns, 0, memory_order_relaxed);
}

bool
balance_accepts(const struct balance *b, size_t i)
{
	return atomic_load_explicit(&b->seats[i].accepts, memory_order_acquire);
}

size_t
balance_sum(const struct balance *b)
{
	size_t sum = 0;

	for (size_t i = 0; i < b->n; i++)
		sum += atomic_load_explicit(&b->seats[i].conns, memory_order_relaxed);
	return sum;
}

/* The fewest connections that another worker which accepts has; SIZE_MAX: there is none. */
static size_t
fewest_of_others(const struct balance *b, size_t i)
{
	size_t fewest = SIZE_MAX;

	for (size_t k = 0; k < b->n; k++) {
		size_t conns = atomic_load_explicit(&b->seats[k].conns, memory_order_relaxed);

		if (k != i && balance_accepts(b, k) && conns < fewest)
			fewest = conns;
	}
	return fewest;
}

bool
balance_is_alone(const struct balance *b, size_t i)
{
	return fewest_of_others(b, i) == SIZE_MAX;
}

bool
balance_is_anothers(const struct balance *b, size_t i, size_t conns, bool full)
{
	size_t fewest = fewest_of_others(b, i);

	if (fewest == SIZE_MAX)
		return false;
	/* with equal limits the other has room then */
	if (full)
		return fewest < conns;
	return conns >= fewest + LEAD_LEAST + fewest / LEAD_PART;
}

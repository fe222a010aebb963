/* options: what the load generator is told on its command line; load.c describes it. */
#ifndef POLLUX_BENCH_OPTIONS_H
#define POLLUX_BENCH_OPTIONS_H

#include "tests/bench/client.h"

#define PORTS_MOST  8
#define WINDOW_MOST 2048
#define SIZE_MIN    67 /* for the stamps and the longer name */
#define SIZE_MOST   4096

enum scenario {
	ECHO,
	BROADCAST
};

struct options {
	enum scenario scenario;
	enum client_transport transport;
	double ports[PORTS_MOST];
	size_t ports_n; /* 0: the first, which is the default */
	double clients, window, size, addresses, away;
};

void options_init(struct options *o);

/* Take one word.  False: it is no option, or its value is out of range. */
bool options_set(struct options *o, const char *text);

#endif

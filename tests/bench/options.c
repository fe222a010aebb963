#include "tests/bench/options.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	size_t value; /* its offset in the struct */
	double least, most;
} numbers[] = {
    {"clients", offsetof(struct options, clients), 1, 100000},
    {"window", offsetof(struct options, window), 1, WINDOW_MOST},
    {"size", offsetof(struct options, size), SIZE_MIN, SIZE_MOST},
    {"addresses", offsetof(struct options, addresses), 1, 250},
    {"away", offsetof(struct options, away), 0, 1},
};

void
options_init(struct options *o)
{
	*o = (struct options){
	    .ports = {8080}, .clients = 100, .window = 1, .size = SIZE_MIN, .addresses = 1};
}

static bool
read_number(const char *text, double least, double most, double *value)
{
	char *end;

	*value = strtod(text, &end);
	return end != text && *end == '\0' && *value >= least && *value <= most;
}

static bool
set_number(struct options *o, const char *name, size_t n, const char *value)
{
	if (n == 4 && memcmp(name, "port", n) == 0)
		return o->ports_n < PORTS_MOST &&
		       read_number(value, 1, 65535, &o->ports[o->ports_n++]);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (strlen(numbers[i].name) == n && memcmp(numbers[i].name, name, n) == 0)
			return read_number(value, numbers[i].least, numbers[i].most,
			    (double *)((char *)o + numbers[i].value));
	return false;
}

bool
options_set(struct options *o, const char *text)
{
	static const char *const scenarios[] = {"echo", "broadcast"};
	static const char *const transports[] = {
	    "transport=websocket", "transport=polling", "transport=bare"};
	const char *equals = strchr(text, '=');

	for (int i = 0; i < 2; i++)
		if (strcmp(text, scenarios[i]) == 0) {
			o->scenario = (enum scenario)i;
			return true;
		}
	for (int i = 0; i < 3; i++)
		if (strcmp(text, transports[i]) == 0) {
			o->transport = (enum client_transport)i;
			return true;
		}
	return equals != NULL && set_number(o, text, (size_t)(equals - text), equals + 1);
}

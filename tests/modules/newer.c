/* A module that may call more than this Pollux has. */
#include <pollux/pollux.h>

SIO_EXPORT extern const struct sio_abi pollux_app_abi;
const struct sio_abi pollux_app_abi = {SIO_ABI, sizeof(struct sio_api) + 8};

int
pollux_app(sio_app *app)
{
	(void)app;
	return 0;
}

/* A module that was compiled before the interface changed. */
#include <pollux/pollux.h>

SIO_EXPORT extern const struct sio_abi pollux_app_abi;
const struct sio_abi pollux_app_abi = {SIO_ABI - 1, sizeof(struct sio_api)};

int
pollux_app(sio_app *app)
{
	(void)app;
	return 0;
}

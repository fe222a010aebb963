/* A module that loads. */
#include <pollux/pollux.h>

int
pollux_app(sio_app *app)
{
	return sio_of(app, "/good") == NULL ? -1 : 0;
}
SIO_APP_ABI

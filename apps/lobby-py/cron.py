"""cron: `python3 cron.py [TEXT]`: an announcement to everybody in the lobby, from cron(8) say."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../clients'))
from pollux import Pollux  # noqa: E402

pollux = Pollux(url=os.environ['POLLUX_URL'], key=os.environ['POLLUX_KEY'])
if len(sys.argv) > 1:
    text = sys.argv[1]
else:
    nicks = sorted(client['user'] for client in pollux.clients('lobby'))
    text = f"In the lobby: {', '.join(nicks)}." if nicks else 'The lobby is empty.'
pollux.room('lobby').emit('announcement', text)

"""chat: the chat of apps/chat/chat.c as a web hook; chat.c describes its events and rules.

POLLUX_SECRET is the hook's secret, CHAT_DB our own database of the people in the lobby, CHAT_PORT
the port to listen on."""
import os, re, sqlite3, sys, threading
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../clients'))
from pollux import Pollux

pollux = Pollux(secret=os.environ['POLLUX_SECRET'])
lock = threading.Lock()
db = sqlite3.connect(os.environ['CHAT_DB'], isolation_level=None, check_same_thread=False)
db.execute('CREATE TABLE IF NOT EXISTS people'
           '(session PRIMARY KEY, node, epoch, key, name UNIQUE COLLATE NOCASE, transport)')
NAME = r'(?! )[^\x00-\x1f\x7f]{1,20}(?<! )'

def is_text(value, pattern):
    return isinstance(value, str) and re.fullmatch(pattern, value, re.S)

pollux.on('connect', lambda ev, io: io.set('transport', ev.transport))

@pollux.on('login')
def login(ev, io):
    name, key, *_ = *ev.args, None, None
    if 'name' in ev.data or not is_text(name, NAME) or not is_text(key, '.{1,64}'):
        return 'invalid'
    transport = ev.data.get('transport', '')
    with lock:  # so that two requests cannot take the same name
        db.execute('DELETE FROM people WHERE node = ? AND epoch <> ? OR session = ?',
                   (ev.node, ev.epoch, ev.session))
        holder = db.execute('SELECT session, key FROM people WHERE name = ?', (name,)).fetchone()
        is_full = db.execute('SELECT count(*) >= 100 FROM people').fetchone()[0]
        if holder[1] != key if holder else is_full:
            return 'taken' if holder else 'full'
        me = ev.session, ev.node, ev.epoch, key, name, transport
        db.execute('REPLACE INTO people VALUES(?, ?, ?, ?, ?, ?)', me)
        here = db.execute('SELECT name, transport FROM people').fetchall()
    if holder:  # without a name, its disconnect tells no one
        io.session(holder[0]).del_('name').disconnect()
    io.set('name', name).join('lobby')
    io.broadcast.to('lobby').emit('moved' if holder else 'joined', name, transport)
    return None, {'name': name, 'transport': transport, 'here': here}

@pollux.on('say')
def say(ev, io):
    if 'name' not in ev.data or not ev.args or not is_text(ev.args[0], '.{1,1000}'):
        return 'invalid'
    io.broadcast.to('lobby').emit('said', ev.data['name'], ev.args[0])
    return [None]

@pollux.on('typing')
def typing(ev, io):
    if 'name' in ev.data and ev.args and isinstance(ev.args[0], bool):
        io.broadcast.to('lobby').volatile.emit('typing', ev.data['name'], ev.args[0])

@pollux.on('disconnect')
def disconnect(ev, io):
    if 'name' not in ev.data:
        return
    with lock:  # a connection that broke ends late: perhaps they are back on another
        db.execute('DELETE FROM people WHERE session = ?', (ev.session,))
        is_back = db.execute('SELECT 1 FROM people WHERE name = ?', (ev.data['name'],)).fetchone()
    if not is_back:
        io.broadcast.to('lobby').emit('left', ev.data['name'])

pollux.run(port=int(os.environ.get('CHAT_PORT', 8000)))

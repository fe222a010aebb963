"""app: an application that uses all of pollux.py.  app.php is the same for pollux.php, and cases.json
says what both answer."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../clients'))
from pollux import Pollux, PolluxError, Raw  # noqa: E402


def authorize(h, io):
    sid = Pollux.cookie(h, 'sid')
    if sid == 'ok':
        io.join('u42').emit('hello', h.address['port'])
        return {'accept': True, 'user': 42, 'data': {'nick': h.query['nick']}, 'max_age': 30}
    if sid == 'throw':
        raise Exception('no')
    return {
        'bare': {'accept': True, 'data': {}},
        'true': True,
        'old': {'accept': True, 'transports': ['xhr-polling']},
        'banned': {'accept': False, 'reason': 'banned'},
        'typo': {'accept': True, 'usr': '42'},
        'vague': {'accept': 1},
    }.get(sid)  # nothing said: stay out


def send_to(ev, io):
    io.emit('self')
    io.broadcast.emit('others')
    io.broadcast.to(7).volatile.emit('others in 7', 1)
    room = io.room('r')
    room.send('in r')
    room.except_('P.x', 'P.y').volatile.json({})
    room.send('in r, still')
    io.of('/news').emit('all of news')
    io.of('/news').room('x').except_('P.x').emit('x of news')
    io.of('/news').broadcast.emit('others of news')
    io.session('P.other').emit('other')
    io.to_user(42).except_('P.x').send('user')
    io.all().send('all')
    io.volatile.send('may be lost')


def act(ev, io):
    io.join('r').leave(8).set('a', {'x': []}).del_('b').user(42).user(None)
    io.error('why', 'reconnect').error('why').disconnect().disconnect('kicked')
    io.session('P.other').join('r').set('a', 1).del_('b').user('u').disconnect('kicked')
    io.of('').session('P.other').disconnect().leave('r')
    io.of('').session(ev.session).disconnect()


def do_wrong(ev, io):
    errors = []
    for call in (lambda: io.room('r').join('x'), lambda: io.broadcast.user('42'),
                 lambda: io.room('r').emit('x', ack='y'), lambda: Raw('1.')):
        try:
            call()
            errors.append(None)
        except PolluxError as error:
            errors.append(str(error).split(':')[0])
    return errors


def app(**options):
    p = Pollux(**options)
    p.authorize(authorize)

    @p.authorize('/admin')
    def authorize_admin(h, io):
        return h.user == '42' and h.data['nick'] == 'bob' and h.secure

    @p.on('connection')
    def connection(ev, io):
        io.join('lobby').emit('welcome', ev.transport, ev.query)

    @p.on('disconnect')
    def disconnect(ev, io):
        io.broadcast.emit('left', ev.reason, ev.epoch)

    @p.on('message')
    def message(ev, io):
        io.send(f'{ev.type} of {len(ev.args)}').json([ev.text, ev.value])
        return ev.args[0], ev.ack

    @p.on('/json', 'json')
    def json(ev, io):
        io.json(ev.value)

    @p.on('/star', '*')
    def rest(ev, io):
        io.emit('rest', ev.type, ev.name, ev.args)
        return ev.type

    p.on('echo', lambda ev, io: ev.args)
    p.on('first', lambda ev, io: ev.args[0])
    p.on('whoami', lambda ev, io: [ev.user, ev.data])

    @p.on('relay')
    def relay(ev, io):
        io.broadcast.to('lobby').emit('relay', *ev.args)

    @p.on('ask')
    def ask(ev, io):
        io.emit('order', 1, ack='order-ok')

    @p.on_ack('order-ok')
    def ordered(ev, io):
        io.emit('thanks', ev.args[0])

    @p.on('raw')
    def raw(ev, io):
        io.emit('price', Raw('1.10'), {'list': [Raw(' {"a": 1e999} ')]})
        return Raw('[1.0]')

    @p.on('ack first')
    def ack_first(ev, io):
        io.ack('now', 1).emit('then')

    @p.on('fail')
    def fail(ev, io):
        io.emit('never')
        raise Exception('as asked')

    p.on('/chat', 'to', send_to)
    p.on('/chat', 'act', act)
    p.on('/chat', 'wrong', do_wrong)

    @p.on('set')
    def set_data(ev, io):
        io.set(ev.args[0], ev.args[1])

    @p.on('del')
    def del_data(ev, io):
        io.del_(ev.args[0]).user('42')

    @p.on('set of')
    def set_of(ev, io):
        io.session(ev.args[0]).set('by', ev.session)

    return p

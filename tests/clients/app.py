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


def act_on_many(ev, io):
    io.room('r').join('s').leave(8).set('a', None).del_('b').user(None).disconnect('over')
    io.broadcast.join('s').user('guest')
    io.to_user(42).except_('P.x').error('unauthorized', 'reconnect').disconnect()
    io.of('/news').room('r').set('a', 1)
    io.all().join('s', 5)


def ask_all(ev, io):
    io.emit('a', ack='a', context={'turn': 0}, timeout=1500)
    io.send('b', ack='b', timeout=0)
    io.room('r').except_('P.x').json([], ack='c', context=False)
    io.to_user(42).emit('d', 1, ack=7, context='')
    io.of('/news').send('e', ack='e', context=[])


def set_timers(ev, io):
    io.after(30000, 'turn', {'n': 1}).after(5, 'bare').after(5, 'zero', 0).cancel('turn')
    io.session('P.other').after(1, 'x').cancel('x')
    io.room('r').after(1, 'x', []).cancel('x')
    io.of('').session(ev.session).after(1, 'x')


def use_mailbox(ev, io):
    io.to_user('42').mailbox(3600).emit('missed', 1)
    io.of('').to_user('42').mailbox(60).except_('P.x').send('x')
    io.to_user('42').mailbox(60).to_user('43').json(1)
    io.to_user('42').mailbox(60).room('r').json(2)
    io.join('r', history=20).session('P.other').join('r', 0)


def do_wrong(ev, io):
    errors = []
    for call in (lambda: io.room('r').mailbox(60),
                 lambda: io.to_user('42').mailbox(60).set('a', 1),
                 lambda: io.to_user('42').mailbox(60).emit('x', ack='y'),
                 lambda: io.to_user('42').mailbox(60).volatile.send('x'),
                 lambda: io.volatile.emit('x', ack='y'), lambda: io.volatile.send('x', ack='y'),
                 ev.later, lambda: Raw('1.'), lambda: io.after(1, 'a\0b')):
        try:
            call()
            errors.append(None)
        except PolluxError as error:
            errors.append(str(error).split(':')[0])
    io.emit('errors', *errors)


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
        io.emit('thanks', ev.args[0] if ev.args else None, ev.context, ev.timed_out)

    p.on('/chat', 'ask all', ask_all)
    p.on('/chat', 'timers', set_timers)
    p.on('/chat', 'mailbox', use_mailbox)

    @p.on('/chat', 'later')
    def later(ev, io):
        io.set('asked', ev.later())

    @p.on('answer')
    def answer(ev, io):
        io.answer(ev.args[0], None, False).answer('P0123456789a:0:')

    @p.on('ack null')
    def ack_null(ev, io):
        io.ack(None, [], '')
        return [None]

    @p.on_timer('/chat', 'turn')
    def turn(ev, io):
        io.emit('over', ev.type, ev.context, ev.data['nick']).after(30000, 'turn')

    @p.on_tick
    def tick(ev, io):
        io.room('lobby').emit('tick', ev.session)
        io.of('/chat').volatile.send('tick')
        try:
            io.emit('nobody')
        except PolluxError as error:
            io.session('P.x').send(error)

    @p.on_user_connect
    def user_connect(ev, io):
        io.all().emit('online', ev.user)
        io.to_user(ev.user).join('mine').session(ev.session).set('first', 1)

    @p.on_user_disconnect
    def user_disconnect(ev, io):
        io.all().emit('offline', ev.user, ev.session)

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
    p.on('/chat', 'act on many', act_on_many)
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

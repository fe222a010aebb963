/* app: an application that uses all of pollux.js.  app.py and app.php are the same for the other
 * helpers, and cases.json says what all of them answer. */
'use strict';

const { Pollux, PolluxError } = require('../../clients/pollux.js');

/* What Python and PHP call it. */
class Exception extends Error {}

function authorize(h, io) {
  const sid = Pollux.cookie(h, 'sid');
  if (sid === 'ok') {
    io.join('u42').emit('hello', h.address.port);
    return { accept: true, user: 42, data: { nick: h.query.nick }, max_age: 30 };
  }
  if (sid === 'throw') throw new Exception('no');
  return {
    bare: { accept: true, data: {} },
    true: true,
    old: { accept: true, transports: ['xhr-polling'] },
    banned: { accept: false, reason: 'banned' },
    typo: { accept: true, usr: '42' },
    vague: { accept: 1 }
  }[sid]; /* nothing said: stay out */
}

function sendTo(ev, io) {
  io.emit('self');
  io.broadcast.emit('others');
  io.broadcast.to(7).volatile.emit('others in 7', 1);
  const room = io.room('r');
  room.send('in r');
  room.except('P.x', 'P.y').volatile.json({});
  room.send('in r, still');
  io.of('/news').emit('all of news');
  io.of('/news').room('x').except('P.x').emit('x of news');
  io.of('/news').broadcast.emit('others of news');
  io.session('P.other').emit('other');
  io.toUser(42).except('P.x').send('user');
  io.all().send('all');
  io.volatile.send('may be lost');
}

function act(ev, io) {
  io.join('r').leave(8).set('a', { x: [] }).del('b').user(42).user(null);
  io.error('why', 'reconnect').error('why').disconnect().disconnect('kicked');
  io.session('P.other').join('r').set('a', 1).del('b').user('u').disconnect('kicked');
  io.of('').session('P.other').disconnect().leave('r');
  io.of('').session(ev.session).disconnect();
}

function actOnMany(ev, io) {
  io.room('r').join('s').leave(8).set('a', null).del('b').user(null).disconnect('over');
  io.broadcast.join('s').user('guest');
  io.toUser(42).except('P.x').error('unauthorized', 'reconnect').disconnect();
  io.of('/news').room('r').set('a', 1);
  io.all().join('s', 5);
}

function askAll(ev, io) {
  io.emit('a', Pollux.ack('a', { context: { turn: 0 }, timeout: 1500 }));
  io.send('b', Pollux.ack('b', { timeout: 0 }));
  io.room('r').except('P.x').json([], Pollux.ack('c', { context: false }));
  io.toUser(42).emit('d', 1, Pollux.ack(7, { context: '' }));
  io.of('/news').send('e', Pollux.ack('e', { context: [] }));
}

function setTimers(ev, io) {
  io.after(30000, 'turn', { n: 1 }).after(5, 'bare').after(5, 'zero', 0).cancel('turn');
  io.session('P.other').after(1, 'x').cancel('x');
  io.room('r').after(1, 'x', []).cancel('x');
  io.of('').session(ev.session).after(1, 'x');
}

function useMailbox(ev, io) {
  io.toUser('42').mailbox(3600).emit('missed', 1);
  io.of('').toUser('42').mailbox(60).except('P.x').send('x');
  io.toUser('42').mailbox(60).toUser('43').json(1);
  io.toUser('42').mailbox(60).room('r').json(2);
  io.join('r', 20).session('P.other').join('r', 0);
}

function doWrong(ev, io) {
  const errors = [
    () => io.room('r').mailbox(60),
    () => io.toUser('42').mailbox(60).set('a', 1),
    () => io.toUser('42').mailbox(60).emit('x', Pollux.ack('y')),
    () => io.toUser('42').mailbox(60).volatile.send('x'),
    () => io.volatile.emit('x', Pollux.ack('y')), () => io.volatile.send('x', Pollux.ack('y')),
    () => ev.later(), () => Pollux.raw('1.'), () => io.after(1, 'a\0b')
  ].map((call) => {
    try {
      call();
      return null;
    } catch (error) {
      if (!(error instanceof PolluxError)) throw error;
      return error.message.split(':')[0];
    }
  });
  io.emit('errors', ...errors);
}

function app(options) {
  const p = new Pollux(options);
  const soon = () => new Promise((resolve) => { setImmediate(resolve); });
  p.authorize(async (h, io) => {
    await soon();
    return authorize(h, io);
  });
  p.authorize('/admin', (h) => h.user === '42' && h.data.nick === 'bob' && h.secure);
  p.on('connection', (ev, io) => { io.join('lobby').emit('welcome', ev.transport, ev.query); });
  p.on('disconnect', (ev, io) => { io.broadcast.emit('left', ev.reason, ev.epoch); });
  p.on('message', (ev, io) => {
    io.send(`${ev.type} of ${ev.args.length}`).json([ev.text, ev.value]);
    return [ev.args[0], ev.ack];
  });
  p.on('/json', 'json', (ev, io) => { io.json(ev.value); });
  p.on('/star', '*', (ev, io) => {
    io.emit('rest', ev.type, ev.name, ev.args);
    return ev.type;
  });
  p.on('echo', (ev) => ev.args);
  p.on('first', async (ev) => {
    await soon();
    return ev.args[0];
  });
  p.on('whoami', (ev) => [ev.user, ev.data]);
  p.on('relay', (ev, io) => { io.broadcast.to('lobby').emit('relay', ...ev.args); });
  p.on('ask', (ev, io) => { io.emit('order', 1, Pollux.ack('order-ok')); });
  p.onAck('order-ok', (ev, io) => { io.emit('thanks', ev.args.length > 0 ? ev.args[0] : null, ev.context, ev.timed_out); });
  p.on('/chat', 'ask all', askAll);
  p.on('/chat', 'timers', setTimers);
  p.on('/chat', 'mailbox', useMailbox);
  p.on('/chat', 'later', (ev, io) => { io.set('asked', ev.later()); });
  p.on('answer', (ev, io) => { io.answer(ev.args[0], null, false).answer('P0123456789a:0:'); });
  p.on('ack null', (ev, io) => {
    io.ack(null, [], '');
    return [null];
  });
  p.onTimer('/chat', 'turn', (ev, io) => { io.emit('over', ev.type, ev.context, ev.data.nick).after(30000, 'turn'); });
  p.onTick((ev, io) => {
    io.room('lobby').emit('tick', ev.session);
    io.of('/chat').volatile.send('tick');
    try {
      io.emit('nobody');
    } catch (error) {
      io.session('P.x').send(error.message);
    }
  });
  p.onUserConnect((ev, io) => {
    io.all().emit('online', ev.user);
    io.toUser(ev.user).join('mine').session(ev.session).set('first', 1);
  });
  p.onUserDisconnect((ev, io) => { io.all().emit('offline', ev.user, ev.session); });
  p.on('raw', (ev, io) => {
    io.emit('price', Pollux.raw('1.10'), { list: [Pollux.raw(' {"a": 1e999} ')] });
    return Pollux.raw('[1.0]');
  });
  p.on('ack first', (ev, io) => { io.ack('now', 1).emit('then'); });
  p.on('fail', (ev, io) => {
    io.emit('never');
    throw new Exception('as asked');
  });
  p.on('/chat', 'to', sendTo);
  p.on('/chat', 'act', act);
  p.on('/chat', 'act on many', actOnMany);
  p.on('/chat', 'wrong', doWrong);
  p.on('set', (ev, io) => { io.set(ev.args[0], ev.args[1]); });
  p.on('del', (ev, io) => { io.del(ev.args[0]).user('42'); });
  p.on('set of', (ev, io) => { io.session(ev.args[0]).set('by', ev.session); });
  return p;
}

module.exports = { app, Exception };

/* node app.js PORT: serve it */
if (require.main === module) {
  app({ secret: 'whsec_cG9sbHV4LXRlc3QtdmVjdG9yLXNlY3JldC0wMDAx', log: () => {} }).run(Number(process.argv[2]));
}

<?php

/* app: an application that uses all of pollux.php.  app.py is the same for pollux.py, and cases.json
 * says what both answer. */
require_once __DIR__ . '/../../clients/pollux.php';

function app(array $options)
{
    $p = new Pollux($options);
    $p->authorize(function ($h, $io) {
        switch (Pollux::cookie($h, 'sid')) {
            case 'ok':
                $io->join('u42')->emit('hello', $h->address['port']);
                return ['accept' => true, 'user' => 42, 'data' => ['nick' => $h->query['nick']],
                    'max_age' => 30];
            case 'bare':
                return ['accept' => true, 'data' => []];
            case 'true':
                return true;
            case 'old':
                return ['accept' => true, 'transports' => ['xhr-polling']];
            case 'banned':
                return ['accept' => false, 'reason' => 'banned'];
            case 'typo':
                return ['accept' => true, 'usr' => '42'];
            case 'vague':
                return ['accept' => 1];
            case 'throw':
                throw new Exception('no');
        }
        // nothing said: stay out
    });
    $p->authorize('/admin', function ($h) {
        return $h->user === '42' && $h->data['nick'] === 'bob' && $h->secure;
    });

    $p->on('connection', function ($ev, $io) {
        $io->join('lobby')->emit('welcome', $ev->transport, $ev->query);
    });
    $p->on('disconnect', function ($ev, $io) {
        $io->broadcast->emit('left', $ev->reason, $ev->epoch);
    });
    $p->on('message', function ($ev, $io) {
        $io->send("$ev->type of " . count($ev->args))->json([$ev->text, $ev->value]);
        return [$ev->args[0], $ev->ack];
    });
    $p->on('/json', 'json', function ($ev, $io) {
        $io->json($ev->value);
    });
    $p->on('/star', '*', function ($ev, $io) {
        $io->emit('rest', $ev->type, $ev->name, $ev->args);
        return $ev->type;
    });

    $p->on('echo', function ($ev) {
        return $ev->args;
    });
    $p->on('first', function ($ev) {
        return $ev->args[0];
    });
    $p->on('relay', function ($ev, $io) {
        $io->broadcast->to('lobby')->emit('relay', ...$ev->args);
    });
    $p->on('whoami', function ($ev) {
        return [$ev->user, $ev->data];
    });
    $p->on('ask', function ($ev, $io) {
        $io->emit('order', 1, Pollux::ack('order-ok'));
    });
    $p->onAck('order-ok', function ($ev, $io) {
        $io->emit('thanks', $ev->args[0] ?? null, $ev->context, $ev->timed_out);
    });
    $p->on('/chat', 'ask all', function ($ev, $io) {
        $io->emit('a', Pollux::ack('a', ['context' => ['turn' => 0], 'timeout' => 1500]));
        $io->send('b', Pollux::ack('b', ['timeout' => 0]));
        $io->room('r')->except('P.x')->json([], Pollux::ack('c', ['context' => false]));
        $io->toUser(42)->emit('d', 1, Pollux::ack(7, ['context' => '']));
        $io->of('/news')->send('e', Pollux::ack('e', ['context' => []]));
    });
    $p->on('/chat', 'later', function ($ev, $io) {
        $io->set('asked', $ev->later());
    });
    $p->on('answer', function ($ev, $io) {
        $io->answer($ev->args[0], null, false)->answer('P0123456789a:0:');
    });
    $p->on('ack null', function ($ev, $io) {
        $io->ack(null, [], '');
        return [null];
    });
    $p->on('/chat', 'timers', function ($ev, $io) {
        $io->after(30000, 'turn', ['n' => 1])->after(5, 'bare')->after(5, 'zero', 0)->cancel('turn');
        $io->session('P.other')->after(1, 'x')->cancel('x');
        $io->room('r')->after(1, 'x', [])->cancel('x');
        $io->of('')->session($ev->session)->after(1, 'x');
    });
    $p->onTimer('/chat', 'turn', function ($ev, $io) {
        $io->emit('over', $ev->type, $ev->context, $ev->data['nick'])->after(30000, 'turn');
    });
    $p->onTick(function ($ev, $io) {
        $io->room('lobby')->emit('tick', $ev->session);
        $io->of('/chat')->volatile->send('tick');
        try {
            $io->emit('nobody');
        } catch (PolluxError $e) {
            $io->session('P.x')->send($e->getMessage());
        }
    });
    $p->onUserConnect(function ($ev, $io) {
        $io->all()->emit('online', $ev->user);
        $io->toUser($ev->user)->join('mine')->session($ev->session)->set('first', 1);
    });
    $p->onUserDisconnect(function ($ev, $io) {
        $io->all()->emit('offline', $ev->user, $ev->session);
    });
    $p->on('/chat', 'mailbox', function ($ev, $io) {
        $io->toUser('42')->mailbox(3600)->emit('missed', 1);
        $io->of('')->toUser('42')->mailbox(60)->except('P.x')->send('x');
        $io->toUser('42')->mailbox(60)->toUser('43')->json(1);
        $io->toUser('42')->mailbox(60)->room('r')->json(2);
        $io->join('r', 20)->session('P.other')->join('r', 0);
    });
    $p->on('raw', function ($ev, $io) {
        $io->emit('price', Pollux::raw('1.10'), ['list' => [Pollux::raw(' {"a": 1e999} ')]]);
        return Pollux::raw('[1.0]');
    });
    $p->on('ack first', function ($ev, $io) {
        $io->ack('now', 1)->emit('then');
    });
    $p->on('fail', function ($ev, $io) {
        $io->emit('never');
        throw new Exception('as asked');
    });
    $p->on('/chat', 'to', function ($ev, $io) {
        $io->emit('self');
        $io->broadcast->emit('others');
        $io->broadcast->to(7)->volatile->emit('others in 7', 1);
        $room = $io->room('r');
        $room->send('in r');
        $room->except('P.x', 'P.y')->volatile->json(new stdClass());
        $room->send('in r, still');
        $io->of('/news')->emit('all of news');
        $io->of('/news')->room('x')->except('P.x')->emit('x of news');
        $io->of('/news')->broadcast->emit('others of news');
        $io->session('P.other')->emit('other');
        $io->toUser(42)->except('P.x')->send('user');
        $io->all()->send('all');
        $io->volatile->send('may be lost');
    });
    $p->on('/chat', 'act', function ($ev, $io) {
        $io->join('r')->leave(8)->set('a', ['x' => []])->del('b')->user(42)->user(null);
        $io->error('why', 'reconnect')->error('why')->disconnect()->disconnect('kicked');
        $io->session('P.other')->join('r')->set('a', 1)->del('b')->user('u')->disconnect('kicked');
        $io->of('')->session('P.other')->disconnect()->leave('r');
        $io->of('')->session($ev->session)->disconnect();
    });
    $p->on('/chat', 'act on many', function ($ev, $io) {
        $io->room('r')->join('s')->leave(8)->set('a', null)->del('b')->user(null)->disconnect('over');
        $io->broadcast->join('s')->user('guest');
        $io->toUser(42)->except('P.x')->error('unauthorized', 'reconnect')->disconnect();
        $io->of('/news')->room('r')->set('a', 1);
        $io->all()->join('s', 5);
    });
    $p->on('/chat', 'wrong', function ($ev, $io) {
        $errors = [];
        $calls = [
            fn () => $io->room('r')->mailbox(60),
            fn () => $io->toUser('42')->mailbox(60)->set('a', 1),
            fn () => $io->toUser('42')->mailbox(60)->emit('x', Pollux::ack('y')),
            fn () => $io->toUser('42')->mailbox(60)->volatile->send('x'),
            fn () => $io->volatile->emit('x', Pollux::ack('y')),
            fn () => $io->volatile->send('x', Pollux::ack('y')),
            fn () => $ev->later(),
            fn () => Pollux::raw('1.'),
            fn () => $io->after(1, "a\0b"),
        ];
        foreach ($calls as $call) {
            try {
                $call();
                $errors[] = null;
            } catch (PolluxError $e) {
                $errors[] = preg_replace('/: .*/', '', $e->getMessage());
            }
        }
        $io->emit('errors', ...$errors);
    });
    $p->on('set', function ($ev, $io) {
        $io->set($ev->args[0], $ev->args[1]);
    });
    $p->on('del', function ($ev, $io) {
        $io->del($ev->args[0])->user('42');
    });
    $p->on('set of', function ($ev, $io) {
        $io->session($ev->args[0])->set('by', $ev->session);
    });
    return $p;
}

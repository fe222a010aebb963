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
        $io->emit('thanks', $ev->args[0]);
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
    $p->on('/chat', 'wrong', function ($ev, $io) {
        $errors = [];
        $calls = [
            function () use ($io) {
                $io->room('r')->join('x');
            },
            function () use ($io) {
                $io->broadcast->user('42');
            },
            function () use ($io) {
                $io->room('r')->emit('x', Pollux::ack('y'));
            },
            function () {
                Pollux::raw('1.');
            },
        ];
        foreach ($calls as $call) {
            try {
                $call();
                $errors[] = null;
            } catch (PolluxError $e) {
                $errors[] = preg_replace('/: .*/', '', $e->getMessage());
            }
        }
        return $errors;
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

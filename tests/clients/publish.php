<?php

/* publish: php publish.php OPTIONS CALL: publish as the tests say, and print what came of it. */
require __DIR__ . '/../../clients/pollux.php';

$p = new Pollux(json_decode($argv[1], true));
try {
    switch ($argv[2]) {
        case 'emit':
            $p->room('lobby')->emit('news', Pollux::raw('1.10'), "\u{e9}");
            $answer = null;
            break;
        case 'batch':
            $answer = $p->batch(function ($io) {
                $io->room('a')->emit('x');
                $io->session('P.x')->join('a');
            }, 'order-17');
            break;
        case 'publish':
            $answer = $p->publish([['do' => 'send', 'to' => 'all', 'text' => 'x']]);
            break;
        case 'key':
            $p->publish([['do' => 'send']], "a\r\nb: c");
            break;
        case 'clients':
            $answer = iterator_to_array($p->clients('a b', ['nick', 'x/y'], '/chat', $argv[3] ?? null));
            break;
        case 'everyone':
            $answer = iterator_to_array($p->clients());
            break;
        case 'rooms':
            $answer = [$p->rooms(), $p->rooms('P.x', '/chat')];
            break;
        case 'users':
            $answer = iterator_to_array($p->users());
            break;
        case 'one':
            $answer = [$p->user('4 2', ['a', 'b']), $p->client('P.x', ['a'])];
    }
    echo json_encode($answer);
} catch (PolluxError $e) {
    echo json_encode(['error' => $e->getMessage(), 'status' => $e->getCode()]);
}

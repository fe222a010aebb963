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
    }
    echo json_encode($answer);
} catch (PolluxError $e) {
    echo json_encode(['error' => $e->getMessage(), 'status' => $e->getCode()]);
}

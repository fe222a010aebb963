<?php

/* cron: `php cron.php [TEXT]`: an announcement to everybody in the lobby, from cron(8) say. */
require __DIR__ . '/../../clients/pollux.php';

$pollux = new Pollux(['url' => getenv('POLLUX_URL'), 'key' => getenv('POLLUX_KEY')]);
$text = $argv[1] ?? null;
if ($text === null) {
    $nicks = array_column(iterator_to_array($pollux->clients('lobby')), 'user');
    sort($nicks);
    $text = $nicks ? 'In the lobby: ' . implode(', ', $nicks) . '.' : 'The lobby is empty.';
}
$pollux->room('lobby')->emit('announcement', $text);

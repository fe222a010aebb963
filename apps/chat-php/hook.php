<?php

/* chat: the chat of apps/chat/chat.c as a web hook; chat.c describes its events and rules.
 *
 * POLLUX_SECRET is the hook's secret.  CHAT_DB is our own database of the people in the lobby; keep
 * it where the web server does not serve it.  To try it: `php -S 127.0.0.1:8000 hook.php`. */
require __DIR__ . '/../../clients/pollux.php';
$db = new PDO('sqlite:' . getenv('CHAT_DB'), null, null, [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION]);
$sql = function ($text, ...$values) use ($db) {
    $query = $db->prepare($text);
    $query->execute($values);
    return $query->fetchAll(PDO::FETCH_NUM);
};
$isText = function ($value, $pattern) {
    return is_string($value) && preg_match("/^$pattern$/Dsu", $value);
};
$pollux = new Pollux(['secret' => getenv('POLLUX_SECRET')]);
$pollux->on('connect', function ($ev, $io) { $io->set('transport', $ev->transport); });
$pollux->on('login', function ($ev, $io) use ($sql, $isText) {
    list($name, $key) = $ev->args + [null, null];
    if (isset($ev->data['name']) || !$isText($name, '(?! )[^\x00-\x1f\x7f]{1,20}(?<! )') ||
        !$isText($key, '.{1,64}')) {
        return 'invalid';
    }
    $transport = $ev->data['transport'] ?? '';
    $sql('DELETE FROM people WHERE node = ? AND epoch <> ? OR session = ?', $ev->node, $ev->epoch, $ev->session);
    $holder = $sql('SELECT session, key FROM people WHERE name = ?', $name)[0] ?? null;
    $isFull = $sql('SELECT count(*) >= 100 FROM people')[0][0];
    if ($holder ? $holder[1] !== $key : $isFull) {
        return $holder ? 'taken' : 'full';
    }
    $me = [$ev->session, $ev->node, $ev->epoch, $key, $name, $transport];
    $sql('REPLACE INTO people VALUES(?, ?, ?, ?, ?, ?)', ...$me);
    if ($holder) { // without a name, its disconnect tells no one
        $io->session($holder[0])->del('name')->disconnect();
    }
    $io->set('name', $name)->join('lobby');
    $io->broadcast->to('lobby')->emit($holder ? 'moved' : 'joined', $name, $transport);
    $here = $sql('SELECT name, transport FROM people');
    return [null, ['name' => $name, 'transport' => $transport, 'here' => $here]];
});
$pollux->on('say', function ($ev, $io) use ($isText) {
    if (!isset($ev->data['name']) || !$isText($ev->args[0] ?? null, '.{1,1000}')) return 'invalid';
    $io->broadcast->to('lobby')->emit('said', $ev->data['name'], $ev->args[0]);
    return [null];
});
$pollux->on('typing', function ($ev, $io) {
    if (!isset($ev->data['name']) || !is_bool($ev->args[0] ?? null)) return;
    $io->broadcast->to('lobby')->volatile->emit('typing', $ev->data['name'], $ev->args[0]);
});
$pollux->on('disconnect', function ($ev, $io) use ($sql) {
    if (!isset($ev->data['name'])) return;
    $sql('DELETE FROM people WHERE session = ?', $ev->session);
    // a connection that broke ends late: perhaps they are back on another
    if ($sql('SELECT 1 FROM people WHERE name = ?', $ev->data['name'])) return;
    $io->broadcast->to('lobby')->emit('left', $ev->data['name']);
});
$sql('CREATE TABLE IF NOT EXISTS people' .
    '(session PRIMARY KEY, node, epoch, key, name UNIQUE COLLATE NOCASE, transport)');
$sql('BEGIN IMMEDIATE'); // one request at a time, so that two cannot take the same name
$pollux->run();
$sql('COMMIT');

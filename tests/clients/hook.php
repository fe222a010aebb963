<?php

/* hook: app.php as a web hook, with what can go wrong in PHP.  Bytes before this line would spoil the
 * reply, were they not thrown away. */
echo "\u{feff} a page that has a byte order mark\n";
require __DIR__ . '/app.php';

$p = app(['secret' => getenv('POLLUX_SECRET')]);
$p->on('print', function ($ev) {
    echo 'a forgotten line';
    return 'fine';
});
$p->on('warn', function ($ev) {
    ini_set('display_errors', '1');
    return [$nothing ?? 'fine', @$ev->nothing, $undefined];
});
$p->on('exit', function () {
    exit;
});
$p->on('fatal', function () {
    ini_set('display_errors', '1');
    ini_set('memory_limit', '8M');
    str_repeat('x', 100000000);
});
$p->run();

<?php

/* php_test: pollux.php without a web server.  Prints what failed and `N passed, N failed`. */
require __DIR__ . '/app.php';

const SECRET = 'whsec_cG9sbHV4LXRlc3QtdmVjdG9yLXNlY3JldC0wMDAx';
const OTHER_SECRET = 'whsec_b3RoZXI=';
const VECTOR = ['id' => 'evt_0001', 'time' => 1700000000,
    'body' => '{"v":1,"hook":"events","events":[]}',
    'signature' => 'v1,u5793JlqqEbGkWtHMbaREG5JRERxtMZRc5OgP2ZhOI8='];

error_reporting(E_ALL);
set_error_handler(function ($level, $text, $file, $line) {
    if (error_reporting() & $level) {
        throw new ErrorException($text, 0, $level, $file, $line);
    }
    return true;
});

/* --- a test is a sentence and a function that throws -------------------------------------------- */

$passed = $failed = 0;

function test($sentence, callable $fn)
{
    global $passed, $failed;
    try {
        $fn();
        $passed++;
    } catch (Throwable $e) {
        $failed++;
        echo "FAIL php: $sentence: ", $e->getMessage(), ' (', basename($e->getFile()), ':', $e->getLine(), ")\n";
    }
}

function same($wanted, $got)
{
    if ($wanted !== $got) {
        throw new Exception('wanted ' . json_encode($wanted) . ', got ' . json_encode($got));
    }
}

function refused($class, $text, callable $fn)
{
    try {
        $fn();
    } catch (Throwable $e) {
        same($class, get_class($e));
        same(true, strpos($e->getMessage(), $text) !== false ?: $e->getMessage());
        return $e;
    }
    throw new Exception("no $class");
}

/* JSON with the members of objects in order, so that the same values are the same text. */
function canonical($value)
{
    if (is_object($value)) {
        $members = [];
        foreach ($value as $key => $item) {
            $members[] = json_encode((string) $key) . ':' . canonical($item);
        }
        sort($members);
        return '{' . implode(',', $members) . '}';
    }
    return is_array($value) ? '[' . implode(',', array_map('canonical', $value)) . ']' : json_encode($value);
}

function headers_for($body, $secret = SECRET, $time = null, $id = 'evt_1')
{
    $time = $time === null ? time() : $time;
    $key = base64_decode(substr($secret, 6));
    return ['Webhook-Id' => $id, 'Webhook-Timestamp' => (string) $time,
        'Webhook-Signature' => 'v1,' . base64_encode(hash_hmac('sha256', "$id.$time.$body", $key, true))];
}

function post(Pollux $p, $body)
{
    return $p->handle('POST', headers_for($body), $body);
}

/* A request with one event for each list of fields. */
function events(array ...$events)
{
    foreach ($events as $i => &$event) {
        $event += ['id' => "evt_$i", 'type' => 'event', 'session' => 'P.a', 'ns' => '', 'args' => []];
    }
    return json_encode(['v' => 1, 'hook' => 'events', 'events' => $events]);
}

/* --- the same answers as pollux.py -------------------------------------------------------------- */

function body_of($case)
{
    if (isset($case->body)) {
        return $case->body;
    }
    $request = isset($case->authorize) ? clone $case->authorize : (object) ['epoch' => 'e1', 'node' => 'web1'];
    $request->v = 1;
    $request->hook = isset($case->authorize) ? 'authorize' : 'events';
    if (isset($case->events)) {
        $request->events = $case->events;
        foreach ($request->events as $i => $event) {
            foreach (['id' => "evt_$i", 'session' => 'P.a', 'ns' => '', 'time' => 1795407440123 + $i] as $name => $value) {
                $event->$name = isset($event->$name) ? $event->$name : $value;
            }
        }
    }
    return json_encode($request);
}

foreach (json_decode(file_get_contents(__DIR__ . '/cases.json'))->cases as $case) {
    test($case->name, function () use ($case) {
        $log = [];
        $p = app(['secret' => SECRET, 'log' => function ($line) use (&$log) {
            $log[] = $line;
        }]);
        list($status, $headers, $body) = post($p, body_of($case));
        $hasReply = property_exists($case, 'reply');
        $wanted = isset($case->status) ? $case->status : ($hasReply && $case->reply === null ? 204 : 200);
        same($wanted, $status);
        same(isset($case->log) || $status === 500 ? 1 : 0, count($log));
        if (isset($case->log)) {
            same(true, strpos($log[0], $case->log) !== false);
        }
        if ($status === 204) {
            same('', $body);
        } elseif ($hasReply) {
            same(canonical($case->reply), canonical(json_decode($body)));
        }
        foreach (isset($case->has) ? $case->has : [] as $text) {
            same(true, strpos($body, $text) !== false ?: $body);
        }
        if (isset($case->text)) {
            same($case->text, $body);
        }
        foreach (isset($case->headers) ? $case->headers : [] as $name => $value) {
            same($value, $headers[$name]);
        }
    });
}

/* --- signatures --------------------------------------------------------------------------------- */

function vector(array $change = [], $now = 1700000000, $secret = SECRET)
{
    $v = $change + VECTOR;
    $headers = ['webhook-id' => $v['id'], 'webhook-timestamp' => (string) $v['time'],
        'webhook-signature' => $v['signature']];
    (new Pollux(['secret' => $secret]))->verify($headers, $v['body'], $now);
}

test('the vector is genuine', function () {
    vector();
});
test('it is for 5 minutes before and after', function () {
    vector([], 1700000300);
    vector([], 1699999700);
    foreach ([1700000301, 1699999699, 0, PHP_INT_MAX] as $now) {
        same(401, refused('PolluxError', 'stale', function () use ($now) {
            vector([], $now);
        })->getCode());
    }
});
test('one right signature of several is enough, with one right secret of several', function () {
    $right = VECTOR['signature'];
    vector(['signature' => "v1,AAAA v1a,xyz $right"]);
    vector(['signature' => "$right v1,AAAA"]);
    vector([], 1700000000, [OTHER_SECRET, SECRET]);
    vector([], 1700000000, [SECRET, OTHER_SECRET]);
    vector([], 1700000000, substr(SECRET, 6));
});
foreach (['id' => 'evt_0002', 'time' => 1700000001, 'body' => '{"v":1,"hook":"events","events":[ ]}',
    'signature' => 'v1,u5793JlqqEbGkWtHMbaREG5JRERxtMZRc5OgP2ZhOI9='] as $name => $value) {
    test("another $name is refused", function () use ($name, $value) {
        same(401, refused('PolluxError', 'wrong signature', function () use ($name, $value) {
            vector([$name => $value]);
        })->getCode());
    });
}
test('what is no signature is refused', function () {
    foreach (['v1,', 'v1', ',', substr(VECTOR['signature'], 3), 'v2,' . substr(VECTOR['signature'], 3),
        substr(VECTOR['signature'], 0, -1), str_replace('v1,', 'v1, ', VECTOR['signature'])] as $signature) {
        refused('PolluxError', 'wrong signature', function () use ($signature) {
            vector(['signature' => $signature]);
        });
    }
    refused('PolluxError', 'wrong signature', function () {
        vector([], 1700000000, OTHER_SECRET);
    });
    foreach (['id', 'time', 'signature'] as $name) {
        refused('PolluxError', 'no signature', function () use ($name) {
            vector([$name => '']);
        });
    }
});
test('a timestamp that is no number is stale, though signed', function () {
    foreach (['1700000000.5', '-1700000000', '1e9', ' 1700000000', "1700000000\n", str_repeat('1', 30)] as $time) {
        $headers = array_change_key_case(headers_for('{}', SECRET, $time));
        refused('PolluxError', 'stale', function () use ($headers) {
            (new Pollux(['secret' => SECRET]))->verify($headers, '{}', 1700000000);
        });
    }
});
test('a secret must be one, and an option too', function () {
    foreach (['whsec_', '', 'whsec_a!', "whsec_\xff"] as $secret) {
        refused('InvalidArgumentException', 'secret', function () use ($secret) {
            new Pollux(['secret' => $secret]);
        });
    }
    refused('InvalidArgumentException', 'sekret', function () {
        new Pollux(['sekret' => SECRET]);
    });
});

/* --- requests ----------------------------------------------------------------------------------- */

test('header names may have any case', function () {
    $body = events(['name' => 'echo', 'ack' => 1]);
    foreach ([CASE_LOWER, CASE_UPPER] as $case) {
        same(200, app(['secret' => SECRET])->handle('POST', array_change_key_case(headers_for($body), $case), $body)[0]);
    }
});
test('wrong requests get their status and a line of text', function () {
    $p = app(['secret' => SECRET, 'log' => function () {
    }]);
    $body = VECTOR['body'];
    same([405, 'POST', "POST only\n"], (function () use ($p) {
        list($status, $headers, $text) = $p->handle('GET', [], '');
        return [$status, $headers['Allow'], $text];
    })());
    same([401, "no signature\n"], [$p->handle('POST', [], $body)[0], $p->handle('POST', [], $body)[2]]);
    $answer = $p->handle('POST', headers_for($body, OTHER_SECRET), $body);
    same([401, ['Content-Type' => 'text/plain; charset=utf-8'], "wrong signature\n"], $answer);
    $answer = $p->handle('POST', headers_for($body, SECRET, time() - 301), $body);
    same([401, "stale timestamp\n"], [$answer[0], $answer[2]]);
    $long = str_repeat(' ', 4194305);
    same(413, $p->handle('POST', headers_for($long), $long)[0]);
    same(500, app(['log' => function () {
    }])->handle('POST', headers_for($body), $body)[0]);
});
test('a wrong secret is logged once a minute', function () {
    array_map('unlink', glob(sys_get_temp_dir() . '/pollux-401-*'));
    $log = [];
    $p = app(['secret' => SECRET, 'log' => function ($line) use (&$log) {
        $log[] = $line;
    }]);
    $body = VECTOR['body'];
    for ($i = 0; $i < 20; $i++) {
        same(401, $p->handle('POST', headers_for($body, OTHER_SECRET), $body)[0]);
    }
    same(1, count($log));
    same(true, strpos($log[0], 'wrong signature') !== false && strpos($log[0], '[hook] secret') !== false);
    foreach (glob(sys_get_temp_dir() . '/pollux-401-*') as $mark) {
        touch($mark, time() - 61);
    }
    $p->handle('POST', headers_for($body, OTHER_SECRET), $body);
    same(2, count($log));
    array_map('unlink', glob(sys_get_temp_dir() . '/pollux-401-*'));
});
test('an error that is not text costs its event only', function () {
    $log = [];
    $p = app(['secret' => SECRET, 'log' => function ($line) use (&$log) {
        $log[] = $line;
    }]);
    $p->on('throw half', function () {
        throw new Exception("\xff" . str_repeat('x', 10000));
    });
    list($status, , $reply) = post($p, events(['name' => 'throw half'], ['name' => 'echo', 'ack' => 1]));
    same([200, 1], [$status, count($log)]);
    $results = json_decode($reply)->results;
    same(true, strpos($results[0]->error, 'Exception: ?xxx') === 0 && strlen($results[0]->error) <= 500);
    same([], $results[1]->ack);
});
test('an error that the server tells of is logged', function () {
    $log = [];
    $p = app(['secret' => SECRET, 'log' => function ($line) use (&$log) {
        $log[] = $line;
    }]);
    $body = VECTOR['body'];
    $p->handle('POST', headers_for($body) + ['X-Pollux-Last-Error' => 'no such do: emmit'], $body);
    same(true, count($log) === 1 && strpos($log[0], 'emmit') !== false);
});
test('values as deep as Pollux lets them be come through', function () {
    $deep = str_repeat('[', 511) . '{}' . str_repeat(']', 511);
    $body = '{"v":1,"hook":"events","events":[{"id":"e","type":"event","session":"P","ns":"","name":"relay","args":' .
        $deep . '}]}';
    list($status, , $reply) = post(app(['secret' => SECRET]), $body);
    same(200, $status);
    same(true, strpos($reply, $deep) !== false);
});
test('an object whose key begins with NUL harms no other', function () {
    $event = '"type":"event","session":"P","ns":"","name":"echo","ack":1';
    $body = '{"v":1,"hook":"events","events":[{"id":"e","args":[{"\u0000x":{"a":1}, "y" : "\u0000:"}],' .
        $event . '},{"id":"f","args":["a\"\u0000b",{"b":2}],' . $event . '}]}';
    same('{"results":[{"id":"e","ack":[{"' . "\u{fffd}" . 'x":{"a":1},"y":"\u0000:"}]},' .
        '{"id":"f","ack":["a\"\u0000b",{"b":2}]}]}', post(app(['secret' => SECRET]), $body)[2]);
});
test('an ack that PHP cannot count to is not answered', function () {
    $event = '{"id":"e","type":"event","session":"P","ns":"","name":"echo","args":[],"ack":%s}';
    $body = '{"v":1,"hook":"events","events":[' . sprintf($event, '99999999999999999999') . ',' .
        sprintf($event, PHP_INT_MAX) . ']}';
    same('{"results":[{"id":"e","ack":[]}]}', post(app(['secret' => SECRET]), $body)[2]);
});
test('objects are arrays if you like', function () {
    $p = (new Pollux(['secret' => SECRET, 'assoc' => true]))->on('x', function ($ev) {
        return [$ev->args[0]['a'], $ev->data['b']['c'], $ev->session];
    });
    $body = events(['name' => 'x', 'ack' => 1, 'args' => [['a' => 1]], 'data' => ['b' => ['c' => 2]]]);
    same('{"results":[{"id":"evt_0","ack":[1,2,"P.a"]}]}', post($p, $body)[2]);
});
test('a text cut within a character goes out all the same', function () {
    $p = (new Pollux(['secret' => SECRET]))->on('x', function () {
        return substr("\u{e9}", 0, 1);
    });
    same('{"results":[{"id":"evt_0","ack":["' . "\u{fffd}" . '"]}]}', post($p, events(['name' => 'x', 'ack' => 1]))[2]);
});
test('handlers are registered with sense', function () {
    $p = new Pollux();
    refused('InvalidArgumentException', 'callable', function () use ($p) {
        $p->on('say', 'no such function');
    });
    refused('InvalidArgumentException', 'namespace', function () use ($p) {
        $p->on('chat', 'say', 'strlen');
    });
    same($p, $p->on('say', 'strlen')->onAck('/x', 'y', 'strlen')->authorize('/x', 'strlen')->seen('strlen'));
    same($p, $p->onTimer('x', 'strlen')->onTick('strlen')->onUserConnect('strlen')->onUserDisconnect('strlen'));
});

/* --- an event that comes twice ------------------------------------------------------------------ */

test('a second time, the kept reply is given and no handler runs', function () {
    $kept = [];
    $runs = 0;
    $p = (new Pollux(['secret' => SECRET]))->on('x', function ($ev, $io) use (&$runs) {
        $io->set('n', ++$runs);
        return $ev->data;
    })->on('quiet', function () use (&$runs) {
        $runs++;
    })->seen(function ($id, $reply = null) use (&$kept) {
        if ($reply !== null) {
            $kept[$id] = $reply;
        }
        return $kept[$id] ?? null;
    });
    $first = post($p, events(['name' => 'x', 'ack' => 1], ['name' => 'quiet']));
    same([200, 2], [$first[0], $runs]);
    same($first, post($p, events(['name' => 'x', 'ack' => 1], ['name' => 'quiet'])));
    same(2, $runs);
    /* what the kept reply sets is known to events after it */
    $third = post($p, events(['name' => 'x', 'ack' => 1], ['name' => 'quiet'], ['name' => 'x', 'ack' => 2]));
    same('{"id":"evt_2","ack":[{"n":1}],', substr($third[2], strpos($third[2], '{"id":"evt_2"'), 30));
});
test('when a handler fails, the others are not run again', function () {
    $kept = [];
    $runs = [];
    $p = (new Pollux(['secret' => SECRET, 'log' => function () {
    }]))->on('*', function ($ev) use (&$runs) {
        $runs[] = $ev->name;
        if ($runs === ['a', 'b']) {
            throw new Exception('the first time');
        }
    })->seen(function ($id, $reply = null) use (&$kept) {
        if ($reply !== null) {
            $kept[$id] = $reply;
        }
        return $kept[$id] ?? null;
    });
    $body = events(['name' => 'a'], ['name' => 'b'], ['name' => 'c']);
    same([200, 204], [post($p, $body)[0], post($p, $body)[0]]);
    same(['a', 'b', 'c', 'b'], $runs);
});

/* --- publishing by SQL -------------------------------------------------------------------------- */

/* Call $fn with a data folder that has a database and two processes, one of them dead. */
function with_data(callable $fn)
{
    $folder = sys_get_temp_dir() . '/pollux-php-' . getmypid();
    mkdir($folder);
    try {
        $db = new PDO("sqlite:$folder/actions.db");
        $db->setAttribute(PDO::ATTR_ERRMODE, PDO::ERRMODE_EXCEPTION);
        $db->exec('PRAGMA journal_mode = WAL');
        $db->exec('CREATE TABLE action_in(id INTEGER PRIMARY KEY AUTOINCREMENT, json TEXT NOT NULL)');
        $alive = stream_socket_server("udg://$folder/wake.0", $errno, $error, STREAM_SERVER_BIND);
        fclose(stream_socket_server("udg://$folder/wake.7", $errno, $error, STREAM_SERVER_BIND));
        stream_set_blocking($alive, false);
        $fn("$folder/actions.db", $db, $alive);
    } finally {
        $db = null;
        array_map('unlink', glob("$folder/*"));
        rmdir($folder);
    }
}

function rows(PDO $db)
{
    return $db->query('SELECT json FROM action_in ORDER BY id')->fetchAll(PDO::FETCH_COLUMN);
}

test('SQL: each call is a row, and wakes who is alive', function () {
    with_data(function ($path, $db, $alive) {
        $p = new Pollux(['db' => $path]);
        $p->room('lobby')->emit('news', Pollux::raw('1.10'), "o'\u{e9}");
        same('w', stream_socket_recvfrom($alive, 10));
        same(['{"do":"emit","to":{"room":"lobby","ns":""},"name":"news","args":[1.10,"o\'' . "\u{e9}" . '"]}'], rows($db));
        $p->of('/chat')->room('r')->except('P.x')->volatile->send('x');
        $p->all()->json(null);
        $p->toUser(42)->send(1);
        $p->session('P.x')->join('r')->set('k', [])->user('1')->disconnect('kicked');
        $p->of('/chat')->session('P.x')->leave('r')->emit('q', Pollux::ack('a'));
        $p->answer('P.x:0:/chat', null);
        same([
            '{"do":"send","to":{"room":"r","ns":"/chat","except":["P.x"]},"text":"x","volatile":true}',
            '{"do":"json","to":{"ns":""},"value":null}',
            '{"do":"send","to":{"user":"42","ns":""},"text":"1"}',
            '{"do":"join","room":"r","session":"P.x","ns":""}',
            '{"do":"set","key":"k","value":[],"session":"P.x"}',
            '{"do":"user","user":"1","session":"P.x"}',
            '{"do":"disconnect","reason":"kicked","session":"P.x","ns":""}',
            '{"do":"leave","room":"r","session":"P.x","ns":"/chat"}',
            '{"do":"emit","to":{"session":"P.x","ns":"/chat"},"name":"q","args":[],"ack":"a"}',
            '{"do":"ack","later":"P.x:0:/chat","args":[null]}',
        ], array_slice(rows($db), 1));
    });
});
test('SQL: a batch is one transaction and one wake-up, or nothing', function () {
    with_data(function ($path, $db, $alive) {
        $p = new Pollux(['db' => $path]);
        same(['ok' => true, 'actions' => 2], $p->batch(function ($io) use ($db) {
            $io->room('a')->emit('x');
            $io->session('P.x')->join('a');
            same([], rows($db));
        }));
        same(2, count(rows($db)));
        same('w', stream_socket_recvfrom($alive, 10));
        same('', (string) @stream_socket_recvfrom($alive, 10));
        refused('Exception', 'no', function () use ($p) {
            $p->batch(function ($io) {
                $io->all()->send('never');
                throw new Exception('no');
            });
        });
        same(['ok' => true, 'actions' => 0], $p->batch(function () {
        }));
        same(['ok' => true, 'actions' => 1], $p->publish([['do' => 'send', 'to' => 'all', 'text' => 'x']]));
        same('{"do":"send","to":"all","text":"x"}', rows($db)[2]);
        same(3, count(rows($db)));
    });
});
test('SQL: a process whose socket is full is awake', function () {
    with_data(function ($path, $db) {
        $p = new Pollux(['db' => $path]);
        for ($i = 0; $i < 1100; $i++) { // net.unix.max_dgram_qlen is 10, or 512 of late
            $p->all()->send('x');
        }
        same(1100, count(rows($db)));
    });
});
test('SQL: what cannot be done is said', function () {
    with_data(function ($path, $db) {
        refused('PolluxError', 'no such database', function () use ($path) {
            (new Pollux(['db' => "$path-not"]))->all()->send('x');
        });
        same(false, file_exists("$path-not"));
        refused('PolluxError', 'idempotency', function () use ($path) {
            (new Pollux(['db' => $path]))->publish([['do' => 'send']], 'key');
        });
        refused('PolluxError', '"url" or "db"', function () {
            (new Pollux())->all()->send('x');
        });
        refused('PolluxError', 'disconnect: needs a target', function () use ($path) {
            (new Pollux(['db' => $path]))->batch(fn ($io) => $io->disconnect());
        });
        refused('PolluxError', '"url"', function () use ($path) {
            (new Pollux(['db' => $path]))->rooms();
        });
        refused('InvalidArgumentException', 'ack: unknown option: timeout_ms', function () {
            Pollux::ack('x', ['timeout_ms' => 1]);
        });
        refused('PolluxError', 'broadcast: needs', function () use ($path) {
            (new Pollux(['db' => $path]))->all()->broadcast;
        });
        refused('PolluxError', 'room: a name cannot contain U+0000', function () use ($path) {
            (new Pollux(['db' => $path]))->room("a\0b")->send('x');
        });
        refused('PolluxError', 'user: a name cannot contain U+0000', function () use ($path) {
            (new Pollux(['db' => $path]))->toUser("a\0b")->send('x');
        });
        refused('PolluxError', 'name: a name cannot contain U+0000', function () use ($path) {
            (new Pollux(['db' => $path]))->all()->emit("a\0b");
        });
        refused('PolluxError', 'a comma', function () {
            (new Pollux(['url' => 'unix:/x']))->clients('r', ['a,b']);
        });
        same(0, count(rows($db)));
        $db->exec('DROP TABLE action_in');
        refused('PolluxError', 'no such table', function () use ($path) {
            (new Pollux(['db' => $path]))->all()->send('x');
        });
    });
});

echo "$passed passed, $failed failed\n";
exit($failed === 0 && $passed > 0 ? 0 : 1);

<?php

/* lobby: people with nicknames; apps/lobby/README.md says what clients emit and hear.
 *
 * To try it: `LOBBY_DB=lobby.db POLLUX_SECRET=whsec_... php -S 127.0.0.1:8000 hook.php`. */
require __DIR__ . '/../../clients/pollux.php';

/* The people in the lobby, in a database of our own, where the web server does not serve it. */
final class People
{
    private const MAX = 100;
    private PDO $db;

    public function __construct(string $path)
    {
        $this->db = new PDO("sqlite:$path", null, null, [
            PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION,
            PDO::ATTR_DEFAULT_FETCH_MODE => PDO::FETCH_ASSOC,
            PDO::ATTR_TIMEOUT => 5,
        ]);
        $this->db->exec('CREATE TABLE IF NOT EXISTS people(number INTEGER PRIMARY KEY,' .
            " nick UNIQUE COLLATE NOCASE, status DEFAULT 'here', session UNIQUE, node, epoch)");
    }

    /* Return null, or why the session cannot have the nickname. */
    public function add(string $nick, PolluxEvent $ev): ?string
    {
        $this->db->exec('BEGIN IMMEDIATE'); // of two who want one name, one gets it
        try {
            $error = $this->tryAdd($nick, $ev);
            $this->db->exec('COMMIT');
            return $error;
        } catch (PDOException $e) {
            $this->db->exec('ROLLBACK');
            throw $e;
        }
    }

    private function tryAdd(string $nick, PolluxEvent $ev): ?string
    {
        /* sessions of an earlier epoch have ended, and nobody said so */
        $this->query('DELETE FROM people WHERE node = ? AND epoch <> ?', $ev->node, $ev->epoch);
        $holder = $this->find($nick);
        if ($holder !== null && $holder !== $ev->session) {
            return 'taken';
        }
        $n = $this->query('SELECT count(*) AS n FROM people')->fetchColumn();
        if ($holder === null && $n >= self::MAX) {
            return 'full';
        }
        $this->query('REPLACE INTO people(nick, session, node, epoch) VALUES(?, ?, ?, ?)',
            $nick, $ev->session, $ev->node, $ev->epoch);
        return null;
    }

    public function remove(string $session): void
    {
        $this->query('DELETE FROM people WHERE session = ?', $session);
    }

    /* The session of a nickname, or null. */
    public function find(string $nick): ?string
    {
        $session = $this->query('SELECT session FROM people WHERE nick = ?', $nick)->fetchColumn();
        return $session === false ? null : $session;
    }

    /* Return whether this is a change. */
    public function setStatus(string $session, string $status): bool
    {
        return $this->query('UPDATE people SET status = ? WHERE session = ? AND status <> ?',
            $status, $session, $status)->rowCount() > 0;
    }

    public function list(string $columns = 'nick, status'): array
    {
        return $this->query("SELECT $columns FROM people ORDER BY number")->fetchAll();
    }

    private function query(string $sql, ...$values): PDOStatement
    {
        $query = $this->db->prepare($sql);
        $query->execute($values);
        return $query;
    }
}

function isNick($value): bool
{
    return is_string($value) && preg_match('/^(?! )[^\x00-\x1f\x7f]{1,20}(?<! )$/Du', $value);
}

function isText($value): bool
{
    return is_string($value) && preg_match('/^.{1,1000}$/Dsu', $value);
}

function isPlace($value): bool
{
    return (is_int($value) || is_float($value)) && $value >= 0 && $value <= 1;
}

$people = new People(getenv('LOBBY_DB'));
$pollux = new Pollux(['secret' => getenv('POLLUX_SECRET')]);

/* A handler of those who have a nickname.  $checks say which arguments are well-formed. */
$named = fn (array $checks, callable $fn) => function ($ev, $io) use ($checks, $fn) {
    if (!isset($ev->data['nick'])) {
        return 'nameless';
    }
    foreach ($checks as $i => $check) {
        if (!$check($ev->args[$i] ?? null)) {
            return 'invalid';
        }
    }
    return $fn($ev, $io);
};
$setStatus = function (string $status, $ev, $io) use ($people) {
    if ($people->setStatus($ev->session, $status)) {
        $io->of('')->room('lobby')->emit('status', $ev->data['nick'], $status);
    }
};

$pollux->on('nickname', function ($ev, $io) use ($people) {
    [$nick] = $ev->args + [null];
    if (isset($ev->data['nick']) || !isNick($nick)) {
        return isset($ev->data['nick']) ? 'named' : 'invalid';
    }
    $error = $people->add($nick, $ev);
    if ($error !== null) {
        return $error;
    }
    $io->set('nick', $nick)->user($nick)->join('lobby');
    $io->broadcast->to('lobby')->emit('joined', $nick);
    return [null, ['nick' => $nick, 'members' => $people->list()]];
});

$pollux->on('members', $named([], fn () => [null, $people->list()]));

$pollux->on('say', $named(['isText'], function ($ev, $io) use ($setStatus) {
    $setStatus('here', $ev, $io);
    $io->broadcast->to('lobby')->emit('said', $ev->data['nick'], $ev->args[0]);
    return [null];
}));

/* Ask another client, and answer this one when that one has.  Should that one leave, its disconnect
 * answers, with $ifGone. */
$askAnother = function ($ev, $io, string $session, string $question, array $args, int $timeout,
    string $ifGone) {
    $later = $ev->ack === null ? null : $ev->later();
    $other = $io->session($session);
    if ($later !== null) {
        $other->set("waiting $later", $ifGone);
    }
    $ack = Pollux::ack($question, ['context' => $later, 'timeout' => $timeout]);
    $other->emit($question, ...$args, ...[$ack]);
};
$answerAnother = function ($ev, $io, ...$answer) {
    if ($ev->context !== null) {
        $io->del("waiting $ev->context")->answer($ev->context, ...$answer);
    }
};

$whisper = function ($ev, $io) use ($people, $setStatus, $askAnother) {
    [$nick, $text] = $ev->args;
    $session = $people->find($nick);
    if ($session === null) {
        return 'unknown';
    }
    $setStatus('here', $ev, $io);
    $askAnother($ev, $io, $session, 'private', [$ev->data['nick'], $text], 5000, 'undelivered');
};
$pollux->on('private', $named(['isNick', 'isText'], $whisper));
$pollux->onAck('private', function ($ev, $io) use ($answerAnother) {
    $answerAnother($ev, $io, $ev->timed_out ? 'undelivered' : null);
});

$pollux->on('check', $named(['isNick'], function ($ev, $io) use ($people, $askAnother) {
    $session = $people->find($ev->args[0]);
    if ($session === null) {
        return 'unknown';
    }
    $askAnother($ev, $io, $session, 'there', [], 2000, 'unknown');
}));
$pollux->onAck('there', function ($ev, $io) use ($setStatus, $answerAnother) {
    $status = $ev->timed_out ? 'away' : 'here';
    $setStatus($status, $ev, $io);
    $answerAnother($ev, $io, null, $status);
});

$pollux->on('cursor', $named(['isPlace', 'isPlace'], function ($ev, $io) {
    [$x, $y] = $ev->args;
    $io->broadcast->to('lobby')->volatile->emit('cursor', $ev->data['nick'], $x, $y);
}));

$pollux->on('disconnect', function ($ev, $io) use ($people) {
    $people->remove($ev->session);
    foreach ($ev->data as $key => $value) {
        if (strncmp($key, 'waiting ', 8) === 0) {
            $io->answer(substr($key, 8), $value);
        }
    }
    if (isset($ev->data['nick'])) {
        $io->broadcast->to('lobby')->emit('left', $ev->data['nick']);
    }
});

/* --- the staff ------------------------------------------------------------------------------ */

$pollux->authorize('/staff', function ($handshake) {
    $token = (string) getenv('LOBBY_STAFF');
    $given = Pollux::cookie($handshake, 'staff') ?? $handshake->query['staff'] ?? '';
    return $token !== '' && hash_equals($token, (string) $given);
});
$pollux->on('/staff', 'members', fn () => [null, $people->list('nick, status, session')]);
$pollux->on('/staff', 'kick', function ($ev, $io) use ($people) {
    $nick = $ev->args[0] ?? null;
    $session = isNick($nick) ? $people->find($nick) : null;
    if ($session === null) {
        return isNick($nick) ? 'unknown' : 'invalid';
    }
    $io->of('')->session($session)->disconnect('kicked');
    return [null];
});
$pollux->on('/staff', 'announce', function ($ev, $io) {
    if (!isText($ev->args[0] ?? null)) {
        return 'invalid';
    }
    $io->of('')->room('lobby')->emit('announcement', $ev->args[0]);
    return [null];
});

$pollux->run();

<?php

/* pollux.php: answer the web hook of a Pollux server, and publish to it.
 *
 * It is a single file and needs PHP 7.4 or newer with only the extensions json and hash.  Copy it
 * beside your script:
 *
 *	<?php
 *	require 'pollux.php';
 *	$pollux = new Pollux(['secret' => 'whsec_...']);
 *	$pollux->authorize(function ($handshake, $io) {
 *	    $user = user_of_session(Pollux::cookie($handshake, 'PHPSESSID'));
 *	    return $user ? ['accept' => true, 'user' => $user] : false;
 *	});
 *	$pollux->on('/chat', 'say', function ($ev, $io) {
 *	    $io->broadcast->to('lobby')->emit('said', $ev->data['nick'], $ev->args[0]);
 *	    return ['ok'];          // the ack to the client, if it asked for one
 *	});
 *	$pollux->run();
 *
 * and, anywhere else:
 *
 *	$pollux = new Pollux(['url' => 'http://127.0.0.1:8081/pollux/v1/', 'key' => '...']);
 *	$pollux->room('lobby')->emit('news', 1);
 *	foreach ($pollux->clients('lobby', ['nick']) as $client) {
 *	    echo $client['id'], $client['user'], $client['data']['nick'];
 *	}
 *
 * The actions of a handler, its calls on $io, are collected and sent in the reply: they take effect
 * together once the handler has returned, or, if it throws, not at all; the event is then moved
 * to hook_dead, and those beside it are handled.  docs/hook.md specifies the
 * wire format and describes all names; a name that begins with _ is our own business.
 * Licence: MIT. */

/* Any failure.  Of a request to the server, getCode() is the HTTP status, or 0 if there was no
 * answer. */
class PolluxError extends RuntimeException
{
    public ?string $reason = null;   // the server's word for it, 'bad_action' for example
    public ?int $retryAfter = null;  // seconds that the server asked us to wait
}

final class Pollux
{
    private const SKEW_S = 300;      // how far a timestamp may be from our clock, either way
    private const BODY_MAX = 4194304; // bytes of a request; a longer one is refused
    private const DEPTH_MAX = 1024;  // values are at most 512 deep, plus the request around them
    private const WAKE_MAX = 1024;   // the maximum number of processes of one Pollux
    private const QUIET_S = 60;      // requests that are refused are logged this often at most
    private const ERROR_MAX = 500;   // bytes of an error in a reply
    private const ANSWER_MAX = 67108864; // bytes of an answer of the server that are read
    private const RETRIED = [0, 429, 502, 503, 504]; // statuses after which a request is sent
                                     // again; 0: no answer
    private const RETRY_FIRST_S = 0.1; // the pause before the second attempt; then it doubles
    private const RETRY_MAX_S = 5.0; // but is not longer than this
    private const PAGE = 500;        // sessions that are asked for at a time
    private const PAGES_MAX = 10000; // of one list
    private const OF_NO_SESSION = ['tick', 'user_connect', 'user_disconnect']; // types of events
    private const OUR_NAMES = ['connection' => 'connect', 'connect' => 'connect',
        'disconnect' => 'disconnect', 'message' => 'message', 'json' => 'json', '*' => '*'];

    private array $options = [
        'secret' => null,            // 'whsec_...', or an array of them during a key rotation
        'assoc' => false,            // decode clients' JSON objects as arrays; {} then equals []
        'log' => null,               // function ($line), used instead of error_log()
        'url' => null,               // publish by HTTP: 'http://127.0.0.1:8081/pollux/v1/', or
                                     // through a socket: 'unix:/run/pollux/admin.sock'
        'key' => null,               // the key for it
        'timeout' => 5,              // seconds of an attempt
        'retry_for' => 10,           // seconds in which a request that found no server, or a busy
                                     // one, is sent again; 0: never
        'db' => null,                // or publish by SQL: the path of actions.db
    ];
    private array $secrets = [];     // as bytes
    private array $handlers = [];    // [namespace][kind]
    private array $authorizers = []; // [namespace]
    private $seen = null;            // ?callable

    public function __construct(array $options = [])
    {
        $unknown = array_diff_key($options, $this->options);
        if ($unknown) {
            throw new InvalidArgumentException('Pollux: unknown option: ' . key($unknown));
        }
        $this->options = $options + $this->options;
        foreach ((array) $this->options['secret'] as $secret) {
            $key = base64_decode(preg_replace('/^whsec_/', '', $secret), true);
            if ($key === false || $key === '') {
                throw new InvalidArgumentException(
                    'Pollux: a secret must be "whsec_" followed by base64');
            }
            $this->secrets[] = $key;
        }
    }

    /* --- handlers: fn($ev, $io), except for authorize --------------------------------------- */

    /* authorize([$ns,] $fn): 0.9's io.set('authorization', fn), called before a client gets a
     * session id; with a namespace, called when a client joins it.  fn($handshake, $io) returns
     * true, false or
     * ['accept' => bool, 'user' =>, 'data' => [], 'reason' =>, 'transports' => [], 'max_age' => s].
     * Without an authorizer every client is accepted. */
    public function authorize($ns, $fn = null): self
    {
        if ($fn === null) {
            [$ns, $fn] = ['', $ns];
        }
        $this->authorizers[self::_checkNs($ns)] = self::checkCallable($fn);
        return $this;
    }

    /* on([$ns,] $name, $fn): $name is the name of a client's event, or
     *	'connect' or 'connection', 'disconnect'    raised by the server, never by a client
     *	'message'                                  send(), and json.send() without handler
     *	'json'                                     json.send()
     *	'*'                                        events and messages without a handler
     * The return value of fn is the ack to the client: a list is its arguments, any other value its
     * only argument, and null or an $io mean no ack; [null] acks with null. */
    public function on($ns, $name, $fn = null): self
    {
        return $this->register('event', $ns, $name, $fn);
    }

    /* onAck([$ns,] $name, $fn): called with the client's answer to emit(..., Pollux::ack($name)),
     * send or json; $ev->timed_out if none came in time. */
    public function onAck($ns, $name, $fn = null): self
    {
        return $this->register('ack', $ns, $name, $fn);
    }

    /* onTimer([$ns,] $name, $fn): called when the time of after($ms, $name, $context) has come. */
    public function onTimer($ns, $name, $fn = null): self
    {
        return $this->register('timer', $ns, $name, $fn);
    }

    /* Called every [hook] tick seconds, for the whole deployment.  There is no session: $io needs a
     * target, $io->room('lobby') for example. */
    public function onTick(callable $fn): self
    {
        $this->handlers['']['tick'] = $fn;
        return $this;
    }

    /* Called when a user's first session is there: $ev->user, $ev->session.  $io needs a target,
     * $io->toUser($ev->user) for example. */
    public function onUserConnect(callable $fn): self
    {
        $this->handlers['']['user_connect'] = $fn;
        return $this;
    }

    /* Called when a user's last session is gone: $ev->user, $ev->session.  $io needs a target. */
    public function onUserDisconnect(callable $fn): self
    {
        $this->handlers['']['user_disconnect'] = $fn;
        return $this;
    }

    private function register(string $kind, $ns, $name, $fn): self
    {
        if ($fn === null) {
            [$ns, $name, $fn] = ['', $ns, $name];
        }
        $isOurs = $kind === 'event' && isset(self::OUR_NAMES[$name]);
        $key = $isOurs ? self::OUR_NAMES[$name] : "$kind $name";
        $this->handlers[self::_checkNs($ns)][$key] = self::checkCallable($fn);
        return $this;
    }

    /* Handle events that come twice, because our first reply was lost, only once.  fn($id) returns
     * the reply stored under this id, or null: then the handler runs, and fn($id, $reply) must
     * store its reply, a string, for at least an hour. */
    public function seen(callable $fn): self
    {
        $this->seen = $fn;
        return $this;
    }

    public static function _checkNs($ns): string
    {
        if (!is_string($ns) || ($ns !== '' && $ns[0] !== '/')) {
            throw new InvalidArgumentException('Pollux: a namespace must be "" or begin with "/"');
        }
        return $ns;
    }

    private static function checkCallable($fn): callable
    {
        if (!is_callable($fn)) {
            throw new InvalidArgumentException('Pollux: a handler must be callable');
        }
        return $fn;
    }

    /* --- the hook --------------------------------------------------------------------------- */

    /* Answer the request that PHP is serving.  Output of the handlers goes to the log. */
    public function run(): void
    {
        http_response_code(500); // after a fatal error or an exit the server shall retry
        ob_start();
        $headers = [];
        foreach ($_SERVER as $name => $value) {
            if (strncmp($name, 'HTTP_', 5) === 0) {
                $headers[strtr(substr($name, 5), '_', '-')] = $value;
            }
        }
        $body = file_get_contents('php://input', false, null, 0, self::BODY_MAX + 1);
        [$status, $headers, $body] = $this->handle($_SERVER['REQUEST_METHOD'], $headers, $body);
        $printed = '';
        while (ob_get_level() > 0 && ($text = @ob_get_clean()) !== false) {
            $printed = $text . $printed;
        }
        if ($printed !== '') {
            $this->log('a handler printed: ' . substr($printed, 0, 1000));
        }
        http_response_code($status);
        foreach ($headers as $name => $value) {
            header("$name: $value");
        }
        echo $body;
    }

    /* The same without PHP's globals, for frameworks and tests.  Header names may have any case.
     * Return [status, [name => value], body]. */
    public function handle(string $method, array $headers, string $body): array
    {
        try {
            $headers = array_change_key_case($headers);
            $request = $this->read($method, $headers, $body);
        } catch (PolluxError $e) {
            if ($e->getCode() === 401 && isset($headers['webhook-signature'])) {
                $this->logRefusal($e->getMessage());
            }
            return self::text($e->getCode(), $e->getMessage());
        }
        if (isset($headers['x-pollux-last-error'])) {
            $this->log('an earlier reply was wrong: ' . $headers['x-pollux-last-error']);
        }
        try {
            return $request['hook'] === 'authorize' ?
                $this->answerAuthorize($request) : $this->answerEvents($request);
        } catch (Throwable $e) {
            $this->log(self::errorText($e));
            return self::text(500, 'the handler failed');
        }
    }

    /* Check the signature as Standard Webhooks specifies: by one of our secrets, and recent.
     * Header names must be in lower case.  Throw a PolluxError with code 401 if it is invalid. */
    public function verify(array $headers, string $body, ?int $now = null): void
    {
        $given = [];
        foreach (['webhook-id', 'webhook-timestamp', 'webhook-signature'] as $name) {
            if (!isset($headers[$name]) || $headers[$name] === '') {
                throw new PolluxError('no signature', 401);
            }
            $given[] = $headers[$name];
        }
        [$id, $time, $signatures] = $given;
        $valid = false;
        foreach ($this->secrets as $secret) {
            $mac = hash_hmac('sha256', "$id.$time.$body", $secret, true);
            $wanted = 'v1,' . base64_encode($mac);
            foreach (explode(' ', $signatures) as $signature) {
                $valid = hash_equals($wanted, $signature) || $valid;
            }
        }
        if (!$valid) {
            throw new PolluxError('wrong signature', 401);
        }
        if (!preg_match('/^[0-9]{1,12}$/D', $time) ||
            abs(($now === null ? time() : $now) - (int) $time) > self::SKEW_S) {
            throw new PolluxError('stale timestamp', 401);
        }
    }

    private static function errorText($e)
    {
        return get_class($e) . ': ' . $e->getMessage() . ' in ' . $e->getFile() . ':' .
            $e->getLine();
    }

    /* Of a request that says it is Pollux's.  Anybody may send us such, as many as he likes: log
     * them once a minute.  PHP forgets everything between two requests, so the time of the last
     * line is that of a file. */
    private function logRefusal(string $why): void
    {
        $mark = sys_get_temp_dir() . '/pollux-401-' . md5(__FILE__ . getmyuid());
        clearstatcache(true, $mark);
        if (is_file($mark) && @filemtime($mark) > time() - self::QUIET_S) {
            return;
        }
        if (!is_link($mark)) {
            @touch($mark);
        }
        $this->log("refused: $why (is the secret that of [hook] secret, and are both clocks " .
            'right?); others within a minute are not logged');
    }

    /* Check the request and return it as an array. */
    private function read(string $method, array $headers, string $body): array
    {
        if ($method !== 'POST') {
            throw new PolluxError('POST only', 405);
        }
        if (strlen($body) > self::BODY_MAX) {
            throw new PolluxError('too long', 413);
        }
        if (!$this->secrets) {
            $this->log('new Pollux() needs the option "secret" to answer the hook');
            throw new PolluxError('no secret is configured', 500);
        }
        $this->verify($headers, $body);
        $request = self::_map($this->decode($body));
        $hook = $request['hook'] ?? null;
        $isRight = $hook === 'authorize' ? isset($request['handshake']) :
            $hook === 'events' && is_array($request['events'] ?? null);
        if (($request['v'] ?? 0) !== 1 || !$isRight) {
            throw new PolluxError('not a request of Pollux 1', 400);
        }
        return $request;
    }

    private static function text(int $status, string $text): array
    {
        $headers = ['Content-Type' => 'text/plain; charset=utf-8'];
        return [$status, $status === 405 ? $headers + ['Allow' => 'POST'] : $headers, "$text\n"];
    }

    private function answerAuthorize(array $request): array
    {
        $h = new PolluxHandshake($request);
        if (!isset($this->authorizers[$h->ns])) {
            return [204, [], ''];
        }
        $actions = [];
        $verdict = call_user_func($this->authorizers[$h->ns], $h, self::collector($actions, $h));
        if (!is_array($verdict)) {
            $verdict = ['accept' => $verdict === true];
        }
        $known = ['accept' => 1, 'user' => 1, 'data' => 1, 'reason' => 1, 'transports' => 1,
            'max_age' => 1];
        $unknown = array_diff_key($verdict, $known);
        if ($unknown || !isset($verdict['accept']) || !is_bool($verdict['accept'])) {
            throw new PolluxError($unknown ? 'authorize: unknown key "' . key($unknown) . '"' :
                'authorize: "accept" must be true or false');
        }
        $headers = ['Content-Type' => 'application/json'];
        if (isset($verdict['max_age'])) {
            $headers['Cache-Control'] = 'max-age=' . (int) $verdict['max_age'];
        }
        unset($verdict['max_age']);
        if (isset($verdict['user'])) {
            $verdict['user'] = (string) $verdict['user'];
        }
        if (isset($verdict['data'])) {
            $verdict['data'] = (object) $verdict['data'];
        }
        if ($actions) {
            $verdict['actions'] = $actions;
        }
        return [200, $headers, self::_encode($verdict)];
    }

    private function answerEvents(array $request): array
    {
        $results = [];
        $changes = []; // [session]: changes to data and user, which later events of the request see
        foreach ($request['events'] as $event) {
            $event = self::_map($event);
            if (!isset($event['id'], $event['type'])) {
                continue;
            }
            $ev = new PolluxEvent($event, $request['node'] ?? '', $request['epoch'] ?? '');
            if (isset($changes[$ev->session])) {
                $ev->_change($changes[$ev->session]);
            }
            $reply = $this->seen ? call_user_func($this->seen, $ev->id) : null;
            if (!is_string($reply)) {
                try {
                    $reply = $this->answerEvent($ev);
                } catch (Throwable $e) { // it costs this event, not those beside it
                    $error = self::errorText($e);
                    $this->log("the handler of {$ev->_describe()} of \"$ev->ns\" failed: $error");
                    $results[] = ['id' => $ev->id, 'error' => self::cut($error)];
                    continue;
                }
                if ($this->seen) {
                    call_user_func($this->seen, $ev->id, $reply);
                }
            }
            if ($reply !== '') {
                $results[] = new PolluxRaw($reply);
                $this->noteChanges($changes, $ev->session, $reply);
            }
        }
        if (!$results) {
            return [204, [], ''];
        }
        $body = self::_encode(['results' => $results]);
        return [200, ['Content-Type' => 'application/json'], $body];
    }

    /* Not longer than ERROR_MAX, and UTF-8, whatever a message holds. */
    private static function cut(string $text): string
    {
        $text = substr($text, 0, self::ERROR_MAX);
        return preg_match('//u', $text) ? $text : preg_replace('/[^\x20-\x7e]+/', '?', $text);
    }

    /* Return the result of one event as JSON, or '' if it needs none. */
    private function answerEvent(PolluxEvent $ev): string
    {
        $fn = $this->handlerFor($ev);
        if ($fn === null) {
            return '';
        }
        $actions = [];
        $result = ['id' => $ev->id];
        $value = call_user_func($fn, $ev, self::collector($actions, $ev, $ev->ack));
        if ($value instanceof PolluxTarget) { // as fn ($ev, $io) => $io->emit(...) returns
            $value = null;
        }
        if ($value !== null && $ev->ack !== null) {
            $result['ack'] = is_array($value) && self::isList($value) ? $value : [$value];
        }
        if ($actions) {
            $result['actions'] = $actions;
        }
        return count($result) === 1 ? '' : self::_encode($result);
    }

    private function handlerFor(PolluxEvent $ev): ?callable
    {
        $kinds = [
            'connect' => ['connect'],
            'disconnect' => ['disconnect'],
            'message' => ['message', '*'],
            'json' => ['json', 'message', '*'],
            'event' => ["event $ev->name", '*'],
            'ack' => ["ack $ev->name"],
            'timer' => ["timer $ev->name"],
            'tick' => ['tick'],
            'user_connect' => ['user_connect'],
            'user_disconnect' => ['user_disconnect'],
        ][$ev->type] ?? []; // none: a type of a later version
        foreach ($kinds as $kind) {
            if (isset($this->handlers[$ev->ns][$kind])) {
                return $this->handlers[$ev->ns][$kind];
            }
        }
        return null;
    }

    /* Return the $io of a handler. */
    private static function collector(array &$actions, $of, $ack = null): PolluxTarget
    {
        $add = function (string $action) use (&$actions): void {
            $actions[] = new PolluxRaw($action);
        };
        $isOfNone = in_array($of->type ?? '', self::OF_NO_SESSION, true);
        return new PolluxTarget($add, $of->ns, $isOfNone ? null : $of->session, $ack);
    }

    /* Of single sessions: who else a target reaches is known to the server only. */
    private function noteChanges(array &$changes, ?string $session, string $reply): void
    {
        $result = self::_map($this->decode($reply));
        foreach ($result['actions'] ?? [] as $action) {
            $action = self::_map($action);
            if (in_array($action['do'], ['set', 'del', 'user'], true) && !isset($action['to'])) {
                $changes[$action['session'] ?? $session][] = $action;
            }
        }
    }

    private function log(string $line): void
    {
        if ($this->options['log']) {
            call_user_func($this->options['log'], $line);
        } else {
            error_log("pollux: $line");
        }
    }

    /* --- publishing: each call is sent at once ---------------------------------------------- */

    /* All sessions, which are all in the default namespace. */
    public function all(): PolluxTarget
    {
        return $this->of('');
    }

    /* All sessions in the namespace; of('/chat')->room('lobby') is a room in it. */
    public function of(string $ns): PolluxTarget
    {
        return $this->target()->of($ns);
    }

    public function room($room): PolluxTarget
    {
        return $this->target()->room($room);
    }

    public function session($id): PolluxTarget
    {
        return $this->target()->session($id);
    }

    /* All sessions of the user. */
    public function toUser($user): PolluxTarget
    {
        return $this->target()->toUser($user);
    }

    /* Ack what a client said: $later is $ev->later() of that event. */
    public function answer(string $later, ...$args): void
    {
        $this->target()->answer($later, ...$args);
    }

    /* Send the actions of fn($io) in one request, of which all or none are executed.  Return the
     * server's answer. */
    public function batch(callable $fn, ?string $idempotencyKey = null): array
    {
        $actions = [];
        $add = function (string $action) use (&$actions): void {
            $actions[] = $action;
        };
        $fn(new PolluxTarget($add, ''));
        return $this->push($actions, $idempotencyKey);
    }

    /* Send actions in the form of docs/hook.md: [['do' => 'emit', 'to' => ..., ...], ...]. */
    public function publish(array $actions, ?string $idempotencyKey = null): array
    {
        return $this->push(array_map([self::class, '_encode'], $actions), $idempotencyKey);
    }

    private function target(): PolluxTarget
    {
        return new PolluxTarget(fn (string $action) => $this->push([$action], null), '');
    }

    private function push(array $actions, ?string $idempotencyKey): array
    {
        if (!$actions) {
            return ['ok' => true, 'actions' => 0];
        }
        if ($this->options['url'] !== null) {
            /* with a key an attempt whose answer was lost can be repeated: it is done once */
            $key = self::checkToken($idempotencyKey ?? bin2hex(random_bytes(16)));
            $answer = $this->request('POST', 'actions', '[' . implode(',', $actions) . ']',
                ["Idempotency-Key: $key"]);
            if (!isset($answer['ok'])) {
                throw new PolluxError($this->options['url'] . ': not an answer of Pollux', 200);
            }
            if (isset($answer['error'])) { // of sessions at a limit, when the rest was done
                $answer['error'] = self::_map($answer['error']);
            }
            return $answer;
        }
        if ($this->options['db'] === null) {
            throw new PolluxError('publishing needs the option "url" or "db"');
        }
        if ($idempotencyKey !== null) {
            throw new PolluxError('an idempotency key works only with "url"');
        }
        $this->insert($actions);
        return ['ok' => true, 'actions' => count($actions)];
    }

    /* --- who is there: by HTTP, with a key of the scope "read" ------------------------------ */

    /* The sessions in a namespace, or in a room of it, $limit of them at most: each an array with
     * 'id', 'user', 'transport', 'namespaces' ..., and with 'data', the values of these keys. */
    public function clients(
        $room = null,
        array $keys = [],
        string $ns = '',
        ?int $limit = null
    ): Generator {
        $query = ['ns' => self::_checkNs($ns), 'room' => $room];
        return $this->pages('sessions', $query + self::data($keys), $limit);
    }

    /* All rooms, or those that a session is in: arrays with 'ns', 'room' and 'sessions'; where
     * 'room' is null, the namespace itself.  With $ns, only those of this namespace. */
    public function rooms($session = null, ?string $ns = null): array
    {
        $query = self::query(['session' => $session, 'ns' => $ns]);
        $answer = $this->request('GET', "rooms$query");
        $rooms = array_map([self::class, '_map'], $answer['rooms'] ?? []);
        $isAsked = fn (array $room) => $ns === null || $room['ns'] === $ns;
        return array_values(array_filter($rooms, $isAsked));
    }

    /* The users who have a session: arrays with 'user' and 'sessions', their number. */
    public function users(?int $limit = null): Generator
    {
        return $this->pages('users', [], $limit);
    }

    /* One user: an array with 'user' and 'sessions', a list of arrays as those of clients(). */
    public function user($user, array $keys = []): array
    {
        $query = self::query(self::data($keys));
        $answer = $this->request('GET', 'users/' . rawurlencode((string) $user) . $query);
        $answer['sessions'] = array_map([self::class, 'clientOf'], $answer['sessions'] ?? []);
        return $answer;
    }

    /* One session, as those of clients(); null if it has ended. */
    public function client($session, array $keys = []): ?array
    {
        $query = self::query(self::data($keys));
        $path = 'sessions/' . rawurlencode((string) $session) . $query;
        try {
            return self::clientOf($this->request('GET', $path));
        } catch (PolluxError $e) {
            if ($e->reason !== 'unknown_session') {
                throw $e;
            }
            return null;
        }
    }

    private function pages(string $path, array $query, ?int $limit): Generator
    {
        $left = $limit ?? PHP_INT_MAX;
        $after = null;
        for ($n = 0; $n < self::PAGES_MAX && $left > 0; $n++) {
            $asked = $query + ['limit' => min($left, self::PAGE), 'after' => $after];
            $page = $this->request('GET', $path . self::query($asked));
            foreach ($page[$path] ?? [] as $item) {
                yield self::clientOf($item);
                $left--;
            }
            $after = $page['next'] ?? null;
            if ($after === null) {
                return;
            }
        }
        if ($left > 0) {
            throw new PolluxError($this->options['url'] . ": $path does not end");
        }
    }

    /* A session, or a user, with its values by name, whatever the option "assoc" is. */
    private static function clientOf($item): array
    {
        $client = self::_map($item);
        if (isset($client['data'])) {
            $client['data'] = self::_map($client['data']);
        }
        return $client;
    }

    /* The field of a query that names values. */
    private static function data(array $keys): array
    {
        foreach ($keys as $key) {
            if (strpos((string) $key, ',') !== false) {
                throw new PolluxError('keys: a comma separates them, so none may be in one');
            }
        }
        return $keys ? ['data' => implode(',', $keys)] : [];
    }

    /* Those that are not null, as the query of a URL. */
    private static function query(array $fields): string
    {
        $given = array_filter($fields, fn ($value) => $value !== null);
        return $given ? '?' . http_build_query($given) : '';
    }

    /* --- requests to the server ------------------------------------------------------------- */

    /* Return the answer.  Send the request again while the server is not there or busy. */
    private function request(
        string $method,
        string $path,
        string $body = '',
        array $headers = []
    ): array {
        $url = $this->options['url'];
        if ($url === null) {
            throw new PolluxError('asking the server needs the option "url"');
        }
        if (!preg_match('/^(https?:\/\/[^\/]|unix:)/i', $url)) {
            throw new PolluxError("$url: the URL must begin with http:, https: or unix:");
        }
        if (!ini_get('allow_url_fopen')) {
            throw new PolluxError("$url: php.ini must have allow_url_fopen = 1");
        }
        $headers[] = 'Content-Type: application/json';
        $headers[] = 'Connection: close';
        if ($this->options['key'] !== null) { // two headers, because mod_fcgid drops the first
            $headers[] = 'Authorization: Bearer ' . self::checkToken($this->options['key']);
            $headers[] = 'X-API-Key: ' . $this->options['key'];
        }
        $http = ['method' => $method, 'content' => $body, 'header' => $headers,
            'timeout' => $this->options['timeout'], 'ignore_errors' => true,
            'follow_location' => 0];
        $deadline = microtime(true) + $this->options['retry_for'];
        for ($pause = self::RETRY_FIRST_S;; $pause = min(2 * $pause, self::RETRY_MAX_S)) {
            try {
                return $this->attempt($http, $path);
            } catch (PolluxError $e) {
                $wait = $e->retryAfter ?? $pause * random_int(500, 1000) / 1000;
                $isRetried = in_array($e->getCode(), self::RETRIED, true);
                if (!$isRetried || microtime(true) + $wait >= $deadline) {
                    throw $e;
                }
            }
            usleep((int) ($wait * 1e6));
        }
    }

    private function attempt(array $http, string $path): array
    {
        $url = rtrim($this->options['url'], '/') . "/$path";
        if (strncmp($url, 'unix:', 5) === 0) {
            $http['proxy'] = 'unix://' . substr($this->options['url'], 5);
            $url = "http://localhost/pollux/v1/$path";
        }
        error_clear_last();
        $stream = @fopen($url, 'r', false, stream_context_create(['http' => $http]));
        if ($stream === false) {
            $error = error_get_last();
            $why = $error['message'] ?? 'no answer';
            throw new PolluxError($this->options['url'] . ": $why");
        }
        $head = stream_get_meta_data($stream)['wrapper_data'];
        $body = stream_get_contents($stream, self::ANSWER_MAX);
        fclose($stream);
        $length = self::header($head, 'Content-Length');
        if ($length !== null && strlen($body) < $length) {
            throw new PolluxError($this->options['url'] . ': the connection broke');
        }
        $status = preg_match('/^HTTP\/\S+ ([0-9]{3})/', $head[0], $found) ? (int) $found[1] : 0;
        try {
            $answer = self::_map($this->decode($body));
        } catch (PolluxError $e) {
            $answer = [];
        }
        if ($status === 200 && $answer) {
            return $answer;
        }
        $why = array_filter(self::_map($answer['error'] ?? null), 'is_scalar');
        $text = implode(': ', [$this->options['url'], $head[0], ...array_values($why)]);
        $e = new PolluxError($text, $status);
        $e->reason = $why['code'] ?? null;
        $e->retryAfter = self::header($head, 'Retry-After');
        throw $e;
    }

    /* The value of a header that is a number, or null. */
    private static function header(array $head, string $name): ?int
    {
        $lines = preg_grep("/^$name: *[0-9]{1,9} *$/iD", $head);
        return $lines ? (int) trim(substr(reset($lines), strlen($name) + 1)) : null;
    }

    private static function checkToken(string $token): string
    {
        if (!preg_match('/^[\x21-\x7e]{1,255}$/D', $token)) {
            throw new PolluxError('a key must be 1 to 255 ASCII characters without spaces');
        }
        return $token;
    }

    private function insert(array $actions): void
    {
        $path = $this->options['db'];
        if (!is_file($path)) { // PDO would create it
            throw new PolluxError("$path: no such database");
        }
        try {
            $db = new PDO("sqlite:$path", null, null, [
                PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION,
                PDO::ATTR_TIMEOUT => (int) ceil($this->options['timeout'])]);
            $db->exec('PRAGMA synchronous = NORMAL'); // safe in WAL mode, and no wait for the disk
            $db->exec('BEGIN IMMEDIATE');
            $insert = $db->prepare('INSERT INTO action_in(json) VALUES (?)');
            foreach ($actions as $action) {
                $insert->execute([$action]);
            }
            $db->exec('COMMIT');
        } catch (PDOException $e) {
            throw new PolluxError("$path: " . $e->getMessage(), 0, $e);
        }
        self::wake(dirname($path));
    }

    /* Wake the processes of the data folder.  Where PHP cannot, they look within 100 ms. */
    private static function wake(string $folder): void
    {
        if (!in_array('udg', stream_get_transports(), true)) {
            return;
        }
        $names = preg_grep('/^wake\./', scandir($folder));
        foreach (array_slice($names, 0, self::WAKE_MAX) as $name) {
            $socket = @stream_socket_client("udg://$folder/$name", $errno, $error, 1);
            if ($socket !== false) { // false: its process is gone
                stream_set_blocking($socket, false);
                @fwrite($socket, 'w');
                fclose($socket);
            }
        }
    }

    /* --- values ----------------------------------------------------------------------------- */

    /* JSON text that is sent unchanged: Pollux::raw('1.10'), which PHP would write as 1.1. */
    public static function raw(string $json): PolluxRaw
    {
        json_decode($json, true, self::DEPTH_MAX);
        if (!in_array(json_last_error(), [JSON_ERROR_NONE, JSON_ERROR_UTF16], true)) {
            throw new PolluxError('raw: not JSON');
        }
        return new PolluxRaw($json);
    }

    /* The last argument of emit(), send() or json(): ask the client for an answer, which calls
     * onAck($name).  $options: 'context', any value, which is then $ev->context; 'timeout',
     * milliseconds after which $ev->timed_out. */
    public static function ack($name, array $options = []): PolluxAck
    {
        return new PolluxAck($name, $options);
    }

    /* Return the value of a cookie of the handshake, without quotes around it, or null.  %XX in it is
     * decoded, as in $_COOKIE. */
    public static function cookie(PolluxHandshake $handshake, string $name): ?string
    {
        $header = $handshake->headers['cookie'] ?? '';
        foreach (explode(';', $header) as $pair) {
            $pair = explode('=', trim($pair), 2);
            if (count($pair) === 2 && $pair[0] === $name) {
                return urldecode(preg_replace('/^"(.*)"$/', '$1', $pair[1]));
            }
        }
        return null;
    }

    /* Write JSON as JSON.stringify() would.  json_encode() fails on infinity, which a client's
     * 1E400 is decoded to, and does not support PolluxRaw. */
    public static function _encode($value): string
    {
        if ($value instanceof PolluxRaw) {
            return $value->json;
        }
        if ($value instanceof JsonSerializable) {
            return self::_encode($value->jsonSerialize());
        }
        if (is_array($value) && self::isList($value)) {
            $items = [];
            foreach ($value as $item) {
                $items[] = self::_encode($item);
            }
            return '[' . implode(',', $items) . ']';
        }
        if (is_array($value) || $value instanceof stdClass) {
            $items = [];
            foreach ($value as $key => $item) {
                $items[] = self::_encode((string) $key) . ':' . self::_encode($item);
            }
            return '{' . implode(',', $items) . '}';
        }
        if (is_float($value) && !is_finite($value)) {
            return 'null';
        }
        $flags = JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_PRESERVE_ZERO_FRACTION |
            JSON_INVALID_UTF8_SUBSTITUTE; // for text cut within a character
        $json = json_encode($value, $flags);
        if ($json === false) {
            throw new PolluxError('cannot be written as JSON: ' . json_last_error_msg());
        }
        return $json;
    }

    private static function isList(array $value): bool
    {
        $next = 0;
        foreach ($value as $key => $unused) {
            if ($key !== $next++) {
                return false;
            }
        }
        return true;
    }

    /* Decode a request.  json_decode() rejects half a surrogate pair, and an object key that begins
     * with NUL.  Replace both by U+FFFD, so that one client cannot break the request for the others
     * in it. */
    private function decode(string $json)
    {
        $value = json_decode($json, $this->options['assoc'], self::DEPTH_MAX);
        $error = json_last_error();
        if ($error === JSON_ERROR_UTF16 || $error === JSON_ERROR_INVALID_PROPERTY_NAME) {
            $value = json_decode(self::repair($json), $this->options['assoc'], self::DEPTH_MAX);
            $error = json_last_error();
        }
        if ($error !== JSON_ERROR_NONE) {
            throw new PolluxError('not JSON: ' . json_last_error_msg(), 400);
        }
        return $value;
    }

    private static function repair(string $json): string
    {
        $json = preg_replace('/"\\\\u0000((?:[^"\\\\]++|\\\\.)*+"\s*+:)/', '"\\ufffd$1', $json);
        return preg_replace_callback(
            '/\\\\u(?:d[89ab]..\\\\u(d[c-f]..)|d[89a-f]..)|\\\\./i',
            function ($found) {
                $isHalf = strlen($found[0]) === 6 && !isset($found[1]);
                return $isHalf ? '\\ufffd' : $found[0];
            },
            $json
        );
    }

    /* Return an object as an array, with its values unchanged; anything else becomes []. */
    public static function _map($value): array
    {
        $map = [];
        if (is_object($value) || is_array($value)) {
            foreach ($value as $key => $item) {
                $map[$key] = $item;
            }
        }
        return $map;
    }
}

/* handshakeData of 0.9, as authorize() gets it. */
final class PolluxHandshake
{
    public string $session;          // public id that the session will have
    public string $ns;               // '' or the namespace that the client wants to join
    public ?string $user;            // the session's user, if already set; or null
    public array $data;              // [key => value] of the session
    public array $headers;           // ['cookie' => ...]: those that the configuration lists
    public array $query;             // ['token' => ...]
    public array $address;           // ['address' => '203.0.113.9', 'port' => 51234]
    public ?string $time;            // 'Mon Nov 23 2026 04:17:19 GMT'
    public ?int $issued;             // the same in milliseconds since 1970
    public ?bool $xdomain;           // true: from a page of another origin
    public ?bool $secure;            // true: by https
    public ?string $url;             // '/socket.io/1/?t=1'

    public function __construct(array $request)
    {
        $h = Pollux::_map($request['handshake']);
        $this->session = $request['session'] ?? '';
        $this->ns = $request['ns'] ?? '';
        $this->user = $request['user'] ?? null;
        $this->data = Pollux::_map($request['data'] ?? []);
        foreach (['headers', 'query', 'address'] as $name) {
            $this->$name = Pollux::_map($h[$name] ?? []);
        }
        foreach (['time', 'issued', 'xdomain', 'secure', 'url'] as $name) {
            $this->$name = $h[$name] ?? null;
        }
    }
}

/* One event, as handlers get it. */
final class PolluxEvent
{
    private const SHOWN_MAX = 80;    // bytes of a name in the log

    public string $id;               // the same if the event comes twice
    public ?int $time = null;        // milliseconds since 1970
    public string $type;             // connect disconnect event message json ack timer tick
                                     // user_connect user_disconnect
    public ?string $session = null;  // public id of the session; null: of a tick
    public string $ns = '';
    public ?string $user = null;     // set by authorize() or $io->user(); or null
    public array $data = [];         // [key => value], set by $io->set()
    public ?string $name = null;     // of an event, ack or timer
    public array $args = [];         // its arguments; for a message, [text] or [value]
    public $ack = null;              // not null: the client waits for an answer
    public ?string $text = null;     // of a message; null for a json
    public $value = null;            // of a json
    public $context = null;          // of an ack or timer: what was given with it
    public bool $timed_out = false;  // of an ack: none came in time
    public ?string $transport = null; // of connect: 'websocket', 'xhr-polling' ...
    public ?string $query = null;    // of connect: 'a=1' of io.connect('/chat?a=1')
    public ?string $reason = null;   // of disconnect
    public string $node;             // that has the session
    public string $epoch;            // when it changes, the node's earlier sessions are gone, and
                                     // there was no disconnect

    public function __construct(array $event, string $node, string $epoch)
    {
        foreach (['id', 'time', 'type', 'session', 'ns', 'user', 'name', 'args', 'ack', 'text',
            'value', 'context', 'timed_out', 'transport', 'query', 'reason'] as $name) {
            if (isset($event[$name])) {
                $this->$name = $event[$name];
            }
        }
        if (is_float($this->ack)) { // beyond PHP's integers, where no honest client counts to
            $this->ack = null;
        }
        $this->node = $node;
        $this->epoch = $epoch;
        $this->data = Pollux::_map($event['data'] ?? []);
        if ($this->type === 'event' && $this->name === 'message') {
            $this->becomeMessage();
        } elseif ($this->type === 'message') {
            $this->args = [$this->text];
        } elseif ($this->type === 'json') {
            $this->args = [$this->value];
        }
    }

    /* A text by which the client's ack can be sent at any later time, as long as its session lives:
     * by answer($later, ...) of an $io or of a Pollux, or by any other program.  Keep it and return
     * null. */
    public function later(): string
    {
        if ($this->ack === null) {
            throw new PolluxError('later: the client wants no ack');
        }
        return "$this->session:$this->ack:$this->ns";
    }

    /* A 0.9 server treats socket.emit('message', x) like send(x). */
    private function becomeMessage(): void
    {
        $first = $this->args[0] ?? null;
        $this->type = is_string($first) ? 'message' : 'json';
        if (is_string($first)) {
            $this->text = $first;
        } else {
            $this->value = $first;
        }
    }

    /* The event, for the log, in one line: a client may have chosen its name. */
    public function _describe(): string
    {
        return $this->name === null ? $this->type :
            "$this->type " . Pollux::_encode(substr($this->name, 0, self::SHOWN_MAX));
    }

    /* Apply changes by earlier events of the same request. */
    public function _change(array $actions): void
    {
        foreach ($actions as $action) {
            if ($action['do'] === 'user') {
                $this->user = $action['user'];
            } elseif ($action['do'] === 'set') {
                $this->data[$action['key']] = $action['value'];
            } else {
                unset($this->data[$action['key']]);
            }
        }
    }
}

/* A target and the actions on it.  A handler's $io is the session itself; other targets are made
 * from it and can be used any number of times:
 *
 *	$io->emit('hi', 1, 2)                       the session
 *	$io->broadcast->emit(...)                   the namespace, except the session
 *	$io->broadcast->to('lobby')->emit(...)      the room, except the session
 *	$io->room('lobby')->emit(...)               all sessions in the room
 *	$io->of('/news')->emit(...)                 all sessions in the namespace
 *	$io->of('/news')->room('x')->except($id)->volatile->emit(...)
 *	$io->session($id)->join('x')                another session, in the same namespace
 *	$io->toUser('42')->mailbox(3600)->send('hello')
 *	                                            all sessions of a user, or the next one
 *
 * Where an event is of no session (a tick, users), and in batch(), $io needs one of these.
 *
 * @property-read PolluxTarget $broadcast
 * @property-read PolluxTarget $volatile dropped for sessions without an open transport */
final class PolluxTarget
{
    private $add;                    // function ($action), takes JSON text
    private string $home;            // the namespace of the event being handled
    private ?string $self;           // its session; null: no event, or one of no session
    private $ackId;                  // null: its client wants no ack
    private string $ns;
    private ?array $to = null;       // ['session' => id], ['room' => name], ['user' => name], [];
                                     // null: none was chosen
    private array $except = [];
    private bool $isVolatile = false;
    private ?int $mailbox = null;    // seconds

    public function __construct(callable $add, string $ns, ?string $session = null, $ackId = null)
    {
        $this->add = $add;
        $this->home = $ns;
        $this->self = $session;
        $this->ackId = $ackId;
        $this->ns = $ns;
        if ($session !== null) {
            $this->to = ['session' => $session];
        }
    }

    /* --- targets ---------------------------------------------------------------------------- */

    public function of(string $ns): self
    {
        return $this->with(['ns' => Pollux::_checkNs($ns), 'to' => [], 'except' => [],
            'mailbox' => null]);
    }

    public function all(): self
    {
        return $this->of('');
    }

    public function room($room): self
    {
        return $this->with(['to' => ['room' => (string) $room], 'mailbox' => null]);
    }

    public function to($room): self
    {
        return $this->room($room);
    }

    public function session($id): self
    {
        return $this->with(
            ['to' => ['session' => (string) $id], 'except' => [], 'mailbox' => null]);
    }

    public function toUser($user): self
    {
        return $this->with(['to' => ['user' => (string) $user], 'mailbox' => null]);
    }

    public function except(string ...$sessions): self
    {
        return $this->with(['except' => array_merge($this->except, $sessions)]);
    }

    /* What is sent to a user who is away is kept for this long, for the next connection. */
    public function mailbox(int $seconds): self
    {
        if (!isset($this->to['user'])) {
            throw new PolluxError('mailbox: needs toUser()');
        }
        return $this->with(['mailbox' => $seconds]);
    }

    public function __get(string $name): self
    {
        if ($name === 'volatile') {
            return $this->with(['isVolatile' => true]);
        }
        if ($name === 'broadcast' && $this->self !== null) {
            return $this->with(['to' => [], 'except' => [$this->self], 'mailbox' => null]);
        }
        throw new PolluxError($name === 'broadcast' ? 'broadcast: needs the $io of a handler' :
            "no such property: $name");
    }

    private function with(array $changes): self
    {
        $copy = clone $this;
        foreach ($changes as $name => $value) {
            $copy->$name = $value;
        }
        return $copy;
    }

    /* --- messages --------------------------------------------------------------------------- */

    /* The last argument may be Pollux::ack('name'): ask the client, or each of them, to answer. */
    public function emit($name, ...$args): self
    {
        $ack = end($args) instanceof PolluxAck ? array_pop($args) : null;
        return $this->say('emit', ['name' => (string) $name, 'args' => $args], $ack);
    }

    /* With an ack, the client itself answers when the message has arrived. */
    public function send($text, ?PolluxAck $ack = null): self
    {
        return $this->say('send', ['text' => (string) $text], $ack);
    }

    public function json($value, ?PolluxAck $ack = null): self
    {
        return $this->say('json', ['value' => $value], $ack);
    }

    /* Send the ack before the actions that follow; a handler that does not care returns it instead.
     * Only the first ack is sent. */
    public function ack(...$args): self
    {
        return $this->ackId === null ? $this :
            $this->add(['do' => 'ack', 'id' => $this->ackId, 'args' => $args]);
    }

    /* Ack what a client said earlier: $later is $ev->later() of that event. */
    public function answer(string $later, ...$args): self
    {
        return $this->add(['do' => 'ack', 'later' => $later, 'args' => $args]);
    }

    /* --- sessions: the one, or all of the target -------------------------------------------- */

    /* With $history, the last so many messages of the room come with it. */
    public function join($room, ?int $history = null): self
    {
        $fields = $history === null ? [] : ['history' => $history];
        return $this->act('join', ['room' => (string) $room] + $fields, true);
    }

    public function leave($room): self
    {
        return $this->act('leave', ['room' => (string) $room], true);
    }

    /* Store a value in $ev->data of all later events of the session, in all its namespaces. */
    public function set($key, $value): self
    {
        return $this->act('set', ['key' => (string) $key, 'value' => $value], false);
    }

    public function del($key): self
    {
        return $this->act('del', ['key' => (string) $key], false);
    }

    /* Set the session's user; null removes it.  (toUser() addresses all sessions of a user.) */
    public function user($user): self
    {
        return $this->act('user', ['user' => $user === null ? null : (string) $user], false);
    }

    /* Call onTimer($name) in $ms milliseconds, with $context as $ev->context, unless the session
     * ends or cancel($name) is called.  The same name again replaces the first. */
    public function after(int $ms, $name, $context = null): self
    {
        $fields = $context === null ? [] : ['context' => $context];
        return $this->act('after', ['ms' => $ms, 'name' => (string) $name] + $fields, true);
    }

    public function cancel($name): self
    {
        return $this->act('cancel', ['name' => (string) $name], true);
    }

    /* End the session if the namespace is the default one; otherwise leave the namespace. */
    public function disconnect(?string $reason = null): self
    {
        return $this->act('disconnect', $reason === null ? [] : ['reason' => $reason], true);
    }

    public function error(string $reason, ?string $advice = null): self
    {
        return $this->act('error',
            ['reason' => $reason] + ($advice === null ? [] : ['advice' => $advice]), true);
    }

    /* --- internal --------------------------------------------------------------------------- */

    private function add(array $action): self
    {
        self::checkNames($action);
        call_user_func($this->add, Pollux::_encode($action));
        return $this;
    }

    /* The server refuses these, too, but with all that is in the same request or reply. */
    private static function checkNames(array $action): void
    {
        foreach ([$action, $action['to'] ?? []] as $fields) {
            foreach (['name', 'room', 'key', 'user', 'ack', 'ns'] as $field) {
                if (is_array($fields) && isset($fields[$field]) &&
                    strpos((string) $fields[$field], "\0") !== false) {
                    throw new PolluxError("$field: a name cannot contain U+0000");
                }
            }
        }
    }

    private function say(string $do, array $fields, ?PolluxAck $ack): self
    {
        $action = ['do' => $do, 'to' => $this->address($do)] + $fields;
        if ($this->isVolatile && $ack !== null) {
            throw new PolluxError('ack: excludes volatile');
        }
        if ($this->mailbox !== null && ($this->isVolatile || $ack !== null)) {
            throw new PolluxError('mailbox: excludes volatile and ack');
        }
        return $this->add($action + ($this->isVolatile ? ['volatile' => true] : []) +
            ($this->mailbox === null ? [] : ['mailbox' => $this->mailbox]) +
            ($ack === null ? [] : $ack->fields));
    }

    /* Add an action on sessions; leave out a session and namespace that are the event's own. */
    private function act(string $do, array $fields, bool $inNamespace): self
    {
        if ($this->mailbox !== null) {
            throw new PolluxError("mailbox: works with emit, send and json, not with $do");
        }
        if (!isset($this->to['session'])) {
            return $this->add(['do' => $do] + $fields + ['to' => $this->address($do)]);
        }
        $action = ['do' => $do] + $fields;
        if ($this->to['session'] !== $this->self) {
            $action['session'] = $this->to['session'];
        }
        if ($inNamespace && ($this->ns !== $this->home || $this->self === null)) {
            $action['ns'] = $this->ns;
        }
        return $this->add($action);
    }

    private function address(string $do): array
    {
        if ($this->to === null) {
            throw new PolluxError("$do: needs a target, all() or room() for example");
        }
        return $this->to + ['ns' => $this->ns] + ($this->except ? ['except' => $this->except] : []);
    }
}

/* Made by Pollux::raw(). */
final class PolluxRaw
{
    public string $json;

    public function __construct(string $json)
    {
        $this->json = $json;
    }
}

/* Made by Pollux::ack(). */
final class PolluxAck
{
    public array $fields;            // of the action that asks

    public function __construct($name, array $options)
    {
        $unknown = array_diff_key($options, ['context' => 1, 'timeout' => 1]);
        if ($unknown) {
            throw new InvalidArgumentException('Pollux: ack: unknown option: ' . key($unknown));
        }
        $this->fields = ['ack' => (string) $name];
        if (isset($options['context'])) {
            $this->fields['context'] = $options['context'];
        }
        if (isset($options['timeout'])) {
            $this->fields['timeout_ms'] = (int) $options['timeout'];
        }
    }
}

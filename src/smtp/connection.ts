/**
 * smtp-server's connection, with changes to habits that its options do not reach.
 * Pinned to smtp-server 3.21.6; tests drive each change over TCP.
 *
 * 1. Every reply is a row of our table, whatever words the library has for it.
 * 2. A deadline runs from the beginning of what it limits. The library's only timeout
 *    begins anew at every byte, so it never cuts off a slow client.
 * 3. Commands are counted: bad ones, and those in a row without a message. A listed peer is held to a rate of them.
 *    Seen in practice: mmsgw keeps one connection open and says HELO every ten seconds, for as long as it runs.
 * 4. A listed peer is greeted at once. The library waits 100 ms to catch spammers
 *    that talk too soon; this limits a relay with one report a connection to 9 a second.
 * 5. Addresses are read by path.ts, because the library takes no blank and no "@" in a quoted local part, and any
 *    length. A listed peer's address may lack the domain or the angle brackets, and its commands may have blanks
 *    where none belong.
 *    Seen in practice: `MAIL FROM:<mmsc.example.net>` (vectorcore),
 *    `RCPT TO:<system-user>`, `RCPT TO:+1…/TYPE=PLMN@host` (a Korean MMSC).
 * 6. Our own reader (data-reader.ts) finds the end of a message, and the message is handed on in one piece. The
 *    library makes a stream for each message, which costs more than all our work on a report.
 * 7. AUTH is offered to peers with a user, STARTTLS to peers that may use it.
 * 8. A client that has closed its sending side is still answered, and then closed. RFC 1122 §4.2.2.13.
 *    Seen in practice: Exim pipelines the final dot and QUIT, and closes its sending side behind them.
 * 9. The commands that every session has go straight to their handlers. Before each command the library makes texts
 *    and objects for a log that we do not keep.
 * 10. Open connections are listed by crowd.ts, and a session names its own. The library's Set, or a WeakMap, would
 *    hold those that have ended.
 */
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { SMTPServer, type SMTPServerSession } from "smtp-server";
import { SMTPConnection } from "smtp-server/lib/smtp-connection.js";
import { SMTPStream } from "smtp-server/lib/smtp-stream.js";
import { BOUNDS } from "../bounds/bounds.ts";
import { tidyCommand } from "./command.ts";
import { createCrowd } from "./crowd.ts";
import { createDataReader, type DataFault, FIRST_BYTES, type ReadData } from "./data-reader.ts";
import { findReply } from "./library-replies.ts";
import { createBucket, type Limits } from "./limits.ts";
import { findParameterFault, withUsedParameters } from "./parameters.ts";
import { type AddressCommand, pathOctets, readPath, splitAddressCommand } from "./path.ts";
import type { Peer } from "./peer.ts";
import { REPLIES, type SmtpReply } from "./replies.ts";
import { newSessionId } from "./session-id.ts";
import type { Unfinished } from "./unfinished.ts";

type ParsedAddress = ReturnType<SMTPConnection["_parseAddressCommand"]>;
type Command = Parameters<SMTPConnection["_onCommand"]>;
type Handler = (command: Buffer, callback: () => void) => void;

/** A connection, once we know whether its client is a peer, a balancer or a stranger. */
export interface Arrival {
  readonly socket: Socket;
  /** The client's own address, also behind a balancer. */
  readonly address: string;
  readonly port: number;
  /** Our addresses to which it came: the socket's, and the one that a balancer names. */
  readonly here: readonly string[];
  /** Undefined for a stranger, which is refused and closed. */
  readonly peer: Peer | undefined;
  /** Whether it is a balancer's health check, and no listed peer. It may use the commands that send no mail. */
  readonly healthCheck: boolean;
  /** Whether TLS begins before SMTP does. */
  readonly implicitTls: boolean;
  /** When it connected, by performance.now(). */
  readonly sinceMs: number;
}

/** What a connection asks its listener, and reports to it. */
export interface Listening {
  readonly limits: Limits;
  readonly unfinished: Unfinished;
  /** Why this client is turned away at the door; undefined when it may come in. */
  refusalAtConnect(connection: Mm4Connection): SmtpReply | undefined;
  /** Whether idle sessions are to end. */
  stopping(): boolean;
  offersTls(): boolean;
  /** A reply was handed to the system on an open connection. */
  onReply(connection: Mm4Connection, code: number): void;
  /** A client was refused something, whether it hears of that or not. */
  onRefused(connection: Mm4Connection, reason: string, detail: string | null): void;
  /** Gives the answer to a whole message. */
  onMessage(connection: Mm4Connection, message: Buffer): Promise<Answer>;
  /** A connection broke in the middle of a transaction. */
  onFailed(connection: Mm4Connection, cause: Error): void;
  /** A TLS handshake failed. No reply could reach the client. */
  onTlsFailed(connection: Mm4Connection, why: string): void;
  /** A connection has been given its last reply, or has gone. May be called twice for one. */
  onLeaving(connection: Mm4Connection): void;
}

/** The answer to a message. */
export interface Answer {
  readonly reply: SmtpReply;
  /** Called once. `handed` says whether the reply was handed to the system on an open connection. */
  readonly onAnswered: (handed: boolean) => void;
}

/** What the server waits for from its client. */
type Phase = "first-command" | "line" | "data" | "idle";

const MAX_COMMAND_BYTES = 4_096;
const CR = 0x0d;
const LF = 0x0a;
const CRLF_BYTES = 2;
/** RFC 5321 §4.5.3.1.10: a client may offer all its recipients, and later send again to those that were too many. */
const RECIPIENTS_TRIED = 10;
/** The library's own wait for early talkers, kept for clients that are not listed. */
const EARLY_TALKER_MS = 100;

export class Mm4Connection extends SMTPConnection {
  /** The peer's entry, which may change during the session; undefined for a stranger. */
  peer: Peer | undefined;
  /** Our addresses to which it came. */
  readonly here: readonly string[];
  /** Whether it is a balancer's health check. */
  readonly healthCheck: boolean;
  /** The peer whose place it has; undefined when it was turned away, or has no place yet. */
  countedAs: string | undefined;
  /** What the next refusal is about, such as a domain. */
  refused: string | null = null;
  private readonly listening: Listening;
  private readonly openedMs: number;
  private readonly counts = { commands: 0, recipients: 0 };
  private readonly sinceMessage = { commands: createBucket(), bad: createBucket() };
  /** The command that is being answered. */
  private verb = "";
  /** The last address command, and what it was split into. */
  private split: { readonly command: string; readonly said: AddressCommand | undefined } = {
    command: "",
    said: undefined,
  };
  /** Whether a MAIL, or a RCPT after it, was refused. Commands that were pipelined with it cannot be right then. */
  private refusedBefore = false;
  /** Whether its entry has changed so that it must connect anew after its transaction. */
  revoked = false;
  private held: { phase: Phase; commands: number; sinceMs: number };
  /** How many messages have begun their DATA. */
  messages = 0;
  /** Whether a message is being received, or waits for its reply. */
  private inMessage = false;
  /** How many bytes of that message are held. */
  private messageBytes = 0;
  failedLogins = 0;
  /** Takes it off the server's list of those that are open. */
  leave: () => void = NOTHING_MORE;
  private tlsFailed = false;

  constructor(server: Mm4Server, listening: Listening, arrival: Arrival) {
    const { socket, address, port, here, peer, healthCheck, implicitTls, sinceMs } = arrival;
    super(server, socket, { id: newSessionId(), remoteAddress: address, remotePort: port });
    Object.assign(this.session, { connection: this });
    this.listening = listening;
    this.peer = peer;
    this.here = here;
    this.healthCheck = healthCheck;
    this.needsUpgrade = implicitTls;
    this.openedMs = sinceMs;
    this.held = { phase: "first-command", commands: 0, sinceMs };
  }

  override init(): void {
    this._setListeners(() => {
      const refusal = this.listening.refusalAtConnect(this);
      if (refusal) this.refuse(refusal);
      else if (this.peer?.listed || this.healthCheck) this.connectionReady();
      else setTimeout(() => this.connectionReady(), EARLY_TALKER_MS).unref();
    });
  }

  /** Whether a message has been announced whose reply is still owed. */
  inTransaction(): boolean {
    return Boolean(this.session.envelope?.mailFrom) || this.inMessage;
  }

  /** Replies and closes. Further input of the client is thrown away. */
  refuse(reply: SmtpReply): void {
    if (this._closing || this._closed) return;
    this.answer(reply);
    this.close();
  }

  private answer(reply: SmtpReply, onAnswered?: Answer["onAnswered"]): void {
    // RFC 2920 §3.1: a client sends RCPT and DATA before it knows whether MAIL was accepted.
    const bad = reply.bad && !(reply === REPLIES.outOfOrder && this.refusedBefore);
    if (reply.code >= 400 && (this.verb === "MAIL" || this.verb === "RCPT")) this.refusedBefore = true;
    // The last bad command that is allowed ends the session.
    const tooMany = bad && !this.sinceMessage.bad.take(this.listening.limits.badCommands - 1, this.commandsPerSecond());
    const { code, text, reason } = tooMany ? REPLIES.tooManyBadCommands : reply;
    if (reason !== undefined) this.listening.onRefused(this, reason, this.refused);
    this.refused = null;
    this.say(code, `${code} ${text}\r\n`, onAnswered);
  }

  /**
   * Writes a reply, whatever its lines, in one piece. The library writes only to a connection that is open in both
   * directions, but a client that has closed its sending side still reads.
   */
  private say(code: number, reply: string, onAnswered?: Answer["onAnswered"]): void {
    // During a handshake the socket is the one below TLS, and a reply in clear would break the handshake.
    if (this._upgrading || !this._socket.writable) onAnswered?.(false);
    else {
      this._socket.write(reply, (cause) => {
        if (!cause) this.listening.onReply(this, code);
        onAnswered?.(!cause);
      });
    }
    if (code === 421) this.close();
  }

  /** The library sends every reply through here, where our words replace its own. */
  override send(code: number, data?: string | string[] | null, context?: string | false): void {
    // The greeting, the replies to EHLO and HELO, and the challenges of AUTH stay the library's: they hold facts.
    if ((context === false && code < 400) || code === 334) {
      const lines = Array.isArray(data) ? data : [data ?? ""];
      const last = lines.length - 1;
      this.say(code, lines.map((line, index) => `${code}${index < last ? "-" : " "}${line}\r\n`).join(""));
      return;
    }
    this.answer(findReply(code, String(data ?? ""), context || undefined));
  }

  override _onCommand(...[said, callback]: Command): void {
    const line = said.toString("latin1");
    // The answer to a challenge of AUTH is no command.
    const text = this.peer?.listed && !this._nextHandler ? tidyCommand(line) : line;
    const command = text === line ? said : Buffer.from(text, "latin1");
    const reply = this.ownReply(text);
    if (reply !== undefined) {
      this.answer(reply);
      this._whenWritable(callback ?? NOTHING_MORE);
      return;
    }
    const handler = this.findHandler();
    if (handler === undefined) super._onCommand(command, callback);
    else this.handle(handler, command, callback ?? NOTHING_MORE);
  }

  /**
   * The handler of the command that is being answered, if it is one that every session has, and the library would
   * give it to its handler now; undefined where the library is to look for itself. That none of these is disabled, or
   * needs a login for the library too, is how our server is set up.
   */
  private findHandler(): Handler | undefined {
    // In these states it may be no command, or the library may answer it. Before HELO it is out of order.
    if (!this._ready || this._upgrading || this._closing || this._nextHandler) return undefined;
    if (this._server._closeTimeout) return undefined;
    if (this.verb === "EHLO") {
      this.openingCommand = this.verb;
      return this.handler_EHLO;
    }
    if (!this.hostNameAppearsAs) return undefined;
    switch (this.verb) {
      case "MAIL":
        return this.handler_MAIL;
      case "RCPT":
        return this.handler_RCPT;
      case "DATA":
        return this.handler_DATA;
      case "QUIT":
        return this.handler_QUIT;
      default:
        return undefined;
    }
  }

  /** Calls a handler as the library does, which makes texts and objects for a log and for other commands first. */
  private handle(handler: Handler, command: Buffer, next: () => void): void {
    let isDone = false;
    const done = (): void => {
      isDone = true;
      this._handlerPending = false;
      this._whenWritable(next);
    };
    this._handlerPending = true;
    try {
      handler.call(this, command, done);
    } catch (err) {
      this._server.logger.error({ err, tnx: "command", cid: this.id, command: this.verb });
      if (isDone) return;
      this.answer(REPLIES.internalError);
      done();
    }
  }

  /** Our own reply to a command; undefined when the library is to answer. */
  private ownReply(command: string): SmtpReply | undefined {
    // Before the greeting nothing is a command. A handshake under way discards the input before it.
    if (!this._ready || this._upgrading || this._closing) return undefined;
    this.counts.commands += 1;
    // The library would close after ten by its own count.
    this._unrecognizedCommands = 0;
    // The answer to a challenge of AUTH is no command.
    if (this._nextHandler) return undefined;

    const blank = command.indexOf(" ");
    const verb = (blank === -1 ? command : command.slice(0, blank)).toUpperCase();
    this.verb = verb;
    if (verb !== "RCPT" && verb !== "DATA") this.refusedBefore = false;
    if (this.isTooMany(verb)) return REPLIES.tooManyCommands;
    if (!this.inTransaction()) {
      if (this.listening.stopping()) return REPLIES.shuttingDown;
      if (this.revoked) return REPLIES.accessChanged;
      if (performance.now() - this.openedMs >= this.listening.limits.sessionMs) return REPLIES.sessionOver;
    }
    if (verb === "VRFY" || verb === "EXPN" || verb === "HELP") return REPLIES.notImplemented;
    if (verb === "XCLIENT" || verb === "XFORWARD") return REPLIES.xclient;
    if (verb === "AUTH" && this.peer?.auth && !this.secure) return REPLIES.authEncryption;
    return undefined;
  }

  /** Counts a command. RCPT is not counted, up to a multiple of the recipients that a message may have. */
  private isTooMany(verb: string): boolean {
    const { recipients, commands } = this.listening.limits;
    if (verb === "RCPT" && this.inTransaction()) this.counts.recipients += 1;
    if (verb === "RCPT" && this.counts.recipients <= recipients * RECIPIENTS_TRIED) return false;
    const most = this.peer?.limits.commands ?? commands;
    return !this.sinceMessage.commands.take(most, this.commandsPerSecond());
  }

  /** At this rate commands do not add up in the long run. */
  private commandsPerSecond(): number {
    return this.peer?.listed ? BOUNDS.commandsPerSecond.value : 0;
  }

  override _createParser(): SMTPStream {
    const parser = new Mm4Stream({ maxCommandLength: MAX_COMMAND_BYTES });
    parser.oncommand = (command, callback) => this._onCommand(command, callback);
    parser.onEnd = () => this.close();
    parser.on("error", (error) => {
      if (error.message === "Command line too long") return this.refuse(REPLIES.lineTooLong);
      this.listening.onFailed(this, error);
      this.refuse(REPLIES.internalError);
    });
    parser.newReader = () =>
      createDataReader({
        limitBytes: this.listening.limits.messageBytes,
        bareNewlines: this.peer?.bareNewlines ?? false,
        mayHold: (bytes) => this.holdMessage(bytes),
      });
    parser.onFault = (fault) => this.refuse(fault === "too-large" ? REPLIES.messageTooLarge : REPLIES.bareNewline);
    return parser;
  }

  override _isDisabled(command: string): boolean {
    if (command === "AUTH") return !this.peer?.auth || !this.secure;
    if (command === "STARTTLS") return !this.listening.offersTls() || this.peer?.tls === "off";
    return super._isDisabled(command);
  }

  override handler_MAIL(command: Buffer, callback: () => void): void {
    const meant = this.asMeant(command);
    if (meant) super.handler_MAIL(meant, callback);
    else callback();
  }

  override handler_RCPT(command: Buffer, callback: () => void): void {
    const meant = this.asMeant(command);
    if (meant) super.handler_RCPT(meant, callback);
    else callback();
  }

  /**
   * The command without parameters that mean nothing here, because the library checks them too, and refuses UTF-8 in
   * xtext. Undefined when the address is too long, or its parameters are wrong. Then the refusal was sent.
   */
  private asMeant(command: Buffer): Buffer | undefined {
    const text = command.toString("latin1");
    const { path = "", behind = "" } = this.splitOnce(text) ?? {};
    if (pathOctets(path) > BOUNDS.pathOctets.value) {
      this.answer(REPLIES.pathTooLong);
      return undefined;
    }
    if (behind === "") return command;
    const listed = this.peer?.listed ?? false;
    const fault = findParameterFault(text, listed);
    if (fault !== undefined) {
      this.answer(fault === "wrong" ? REPLIES.badParameters : REPLIES.unknownParameter);
      return undefined;
    }
    return listed ? Buffer.from(withUsedParameters(text), "latin1") : command;
  }

  /** An address command is looked at for its parameters, and again for its address. */
  private splitOnce(command: string): AddressCommand | undefined {
    if (command !== this.split.command) this.split = { command, said: splitAddressCommand(command) };
    return this.split.said;
  }

  override handler_DATA(_command: Buffer, callback: () => void): void {
    const parser = this._parser;
    if (this.session.envelope.rcptTo.length === 0) this.answer(REPLIES.outOfOrder);
    else if (!this.holdMessage(FIRST_BYTES)) this.answer(REPLIES.noRoom);
    else if (parser instanceof Mm4Stream) {
      this.inMessage = true;
      this.messages += 1;
      this.counts.recipients = 0;
      this.sinceMessage.commands.fill();
      this.sinceMessage.bad.fill();
      parser.startMessage((message) => void this.answerMessage(parser, message));
      this.answer(REPLIES.goAhead);
    }
    callback();
  }

  /** Answers a message, which is undefined when there was no room for it. */
  private async answerMessage(parser: Mm4Stream, message: Buffer | undefined): Promise<void> {
    const { reply, onAnswered } = message ? await this.listening.onMessage(this, message) : NO_ROOM;
    this.inMessage = false;
    this.holdMessage(0);
    // The connection was refused and closed meanwhile, or the client has gone.
    if (this._closing || this._closed) return onAnswered(false);
    this.answer(reply, onAnswered);
    this._transactionCounter += 1;
    this._resetSession();
    if (this.listening.stopping()) this.refuse(REPLIES.shuttingDown);
    else if (this.revoked) this.refuse(REPLIES.accessChanged);
    parser.endMessage();
  }

  /** Sets how many bytes of a message are held. False when there is no room; then nothing is changed. */
  private holdMessage(bytes: number): boolean {
    if (bytes === this.messageBytes) return true;
    const may = this.listening.unfinished.hold(this.peer?.name ?? "", bytes - this.messageBytes);
    if (may) this.messageBytes = bytes;
    return may;
  }

  /** Reads no further from a client that does not read its replies. Its unread input is counted as held. */
  override _whenWritable(next: () => void): void {
    const socket = this._socket;
    if (!socket.writableNeedDrain || socket.destroyed) {
      next();
      return;
    }
    const peer = this.peer?.name ?? "";
    const { unfinished } = this.listening;
    // It gets no reply, because it would not read one.
    if (!unfinished.hold(peer, BOUNDS.unreadInput.value)) {
      this.close();
      return;
    }
    const read = (): void => {
      gone();
      next();
    };
    const gone = (): void => {
      socket.off("drain", read).off("close", gone);
      unfinished.hold(peer, -BOUNDS.unreadInput.value);
    };
    socket.once("drain", read).once("close", gone);
  }

  override upgrade(...[callback, secured]: Parameters<SMTPConnection["upgrade"]>): void {
    // The library reads this option when it begins the handshake, in the same turn of the event loop.
    this._server.options.requestCert = Boolean(this.peer?.clientCertificate);
    // The library removes all listeners from the socket below TLS, also those of others that wait for its end.
    const socket = this._socket;
    const waiting = socket.listeners("close") as (() => void)[];
    super.upgrade(callback, secured);
    for (const listener of waiting) socket.on("close", listener);
  }

  /** The TLS socket, once there is one. */
  tlsSocket(): TLSSocket | undefined {
    return this.secure ? (this._socket as TLSSocket) : undefined;
  }

  /**
   * Replaces the library's timeout, which begins anew at every byte, by `enforceDeadline`. The
   * library calls this for each socket that it begins to use, also for that of a handshake.
   */
  override _armTimeout(socket: Socket = this._socket): void {
    if (!this._upgrading) return;
    socket.once("end", () => {
      // In the middle of a handshake no reply is possible.
      if (this._upgrading) socket.destroy();
    });
  }

  override _onError(error: Error & { code?: string | undefined }): void {
    if (!this._upgrading) super._onError(error);
    // Several events report this failure, and only the first has the reason.
    else if (!this.tlsFailed) this.listening.onTlsFailed(this, error.code ?? error.message);
    this.tlsFailed = this._upgrading;
  }

  /** Frees the place at once, because the client may take five seconds to close its own side. */
  override close(): void {
    super.close();
    this.leave();
    this.listening.onLeaving(this);
  }

  override _onClose(): void {
    if (!this._closed) this.listening.onLeaving(this);
    // A complete message is held until it is stored, even when its client has gone.
    const parser = this._parser || undefined;
    if (parser?._dataMode) this.holdMessage(0);
    this.leave();
    super._onClose();
  }

  /** Ends the session when the client is late. Called at regular intervals. */
  enforceDeadline(nowMs: number): void {
    const phase = this.phase();
    const commands = this.counts.commands;
    if (phase === undefined) return;
    if (phase !== this.held.phase || commands !== this.held.commands) this.held = { phase, commands, sinceMs: nowMs };

    const { limitMs, reply } = this.deadlineOf(phase);
    if (nowMs - this.held.sinceMs >= limitMs) this.refuse(reply);
    else if (this.isSessionOver(nowMs, phase)) this.refuse(REPLIES.sessionOver);
  }

  /** A message that is being received may finish; a transaction may last only as long as a peer may be idle. */
  private isSessionOver(nowMs: number, phase: Phase): boolean {
    const { sessionMs, peerIdleMs } = this.listening.limits;
    const overMs = nowMs - this.openedMs - sessionMs;
    return overMs >= 0 && (!this.inTransaction() || (phase !== "data" && overMs >= peerIdleMs));
  }

  /** What we wait for from the client; undefined while it waits for us, or has gone. */
  private phase(): Phase | undefined {
    if (this._closing || this._closed) return undefined;
    if (this.counts.commands === 0) return "first-command";
    if (this._upgrading) return "line";
    const parser = this._parser || undefined;
    if (parser?._dataMode) return "data";
    if (this._handlerPending || this.inMessage) return undefined;
    return parser?._remainder ? "line" : "idle";
  }

  private deadlineOf(phase: Phase): { limitMs: number; reply: SmtpReply } {
    const { firstCommandMs, lineMs, dataMs, idleMs, peerIdleMs } = this.listening.limits;
    switch (phase) {
      case "first-command":
        return { limitMs: firstCommandMs, reply: REPLIES.firstCommandLate };
      case "line":
        return { limitMs: lineMs, reply: REPLIES.lineLate };
      case "data":
        return { limitMs: dataMs, reply: REPLIES.dataLate };
      case "idle":
        return { limitMs: this.peer?.listed ? peerIdleMs : idleMs, reply: REPLIES.idle };
    }
  }

  /** Reads the address here. The library reads the parameters, after an address that it accepts in its place. */
  override _parseAddressCommand(name: string, command: Buffer | string): ParsedAddress {
    const said = this.splitOnce(command.toString());
    if (said?.name !== name.toUpperCase()) return false;
    const address = readPath(said.path, this.peer?.listed ?? false);
    if (address === undefined) return false;
    if (said.behind === "") return { address, args: false };
    const stand = address === "" ? "<>" : "<address@mm4d.invalid>";
    const parsed = super._parseAddressCommand(name, `${name}:${stand}${said.behind}`);
    return parsed && { ...parsed, address };
  }
}

/** smtp-server's parser, with our own reader of messages. */
class Mm4Stream extends SMTPStream {
  newReader: () => ReadData = () => {
    throw new Error("No reader is set");
  };
  onFault: (fault: DataFault) => void = NOTHING_MORE;
  onEnd: () => void = NOTHING_MORE;
  private readData: ReadData | undefined;
  private onMessage: (message: Buffer | undefined) => void = NOTHING_MORE;
  /** Goes on with the input that came after a message. */
  private goOn: () => void = NOTHING_MORE;

  /** Reads a message, and after it nothing before `endMessage`. Gives undefined for a message that could not be held. */
  startMessage(onMessage: (message: Buffer | undefined) => void): void {
    this._dataMode = true;
    this.readData = this.newReader();
    this.onMessage = onMessage;
  }

  endMessage(): void {
    this.goOn();
  }

  /**
   * The client has closed its sending side, and all its commands are answered. An unfinished line is no command,
   * because more of it was to come. RFC 5321 §2.3.8.
   */
  override _flushData(): void {
    this.onEnd();
  }

  /**
   * Most clients wait for each reply, so that their input is a message or one line. To find a line in any other, the
   * library makes a text of it, and bytes of that. It is handed on in pieces, because the library keeps the whole text
   * from which an unfinished line is cut.
   */
  override _write(...[chunk, encoding, next]: Parameters<SMTPStream["_write"]>): void {
    if (this.isClosed || chunk.length === 0) next();
    else if (this._dataMode) this._feedDataStream(chunk, next);
    else if (this._remainder === "" && isOneLine(chunk)) this.oncommand(chunk.subarray(0, -CRLF_BYTES), next);
    else if (chunk.length <= MAX_COMMAND_BYTES) super._write(chunk, encoding, next);
    else {
      super._write(chunk.subarray(0, MAX_COMMAND_BYTES), encoding, (cause) => {
        if (cause) next(cause);
        else this._write(chunk.subarray(MAX_COMMAND_BYTES), encoding, next);
      });
    }
  }

  override _feedDataStream(chunk: Buffer, done: (error?: Error | null) => void): void {
    const data = this.readData?.(chunk) ?? { kind: "incomplete" };
    if (data.kind === "complete" || data.kind === "no-room") {
      this.readData = undefined;
      this._dataMode = false;
      this.goOn = () => this._write(data.rest, "buffer", done);
      this.onMessage(data.kind === "complete" ? data.message : undefined);
      return;
    }
    if (data.kind !== "incomplete") this.onFault(data.kind);
    done();
  }
}

/** smtp-server with our connections. It does not listen itself, because sockets come through the door. */
export class Mm4Server extends SMTPServer {
  /** Those that may still get a reply. The library's own set of them stays empty. */
  readonly open = createCrowd<Mm4Connection>();

  admit(arrival: Arrival, listening: Listening): void {
    const connection = new Mm4Connection(this, listening, arrival);
    connection.leave = this.open.enter(connection);
    connection.on("error", (error: Error) => listening.onFailed(connection, error));
    connection.init();
  }

  connectionOf({ connection }: SMTPServerSession & { readonly connection?: Mm4Connection }): Mm4Connection {
    if (!connection) throw new Error("A session without a connection");
    return connection;
  }
}

/** Whether a chunk is one whole line that may be a command. */
function isOneLine(chunk: Buffer): boolean {
  const length = chunk.length - CRLF_BYTES;
  return length <= MAX_COMMAND_BYTES && chunk[length] === CR && chunk.indexOf(LF) === length + 1;
}

const NO_ROOM: Answer = { reply: REPLIES.noRoom, onAnswered: () => {} };
const NOTHING_MORE = (): void => {};

/**
 * smtp-server's connection with the habits changed that its options do not reach.
 * Pinned to smtp-server 3.21.6; tests drive each over TCP.
 *
 * 1. Every reply is a row of our table, whatever words the library has for it.
 * 2. Deadlines hold from the beginning of what they are for. The library's one
 *    timeout begins anew at every byte, so that a slow client is never cut.
 * 3. Commands are counted: bad ones, and those in a row without a message; a listed peer's by their rate.
 *    Seen in practice: mmsgw keeps one connection open and says HELO every ten seconds, for as long as it runs.
 * 4. A listed peer is greeted at once. The library waits 100 ms to catch spammers
 *    that talk too soon, which holds a relay with one report a connection to 9 a second.
 * 5. Addresses are read by path.ts: the library takes no blank and no "@" in a quoted local part, and any length.
 *    A listed peer's may lack the domain or the angle brackets, and its commands may have blanks where none belong.
 *    Seen in practice: `MAIL FROM:<mmsc.example.net>` (vectorcore),
 *    `RCPT TO:<system-user>`, `RCPT TO:+1…/TYPE=PLMN@host` (a Korean MMSC).
 * 6. The end of a message is found by our own reader (data-reader.ts), and the message is handed on in one piece. The
 *    library makes a stream for each, which costs more than all that is done with a report here.
 * 7. AUTH is there for peers with a user, STARTTLS for peers that may use it.
 * 8. A client that has closed its sending side is answered all the same, and then closed. RFC 1122 §4.2.2.13.
 *    Seen in practice: Exim pipelines the final dot and QUIT, and closes its sending side behind them.
 */
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { SMTPServer, type SMTPServerSession } from "smtp-server";
import { SMTPConnection } from "smtp-server/lib/smtp-connection.js";
import { SMTPStream } from "smtp-server/lib/smtp-stream.js";
import { BOUNDS } from "../bounds/bounds.ts";
import { tidyCommand } from "./command.ts";
import { createDataReader, type DataFault, FIRST_BYTES, type ReadData } from "./data-reader.ts";
import { findReply } from "./library-replies.ts";
import { createBucket, type Limits } from "./limits.ts";
import { findParameterFault, withUsedParameters } from "./parameters.ts";
import { pathOctets, readPath, splitAddressCommand } from "./path.ts";
import type { Peer } from "./peer.ts";
import { REPLIES, type SmtpReply } from "./replies.ts";
import type { Unfinished } from "./unfinished.ts";

type ParsedAddress = ReturnType<SMTPConnection["_parseAddressCommand"]>;
type Command = Parameters<SMTPConnection["_onCommand"]>;

/** A connection whose client is known to be a peer, a balancer or a stranger. */
export interface Arrival {
  readonly socket: Socket;
  /** The client's own, behind a balancer too. */
  readonly address: string;
  readonly port: number;
  /** The addresses of ours to which it came: the socket's, and the one that a balancer tells. */
  readonly here: readonly string[];
  /** Undefined for a stranger: it is told so, and closed. */
  readonly peer: Peer | undefined;
  /** Whether it is a balancer that looks after us, and no listed peer: it may say what sends no mail. */
  readonly healthCheck: boolean;
  /** Whether TLS begins before SMTP does. */
  readonly implicitTls: boolean;
  /** When it connected, as performance.now() tells it. */
  readonly sinceMs: number;
}

/** What a connection asks its listener, and what it tells it. */
export interface Listening {
  readonly limits: Limits;
  readonly unfinished: Unfinished;
  /** Why this client is turned away at the door; undefined when it may come in. */
  refusalAtConnect(connection: Mm4Connection): SmtpReply | undefined;
  /** Whether idle sessions are to end. */
  stopping(): boolean;
  offersTls(): boolean;
  /** A reply that the system has taken, on a connection that was open. */
  onReply(connection: Mm4Connection, code: number): void;
  /** A refusal, whether the client hears of it or not. */
  onRefused(connection: Mm4Connection, reason: string, detail: string | null): void;
  /** What to answer to a whole message. */
  onMessage(connection: Mm4Connection, message: Buffer): Promise<Answer>;
  /** A connection that broke in the middle of a transaction. */
  onFailed(connection: Mm4Connection, cause: Error): void;
  /** A handshake that failed: the client hears nothing of us that it would understand. */
  onTlsFailed(connection: Mm4Connection, why: string): void;
  /** It has heard its last reply, or it has gone. May be called twice for one. */
  onLeaving(connection: Mm4Connection): void;
}

/** What is to be answered to a message. */
export interface Answer {
  readonly reply: SmtpReply;
  /** Called once: whether the system took the reply, on a connection that was open. */
  readonly onAnswered: (handed: boolean) => void;
}

/** What the server waits for its client to do. */
type Phase = "first-command" | "line" | "data" | "idle";

const MAX_COMMAND_BYTES = 4_096;
/** RFC 5321 §4.5.3.1.10: a client may offer all its recipients, and send those again that were too many. */
const RECIPIENTS_TRIED = 10;
/** The library's own wait for early talkers, kept for clients that are not listed. */
const EARLY_TALKER_MS = 100;

export class Mm4Connection extends SMTPConnection {
  /** Its entry, which may change while it is here; undefined for a stranger. */
  peer: Peer | undefined;
  /** The addresses of ours to which it came. */
  readonly here: readonly string[];
  /** Whether it is a balancer's own. */
  readonly healthCheck: boolean;
  /** The peer among whose connections it counts; undefined when it was turned away, or has no place yet. */
  countedAs: string | undefined;
  /** What the next refusal is about. */
  refused: string | null = null;
  private readonly listening: Listening;
  private readonly openedMs: number;
  private readonly counts = { commands: 0, recipients: 0 };
  private readonly sinceMessage = { commands: createBucket(), bad: createBucket() };
  /** The command that is being answered. */
  private verb = "";
  /** Whether a MAIL, or a RCPT behind it, was refused: what was sent along with it cannot be right then. */
  private refusedBefore = false;
  /** Whether its entry has changed, so that it has to connect anew when its transaction is over. */
  revoked = false;
  private held: { phase: Phase; commands: number; sinceMs: number };
  /** Messages whose DATA was begun. */
  messages = 0;
  /** Whether one of them is on its way, or waits for its reply. */
  private inMessage = false;
  /** Bytes of it that are held. */
  private messageBytes = 0;
  failedLogins = 0;
  private tlsFailed = false;

  constructor(server: Mm4Server, listening: Listening, arrival: Arrival) {
    const { socket, address, port, here, peer, healthCheck, implicitTls, sinceMs } = arrival;
    super(server, socket, { remoteAddress: address, remotePort: port });
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

  /** Answers and closes. What the client still sends is thrown away. */
  refuse(reply: SmtpReply): void {
    if (this._closing || this._closed) return;
    this.answer(reply);
    this.close();
  }

  private answer(reply: SmtpReply, onAnswered?: Answer["onAnswered"]): void {
    // RFC 2920 §3.1: RCPT and DATA are sent before the client knows what became of MAIL.
    const bad = reply.bad && !(reply === REPLIES.outOfOrder && this.refusedBefore);
    if (reply.code >= 400 && (this.verb === "MAIL" || this.verb === "RCPT")) this.refusedBefore = true;
    // The last of so many is the one that ends the session.
    const tooMany = bad && !this.sinceMessage.bad.take(this.listening.limits.badCommands - 1, this.commandsPerSecond());
    const { code, text, reason } = tooMany ? REPLIES.tooManyBadCommands : reply;
    if (reason !== undefined) this.listening.onRefused(this, reason, this.refused);
    this.refused = null;
    this.say(code, [text], onAnswered);
  }

  /**
   * Writes a reply. The library writes to a connection that is open in both
   * directions only; one that its client has half closed is still read there.
   */
  private say(code: number, lines: readonly string[], onAnswered: Answer["onAnswered"] = () => {}): void {
    const last = lines.length - 1;
    const reply = lines.map((line, index) => `${code}${index < last ? "-" : " "}${line}\r\n`).join("");
    // During a handshake the socket is the one below TLS: a reply in clear would break it.
    if (this._upgrading || !this._socket.writable) onAnswered(false);
    else {
      this._socket.write(reply, (cause) => {
        if (!cause) this.listening.onReply(this, code);
        onAnswered(!cause);
      });
    }
    if (code === 421) this.close();
  }

  /** The one way out of the library: what it would say is said in our words. */
  override send(code: number, data?: string | string[] | null, context?: string | false): void {
    // The greeting, what EHLO and HELO answer, and the challenges of AUTH say something about us.
    if ((context === false && code < 400) || code === 334) {
      this.say(code, Array.isArray(data) ? data : [data ?? ""]);
      return;
    }
    this.answer(findReply(code, String(data ?? ""), context || undefined));
  }

  override _onCommand(...[said, callback]: Command): void {
    // The answer to a challenge of AUTH is no command.
    const tidied = this.peer?.listed && !this._nextHandler;
    const command = tidied ? Buffer.from(tidyCommand(said.toString("latin1")), "latin1") : said;
    const reply = this.ownReply(command);
    if (reply === undefined) {
      super._onCommand(command, callback);
      return;
    }
    this.answer(reply);
    this._whenWritable(callback ?? (() => {}));
  }

  /** What we answer to a command ourselves; undefined for what is the library's to answer. */
  private ownReply(command: Buffer): SmtpReply | undefined {
    // Before the greeting nothing is a command; a handshake under way discards what came before it.
    if (!this._ready || this._upgrading || this._closing) return undefined;
    this.counts.commands += 1;
    // The library counts to ten by itself.
    this._unrecognizedCommands = 0;
    // The answer to a challenge of AUTH is no command.
    if (this._nextHandler) return undefined;

    const [verb = ""] = command.toString("latin1").toUpperCase().split(" ", 1);
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

  /** Counts a command. Recipients are none of those that are counted, up to a multiple of what a message may have. */
  private isTooMany(verb: string): boolean {
    const { recipients, commands } = this.listening.limits;
    if (verb === "RCPT" && this.inTransaction()) this.counts.recipients += 1;
    if (verb === "RCPT" && this.counts.recipients <= recipients * RECIPIENTS_TRIED) return false;
    const most = this.peer?.limits.commands ?? commands;
    return !this.sinceMessage.commands.take(most, this.commandsPerSecond());
  }

  /** As many do not count in the long run. */
  private commandsPerSecond(): number {
    return this.peer?.listed ? BOUNDS.commandsPerSecond.value : 0;
  }

  override _createParser(): SMTPStream {
    const parser = new Mm4Stream({ maxCommandLength: MAX_COMMAND_BYTES });
    parser.oncommand = (command, callback) => this._onCommand(command, callback);
    // The client has closed its sending side, and everything before that is answered.
    parser.on("finish", () => this.close());
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
    if (this.refuseAddressing(command)) callback();
    else super.handler_MAIL(this.asMeant(command), callback);
  }

  override handler_RCPT(command: Buffer, callback: () => void): void {
    if (this.refuseAddressing(command)) callback();
    else super.handler_RCPT(this.asMeant(command), callback);
  }

  /** The library refuses UTF-8 as xtext, and looks into what is passed over. */
  private asMeant(command: Buffer): Buffer {
    return this.peer?.listed ? Buffer.from(withUsedParameters(command.toString("latin1")), "latin1") : command;
  }

  /** Whether something is wrong with the length of the address, or behind it, and that was answered. */
  private refuseAddressing(command: Buffer): boolean {
    const text = command.toString("latin1");
    const fault = findParameterFault(text, this.peer?.listed ?? false);
    const tooLong = pathOctets(splitAddressCommand(text)?.path ?? "") > BOUNDS.pathOctets.value;
    if (fault === undefined && !tooLong) return false;
    if (tooLong) this.answer(REPLIES.pathTooLong);
    else this.answer(fault === "wrong" ? REPLIES.badParameters : REPLIES.unknownParameter);
    return true;
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

  /** Undefined for a message that there was no room for. */
  private async answerMessage(parser: Mm4Stream, message: Buffer | undefined): Promise<void> {
    const { reply, onAnswered } = message ? await this.listening.onMessage(this, message) : NO_ROOM;
    this.inMessage = false;
    this.holdMessage(0);
    // It was answered and sent away meanwhile, or has gone.
    if (this._closing || this._closed) return onAnswered(false);
    this.answer(reply, onAnswered);
    this._transactionCounter += 1;
    this._resetSession();
    if (this.listening.stopping()) this.refuse(REPLIES.shuttingDown);
    else if (this.revoked) this.refuse(REPLIES.accessChanged);
    parser.endMessage();
  }

  /** From now on so many bytes of a message are held. False when they may not be: then it is as before. */
  private holdMessage(bytes: number): boolean {
    const may = this.listening.unfinished.hold(this.peer?.name ?? "", bytes - this.messageBytes);
    if (may) this.messageBytes = bytes;
    return may;
  }

  /** A client that does not read its replies is not listened to, and what it said by then counts. */
  override _whenWritable(next: () => void): void {
    const socket = this._socket;
    if (!socket.writableNeedDrain || socket.destroyed) {
      next();
      return;
    }
    const peer = this.peer?.name ?? "";
    const { unfinished } = this.listening;
    // There is no telling it: it would not read it.
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
    // Read by the library while it begins the handshake, in the same turn of the event loop.
    this._server.options.requestCert = Boolean(this.peer?.clientCertificate);
    // The library removes everybody's listeners from the socket below; others wait for its end too.
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
   * The library's timeout begins anew at every byte; `enforceDeadline` does its work.
   * It is armed for each socket that the library begins to use, the one of a handshake too.
   */
  override _armTimeout(socket: Socket = this._socket): void {
    socket.once("end", () => {
      // In the middle of a handshake there is nothing that could still be answered.
      if (this._upgrading) socket.destroy();
    });
  }

  override _onError(error: Error & { code?: string | undefined }): void {
    if (!this._upgrading) super._onError(error);
    // Told by several events, of which the first says why.
    else if (!this.tlsFailed) this.listening.onTlsFailed(this, error.code ?? error.message);
    this.tlsFailed = this._upgrading;
  }

  /** Its client may take five seconds to close its own side, in which others can deliver. */
  override close(): void {
    super.close();
    this.listening.onLeaving(this);
  }

  override _onClose(): void {
    if (!this._closed) this.listening.onLeaving(this);
    // A message that is whole is held until it is stored, even when its client has gone.
    const parser = this._parser || undefined;
    if (parser?._dataMode) this.holdMessage(0);
    super._onClose();
  }

  /** Ends the session when the client is late with what we wait for. Called at regular intervals. */
  enforceDeadline(nowMs: number): void {
    const phase = this.phase();
    const commands = this.counts.commands;
    if (phase === undefined) return;
    if (phase !== this.held.phase || commands !== this.held.commands) this.held = { phase, commands, sinceMs: nowMs };

    const { limitMs, reply } = this.deadlineOf(phase);
    if (nowMs - this.held.sinceMs >= limitMs) this.refuse(reply);
    else if (this.isSessionOver(nowMs, phase)) this.refuse(REPLIES.sessionOver);
  }

  /** A message on its way is waited for, a transaction only as long as a peer may be idle. */
  private isSessionOver(nowMs: number, phase: Phase): boolean {
    const { sessionMs, peerIdleMs } = this.listening.limits;
    const overMs = nowMs - this.openedMs - sessionMs;
    return overMs >= 0 && (!this.inTransaction() || (phase !== "data" && overMs >= peerIdleMs));
  }

  /** What the client owes us; undefined while it waits for us, or is gone. */
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

  /** The address is read here, and the parameters by the library, behind an address that it has nothing against. */
  override _parseAddressCommand(name: string, command: Buffer | string): ParsedAddress {
    const said = splitAddressCommand(command.toString());
    if (said?.name !== name.toUpperCase()) return false;
    const address = readPath(said.path, this.peer?.listed ?? false);
    if (address === undefined) return false;
    const stand = address === "" ? "<>" : "<address@mm4d.invalid>";
    const parsed = super._parseAddressCommand(name, `${name}:${stand}${said.behind}`);
    return parsed && { ...parsed, address };
  }
}

/** smtp-server's parser, with our reading of messages. */
class Mm4Stream extends SMTPStream {
  newReader: () => ReadData = () => {
    throw new Error("No reader is set");
  };
  onFault: (fault: DataFault) => void = () => {};
  private readData: ReadData | undefined;
  private onMessage: (message: Buffer | undefined) => void = () => {};
  /** Goes on with what came behind a message. */
  private goOn: () => void = () => {};

  /** From here on a message comes, and then nothing is read before `endMessage`. Undefined when it could not be held. */
  startMessage(onMessage: (message: Buffer | undefined) => void): void {
    this._dataMode = true;
    this.readData = this.newReader();
    this.onMessage = onMessage;
  }

  endMessage(): void {
    this.goOn();
  }

  /** A line without an end is no command: who knows what else it was to be. RFC 5321 §2.3.8. */
  override _flushData(): void {}

  /** By pieces: the library keeps the text that an unfinished line is cut from, and with it all that came along. */
  override _write(...[chunk, encoding, next]: Parameters<SMTPStream["_write"]>): void {
    if (this._dataMode || chunk.length <= MAX_COMMAND_BYTES) {
      super._write(chunk, encoding, next);
      return;
    }
    super._write(chunk.subarray(0, MAX_COMMAND_BYTES), encoding, (cause) => {
      if (cause) next(cause);
      else this._write(chunk.subarray(MAX_COMMAND_BYTES), encoding, next);
    });
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

/** smtp-server with our connections. It listens nowhere itself: sockets come through the door. */
export class Mm4Server extends SMTPServer {
  private readonly bySession = new WeakMap<SMTPServerSession, Mm4Connection>();

  admit(arrival: Arrival, listening: Listening): void {
    const connection = new Mm4Connection(this, listening, arrival);
    this.connections.add(connection);
    this.bySession.set(connection.session, connection);
    connection.on("error", (error: Error) => listening.onFailed(connection, error));
    connection.init();
  }

  connectionOf(session: SMTPServerSession): Mm4Connection {
    const connection = this.bySession.get(session);
    if (!connection) throw new Error("A session without a connection");
    return connection;
  }
}

const NO_ROOM: Answer = { reply: REPLIES.noRoom, onAnswered: () => {} };

/**
 * smtp-server's connection with three habits changed that its options do not reach.
 * Pinned to smtp-server 3.21.6; tests drive each over TCP.
 *
 * 1. It greets at once. The library waits 100 ms to catch spammers that talk
 *    too soon, which holds a relay with one report a connection to 9 a second.
 * 2. It takes addresses without a domain or without angle brackets.
 *    Seen in practice: `MAIL FROM:<mmsc.example.net>` (vectorcore),
 *    `RCPT TO:<system-user>`, `RCPT TO:+1…/TYPE=PLMN@host` (a Korean MMSC).
 * 3. A reply that brings its own enhanced code keeps it (RFC 2034).
 */
import { SMTPServer } from "smtp-server";
import { SMTPConnection } from "smtp-server/lib/smtp-connection.js";
import { REPLIES } from "./replies.ts";

type ParsedAddress = ReturnType<SMTPConnection["_parseAddressCommand"]>;
type Connect = SMTPServer["connect"];

export class Mm4Connection extends SMTPConnection {
  override init(): void {
    this._setListeners(() => {
      const { maxClients } = this._server.options;
      if (maxClients && this._server.connections.size > maxClients) {
        this.send(REPLIES.tooManyClients.code, REPLIES.tooManyClients.text);
        return;
      }
      this.connectionReady();
    });
  }

  override send(code: number, data?: string | string[] | null, context?: string | false): void {
    // The library's own words for a size that is announced in MAIL FROM.
    if (context === "MESSAGE_TOO_BIG") {
      this.send(code, REPLIES.messageTooLarge.text);
      return;
    }
    const enhanced = typeof data === "string" && /^[245]\.\d{1,3}\.\d{1,3} /.test(data);
    super.send(code, data, enhanced ? false : context);
    (this._server as Mm4Server).onReply(code);
  }

  override _parseAddressCommand(name: string, command: Buffer | string): ParsedAddress {
    return super._parseAddressCommand(name, command) || this.parseLeniently(name, command.toString());
  }

  private parseLeniently(name: string, command: string): ParsedAddress {
    const match = /^([a-z]+ [a-z]+) *: *(?:<([^\s<>]+)>|([^\s<>]+))( .*)?$/i.exec(command.trim());
    const [, verb, bracketed, bare, parameters = ""] = match ?? [];
    const address = bracketed ?? bare;
    if (verb === undefined || address === undefined) return false;
    const domainless = !address.includes("@");
    const whole = domainless ? `${address}@${NO_DOMAIN}` : address;
    const parsed = super._parseAddressCommand(name, `${verb}:<${whole}>${parameters}`);
    return parsed && domainless ? { ...parsed, address } : parsed;
  }
}

/** smtp-server with our connections. */
export class Mm4Server extends SMTPServer {
  /** Told the code of every reply. */
  onReply: (code: number) => void = () => {};

  override connect(...[socket, options]: Parameters<Connect>): void {
    const connection = new Mm4Connection(this, socket, options);
    this.connections.add(connection);
    connection.on("error", (error: Error) => this.emit("error", error));
    connection.init();
  }
}

/** Stands in for a missing domain while the library checks the rest of an address. RFC 2606 §2. */
const NO_DOMAIN = "no-domain.invalid";

/** A simulated carrier: reports from an address of its own, and an MMSC that takes what comes back. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readHeader } from "../../src/mm4/header.ts";
import { type Mmsc, type MmscMessage, type MmscOptions, startMmsc } from "../../src/simulator/mmsc.ts";
import { eventually, freePort } from "./redis.ts";
import { deliveryReport, type FieldsOf, HEADER_LIMITS } from "./report.ts";
import { announce, openSession } from "./smtp-client.ts";

export interface Carrier {
  readonly name: string;
  readonly address: string;
  /** Undefined while it is away. */
  readonly mmsc: () => Mmsc;
  /** Opens its MMSC, or opens it again. */
  open(): Promise<void>;
  /** What its MMSC was sent, whatever it answered. */
  readonly received: MmscMessage[];
  /** Delivers a message, and gives the reply. */
  deliver(port: number, message: Uint8Array, mailFrom?: string): Promise<string>;
  /** Delivers a report that asks for an acknowledgement, and gives the reply. */
  report(port: number, transactionId: string, fields?: FieldsOf, mailFrom?: string): Promise<string>;
  /** Fields of the responses to a transaction, once there are so many. */
  responses(transactionId: string, atLeast?: number): Promise<readonly ReadonlyMap<string, string>[]>;
}

export interface CarrierOptions extends Partial<MmscOptions> {
  /** Its entry beside name and addresses. */
  readonly entry?: Readonly<Record<string, unknown>>;
  readonly acknowledge?: Readonly<Record<string, unknown>>;
  /** Its MMSC is not there yet. */
  readonly away?: boolean;
}

export interface Carriers {
  readonly peersFile: string;
  add(name: string, options?: CarrierOptions): Promise<Carrier>;
  /** Writes the peers' file. */
  write(): void;
  stop(): Promise<void>;
}

export function createCarriers(): Carriers {
  const directory = mkdtempSync(join(tmpdir(), "mm4d-carriers-"));
  const peersFile = join(directory, "peers.json");
  const entries: unknown[] = [];
  let added = 0;
  const open: (() => Mmsc | undefined)[] = [];

  return {
    peersFile,
    async add(name, { entry = {}, acknowledge = {}, away = false, ...options } = {}) {
      added += 1;
      const address = `127.0.1.${added}`;
      const received: MmscMessage[] = [];
      const port = await freePort();
      let mmsc: Mmsc | undefined;
      const start = async (): Promise<void> => {
        mmsc = await startMmsc({ host: "127.0.0.1", ...options, port, onMessage: (message) => received.push(message) });
      };
      if (!away) await start();
      open.push(() => mmsc);
      entries.push({ name, addresses: [address], acknowledge: { host: "127.0.0.1", port, ...acknowledge }, ...entry });
      const to = (transactionId: string) =>
        received.flatMap(({ bytes, answer }) => {
          const fields = fieldsOf(bytes);
          return answer === "taken" && fields.get("x-mms-transaction-id") === transactionId ? [fields] : [];
        });
      const deliver: Carrier["deliver"] = async (servicePort, message, mailFrom = `system-user@${name}.example`) => {
        const client = await openSession(servicePort, { from: address });
        const refused = await announce(client, undefined, mailFrom);
        if (refused !== undefined) return refused;
        client.write(message);
        client.write(".\r\n");
        const reply = await client.reply();
        client.end();
        return reply;
      };
      return {
        name,
        address,
        received,
        open: start,
        mmsc: () => {
          if (!mmsc) throw new Error(`${name}'s MMSC is away`);
          return mmsc;
        },
        deliver,
        report: (servicePort, transactionId, fields = {}, mailFrom) =>
          deliver(
            servicePort,
            deliveryReport({
              "X-Mms-Transaction-ID": transactionId,
              "X-Mms-Message-ID": `"mm of ${transactionId}"`,
              "X-Mms-Ack-Request": "Yes",
              Sender: `sender@${name}.example`,
              ...fields,
            }),
            mailFrom,
          ),
        responses: (transactionId, atLeast = 1) =>
          eventually(
            () => to(transactionId),
            (found) => found.length >= atLeast,
          ),
      };
    },
    write: () => writeFileSync(peersFile, JSON.stringify({ peers: entries })),
    async stop() {
      await Promise.all(open.map((mmsc) => mmsc()?.stop()));
      rmSync(directory, { recursive: true });
    },
  };
}

export function fieldsOf(bytes: Uint8Array): ReadonlyMap<string, string> {
  const header = readHeader(bytes, HEADER_LIMITS);
  if (!header.ok) throw new Error(header.error.kind);
  return new Map(header.value.fields.map(({ key, bytes: value }) => [key, value]));
}

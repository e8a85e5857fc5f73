/** What `mm4d doctor` finds of the ports and the open files that a service has, or could have here. */
import { connect, createServer } from "node:net";
import type { ServiceFacts } from "../process/control.ts";
import { DENIED, openFilesLimit, tooFewFiles, whyNotListening } from "../process/system-limits.ts";
import type { Config } from "../settings/config.ts";
import { describeHeld, type Found, holderFor, runnerOf, weightiest } from "./find-service.ts";
import { type Finding, type Findings, fault, inWords, ok, warning } from "./finding.ts";
import type { Holder } from "./port-holder.ts";
import { reached } from "./running-service.ts";

type None = Extract<Found, { kind: "none" }>;

const ANSWERS_WITHIN_MS = 3_000;

/** Whether the ports of a running service can be reached from here. */
export async function lookAtPorts({ smtp, smtps }: ServiceFacts): Promise<Findings> {
  const ports = [{ about: "SMTP", ...smtp }, ...(smtps ? [{ about: "SMTP with TLS", ...smtps }] : [])];
  return Promise.all(
    ports.map(async ({ about, host, port }): Promise<Finding> => {
      const why = await connectTo(reached(host), port);
      if (why === null) return ok(about, `takes connections on ${host}:${port}`);
      return fault(about, `${host}:${port} cannot be reached: ${why}. See to the firewall`);
    }),
  );
}

/** Whether a service could listen there, or who listens already. */
export async function lookForPorts(
  { smtpHost, smtpPort, smtpsPort, adminHost, adminPort }: Config,
  { looks }: None,
): Promise<Findings> {
  const ports = [
    { about: "SMTP", host: smtpHost, port: smtpPort, setting: "MM4D_SMTP_PORT" },
    ...(smtpsPort === null
      ? []
      : [{ about: "SMTP with TLS", host: smtpHost, port: smtpsPort, setting: "MM4D_SMTPS_PORT" }]),
    { about: "HTTP", host: adminHost, port: adminPort, setting: "MM4D_ADMIN_PORT" },
  ];
  return Promise.all(
    ports.map(async ({ about, host, port, setting }): Promise<Finding> => {
      const why = await listenOn(host, port);
      if (why === null) return ok(about, `${host}:${port} is free`);
      if (why.startsWith(DENIED)) return fault(about, `cannot listen on ${host}:${port}: ${why}. Or set ${setting}`);
      const held = holderFor(host, [port]);
      if (held && isMm4d(held.holder, looks)) return ok(about, `${describeHeld(held, weightiest(looks).dataDir)}`);
      const who = held ? `. ${describeHeld(held, "")}` : "";
      return fault(about, `cannot listen on ${host}:${port}: ${why}${who}. Free it, or set ${setting}`);
    }),
  );
}

/** Of the running service, else of one that is started here. */
export function lookAtOpenFiles({ maxClients }: Config, running: ServiceFacts | undefined): Findings {
  const about = "open files";
  const limit = openFilesLimit(running?.pid);
  if (limit === null) return [];
  const [few] = tooFewFiles(limit, maxClients);
  if (few !== undefined) return [warning(about, few)];
  return [ok(about, `${limit === Number.POSITIVE_INFINITY ? "without a limit" : `at most ${limit}`}`)];
}

/** An mm4d that was not asked, or did not answer, is expected to hold its port. */
function isMm4d(holder: Holder, looks: None["looks"]): boolean {
  if (holder.process !== null) return holder.process.dataDir !== null;
  return looks.some((look) => look.state === "denied" && runnerOf(look, holder) === holder.uid);
}

/** Null when it can. */
function listenOn(host: string, port: number): Promise<string | null> {
  return new Promise((done) => {
    const server = createServer();
    server.once("error", (cause: NodeJS.ErrnoException) => {
      done(cause.code === "EACCES" ? whyNotListening(cause) : inWords(cause));
    });
    server.listen(port, host, () => server.close(() => done(null)));
  });
}

/** Null when it can. */
function connectTo(host: string, port: number): Promise<string | null> {
  return new Promise((done) => {
    const socket = connect({ host, port, timeout: ANSWERS_WITHIN_MS }, () => {
      socket.destroy();
      done(null);
    });
    socket.once("timeout", () => socket.destroy(new Error("no answer")));
    socket.once("error", (cause) => done(inWords(cause)));
  });
}

/** bull-board on our queues: to look at, never to change anything; numbers masked, and no message's bytes. */
import { setImmediate as turn } from "node:timers/promises";
import { createBullBoard } from "@bull-board/api";
import { BullMQAdapter } from "@bull-board/api/bullMQAdapter";
import { HonoAdapter } from "@bull-board/hono";
import { serveStatic } from "@hono/node-server/serve-static";
import { Hono } from "hono";
import { secureHeaders } from "hono/secure-headers";
import type { Acknowledgement } from "../delivery/acknowledgement.ts";
import type { DeliveryEvent } from "../delivery/event.ts";
import { beginningOf, beginningOfValue } from "../text/beginning.ts";
import { acknowledgementMask, mapTexts, maskAllNumbers, maskEvent, partiesOf } from "../text/masking.ts";
import { visible, visibleJson } from "../text/visible.ts";
import { BOARD_PATH } from "./layout.ts";

export type BoardQueue = ConstructorParameters<typeof BullMQAdapter>[0];

export function createBoard(queues: readonly BoardQueue[]): Hono {
  const server = new HonoAdapter(serveStatic).setBasePath(BOARD_PATH);
  const adapters = queues.map((queue) => {
    const adapter = new BullMQAdapter(queue, { readOnlyMode: true, allowRetries: false });
    adapter.setFormatter("data", (data) => mapTexts(shownJob(data), visible));
    return adapter;
  });
  createBullBoard({
    queues: adapters,
    serverAdapter: server,
    options: { uiConfig: { boardTitle: "mm4d queues", miscLinks: [{ text: "mm4d", url: "/" }] } },
  });

  const board = new Hono();
  // Its page has styles of its own within, and asks another host for a typeface.
  board.use(
    secureHeaders({
      contentSecurityPolicy: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'", "'unsafe-inline'"],
        imgSrc: ["'self'", "data:"],
        fontSrc: ["'self'"],
        connectSrc: ["'self'"],
        baseUri: ["'self'"],
        frameAncestors: ["'none'"],
        formAction: ["'none'"],
      },
      strictTransportSecurity: false,
    }),
  );
  board.use(async (c, next) => {
    if (c.req.method !== "GET" && c.req.method !== "HEAD") return c.text("Nothing can be changed here\n", 405);
    if (Number(c.req.query("jobsPerPage") ?? 0) > MAX_JOBS_PER_PAGE) return c.text("Too many at once\n", 400);
    await next();
    const type = c.res.headers.get("content-type") ?? "";
    if (c.req.path.startsWith(`${BOARD_PATH}/api/`) && type.startsWith("application/json")) {
      const shown = JSON.stringify(await withoutNumbers(await c.res.json()));
      c.res = c.body(visibleJson(shown), c.res.status as 200, { "content-type": type });
    }
    if (type.startsWith("text/html")) {
      c.res = await c.html(withoutForeignLinks(await c.res.text()));
    }
    return undefined;
  });
  board.route("/", server.registerPlugin());
  return board;
}

function withoutForeignLinks(page: string): string {
  return page.replace(/<link[^<>]*>/g, (link) => (/href="https?:/.test(link) ? "" : link));
}

const MAX_JOBS_PER_PAGE = 100;

/**
 * What is shown of a job, by what it is: an event, an acknowledgement, a message in
 * quarantine or a bounce. As much of it as a person looks at, because the board makes
 * all jobs of a page in one go.
 */
export function shownJob(data: Readonly<Record<string, unknown>>): unknown {
  if (data.specversion !== undefined) {
    const event = data as unknown as DeliveryEvent;
    return maskEvent(beginningOfValue(event) as DeliveryEvent, partiesOf(event));
  }
  const { raw, ...rest } = data;
  const shown = beginningOfValue(rest) as Readonly<Record<string, unknown>>;
  if (data.requestStatus !== undefined) return maskAcknowledgement(shown, data as unknown as Acknowledgement);
  const told = { ...shown, ...(mapTexts(pick(shown, FREE_TEXTS_KEPT), maskAllNumbers) as object) };
  if (typeof raw !== "string") return told;
  return { ...told, raw: `${Buffer.byteLength(raw, "base64")} bytes: see Quarantine` };
}

/** Its ids stay, but for the numbers of its parties; what its MMSC said is free text. */
function maskAcknowledgement(shown: Readonly<Record<string, unknown>>, ack: Acknowledgement): object {
  return {
    ...shown,
    ...(mapTexts(pick(shown, ECHOED), acknowledgementMask(ack)) as object),
    ...(mapTexts(pick(shown, ["bounce"]), maskAllNumbers) as object),
  };
}

/** What a peer wrote of an acknowledgement. */
const ECHOED: readonly (keyof Acknowledgement)[] = [
  "messageId",
  "transactionId",
  "version",
  "to",
  "originator",
  "numbers",
];
/** What is free text of a message in quarantine; the rest is ours. */
const FREE_TEXTS_KEPT: readonly string[] = ["detail"];

function pick(from: Readonly<Record<string, unknown>>, names: readonly string[]): object {
  return Object.fromEntries(names.flatMap((name) => (name in from ? [[name, from[name]]] : [])));
}

/** What consumers write on a job, and its log, which is a list of texts. */
const FREE_TEXTS: readonly string[] = ["failedReason", "stacktrace", "progress", "returnValue"];

/** Reports are taken between two of its parts: a page has a hundred jobs. */
async function withoutNumbers(answer: unknown): Promise<unknown> {
  if (Array.isArray(answer)) {
    const parts: unknown[] = [];
    for (const part of answer) {
      await turn();
      parts.push(typeof part === "string" ? freeText(part) : await withoutNumbers(part));
    }
    return parts;
  }
  if (answer === null || typeof answer !== "object") return answer;
  const parts: [string, unknown][] = [];
  for (const [name, part] of Object.entries(answer)) {
    const free = FREE_TEXTS.includes(name);
    parts.push([
      name,
      free ? mapTexts(beginningOfValue(part), freeText) : name === "data" ? part : await withoutNumbers(part),
    ]);
  }
  return Object.fromEntries(parts);
}

/** Seen as it is: nothing in it turns round or hides what stands beside it. */
function freeText(text: string): string {
  return visible(maskAllNumbers(beginningOf(text)));
}

/** Queue: who consumes, what waits, what failed and why; and giving failed jobs back to consumers. */
import { type Context, Hono } from "hono";
import { html } from "hono/html";
import type { QueueUse } from "../monitoring/observed.ts";
import type { QueueRates } from "../queue/queue-rates.ts";
import { durationInWords, some } from "../text/quantities.ts";
import { visible } from "../text/visible.ts";
import { BOARD_PATH, type Html, layout, pathOf } from "./layout.ts";
import type { Part } from "./live.ts";
import { addressOf, type Login, type PageEnv, pathIn } from "./login.ts";
import type { EventQueue, OnAction, Operations } from "./operations.ts";
import { ago } from "./pieces.ts";
import { listedErrors } from "./queue-errors.ts";
import { anchor, listedAddress, listedIn, listedJobs } from "./queue-list.ts";
import { replaysCard } from "./replays-card.ts";

export function queuePage(operations: Operations, { mayAct }: Login, onAction: OnAction): Hono<PageEnv> {
  const routes = new Hono<PageEnv>();

  routes.get("/queue", async (c) => {
    const { operator } = c.var;
    const away = operations.redisAway();
    const sections: Section[] = [];
    for (const queue of away === null ? operations.eventQueues() : []) {
      sections.push(await section(operations, queue, sections.length, c));
    }
    const isWhole = away === null && sections.every((one) => one.isWhole);
    const body = html`<h1>Queue</h1>
      ${done(c.req.query("retried"))}
      ${away === null ? sections.map(({ shown }) => shown) : html`<p class="card">The queue cannot be looked at: ${away}.</p>`}
      <div data-live="replays">${away === null ? await replaysCard(operations, operator) : ""}</div>
      <p><a href="${BOARD_PATH}/">Every job, as BullMQ keeps it</a> (bull-board, read-only)</p>`;
    return c.html(layout({ title: "Queue", path: pathOf(c), operator, body }), isWhole ? 200 : 503);
  });

  routes.post("/queue/retry", mayAct, async (c) => {
    const { queue, id, error, next } = await c.req.parseBody();
    const which = typeof id === "string" ? { id } : typeof error === "string" ? { error } : null;
    // Only queues of events, because what BullMQ keeps in others is nothing to be retried here.
    if (which === null || !operations.eventQueues().some(({ name }) => name === queue)) {
      return c.text("The queue and what to retry on it must be named\n", 400);
    }
    let retried = 0;
    const onGiven = (count: number): void => {
      retried = count;
    };
    try {
      retried = await operations.views.retry(String(queue), which, addressOf(c), onGiven);
    } catch (cause) {
      const body = html`<h1>Retry</h1>${brokenOff(retried, (cause as Error).message)}<p><a href="/queue">Queue</a></p>`;
      return c.html(layout({ title: "Retry", path: pathOf(c), operator: c.var.operator, body }), 503);
    } finally {
      onAction("jobs-retried", { address: addressOf(c), queue, ...which, retried });
    }
    const back = typeof next === "string" ? pathIn(next) : "/queue";
    return c.redirect(`${back}${back.includes("?") ? "&" : "?"}retried=${retried}`, 303);
  });
  return routes;
}

/** It shows a number only, because anybody can write a query into a link. */
function done(text: string | undefined): Html {
  const count = Number.parseInt(text ?? "", 10);
  return count >= 0
    ? html`<p class="card done" role="status">${some(count, "event")} given back to consumers.</p>`
    : html``;
}

/** The last that were given back may not have been told of. */
function brokenOff(given: number, why: string): Html {
  const told = given === 0 ? "no event, as far as is known" : `at least ${some(given, "event")}`;
  return html`<p class="card" role="alert">Given back to consumers: ${told}. Then it broke off: ${visible(why)}. What was not given back is still listed as failed.</p>`;
}

interface Section {
  readonly shown: Html;
  /** False where something of it could not be found. */
  readonly isWhole: boolean;
}

/** `index`: of further queues, so that each has an anchor and a live part of its own. */
async function section(
  operations: Operations,
  queue: EventQueue,
  index: number,
  c: Context<PageEnv>,
): Promise<Section> {
  const { operator } = c.var;
  const { name } = queue;
  const wanted = listedIn(c.req.query("show"));
  const [troubles, rates, listed] = await Promise.all([
    operations.views.troubles(name, addressOf(c)).catch((cause: Error) => cause),
    operations.queueRates(name).catch((cause: Error) => cause),
    wanted && operations.views.listed(name, wanted, addressOf(c)).catch((cause: Error) => cause),
  ]);
  const shown = html`<section class="card" aria-label="${name}">
    <h2>${visible(name)}</h2>
    <div data-live="${partOf(index)}">${counts(queue, index)}</div>
    ${consumers(queue, index)} ${connecting(name)}
    ${rates instanceof Error ? html`<p class="fault">What the last minute brought cannot be counted: ${visible(rates.message)}.</p>` : lastMinute(rates, queue, index)}
    ${wanted === null || listed === null ? "" : listed instanceof Error ? html`<p class="fault">It cannot be listed: ${visible(listed.message)}.</p>` : listedJobs(wanted, listed, index, operator)}
    ${troubles instanceof Error ? html`<p class="fault">The errors cannot be listed: ${visible(troubles.message)}.</p>` : listedErrors(troubles, { queue: name, index, operator })}
  </section>`;
  return { shown, isWhole: [troubles, rates, listed].every((found) => !(found instanceof Error)) };
}

function lastMinute({ completed, isMore, failed }: QueueRates, { name }: EventQueue, index: number): Html {
  const consumed =
    completed === null
      ? "consumed events are not kept so long, and so not counted"
      : html`${isMore ? "at least " : ""}${counted("consumed", completed, boardAddress(name, "completed"))}`;
  return html`<p>In the last minute: ${consumed}, ${counted("failed", failed, `#${anchor("failed", index)}`)}.</p>`;
}

/** What is live on this page: the counts of each queue, and replays. The errors are found when it is opened, because that is much work. */
export function queueParts(operations: Operations): Readonly<Record<string, Part>> {
  const part = (index: number) => async (): Promise<string> => {
    const queue = operations.redisAway() === null ? operations.eventQueues()[index] : undefined;
    return queue === undefined ? "<p>Not known: Redis is away.</p>" : counts(queue, index).toString();
  };
  const replays: Part = (_, look) =>
    operations.redisAway() === null
      ? replaysCard(operations, look)
      : Promise.resolve("<p>Not known: Redis is away.</p>");
  return { ...Object.fromEntries(operations.eventQueues().map((_, index) => [partOf(index), part(index)])), replays };
}

function partOf(index: number): string {
  return `queue-${index}`;
}

function counts({ use }: EventQueue, index: number): Html {
  if (use === undefined) return html`<p>It was not looked at yet. That takes some seconds from the start.</p>`;
  const { jobs, oldestWaitingAt, paused, workers, workersUnknown } = use;
  const count = (state: string): number => jobs[state] ?? 0;
  const oldest =
    oldestWaitingAt === null ? "" : `, the oldest for ${durationInWords(Date.now() - oldestWaitingAt.getTime())}`;
  return html`<ul class="counts">
      <li>${workers === null ? html`<strong>?</strong> consumers` : counted(workers === 1 ? "consumer" : "consumers", workers, `#${anchor("consumers", index)}`)}</li>
      <li>${counted("waiting", count("waiting"), listedAddress("waiting", index))}${oldest}</li>
      <li>${counted("active", count("active"), listedAddress("active", index))}</li>
      <li>${counted("retrying", count("delayed"), `#${anchor("retrying", index)}`)}</li>
      <li>${counted("failed", count("failed"), `#${anchor("failed", index)}`)}</li>
      ${paused ? html`<li><strong>paused</strong></li>` : ""}
    </ul>
    ${workers === null ? html`<p>Consumers cannot be counted: ${visible(workersUnknown ?? "")}.</p>` : ""}
    ${workers === 0 ? noConsumer(use) : ""}`;
}

/** A count that leads to what it counts, where there is any. */
function counted(words: string, count: number, address: string): Html {
  const text = html`<strong>${count.toLocaleString("en")}</strong> ${words}`;
  return count === 0 ? text : html`<a href="${address}">${text}</a>`;
}

/** Where bull-board has the jobs of a queue. */
function boardAddress(queue: string, status: string): string {
  return `${BOARD_PATH}/queue/${encodeURIComponent(queue)}?status=${status}`;
}

function consumers({ workers, use }: EventQueue, index: number): Html {
  if (workers.length === 0) return html``;
  const more = (use?.workers ?? 0) - workers.length;
  return html`<details><summary>Consumers</summary>
    <ul id="${anchor("consumers", index)}">${workers.map(
      ({ name, address, connectedSeconds }) =>
        html`<li>${name === null ? "without a name" : html`<strong>${visible(name)}</strong>`} from ${visible(address)}, connected for ${durationInWords(connectedSeconds * 1_000)}</li>`,
    )}</ul>
    ${more > 0 ? html`<p>There are ${more} more.</p>` : ""}
  </details>`;
}

function noConsumer({ waits, notTakenMs, workersSeenAt }: QueueUse): Html {
  const since = notTakenMs === null ? "" : ` for ${durationInWords(notTakenMs)}`;
  const seen =
    workersSeenAt === null
      ? "None was seen in the last 30 days."
      : html`Last seen ${ago(workersSeenAt.toISOString())}.`;
  return html`<p class="${waits > 0 ? "unusual" : ""}">No consumer is connected${waits > 0 ? `, and nothing was taken${since}` : ""}. ${seen}</p>`;
}

/** Not in the live part, which would close it again. */
function connecting(queue: string): Html {
  const code = `import { consume } from "mm4d/consumer";

await consume(async (event) => console.log(event.subject, event.data.outcome), {
  connection: { url: process.env.REDIS_URL },
  queue: ${JSON.stringify(queue)},
});`;
  return html`<details><summary>How to connect a consumer</summary>
    <p>A consumer is a worker of BullMQ on this queue. This one prints each event and so takes it off the queue; its <code>prefix</code> is MM4D_QUEUE_PREFIX, where that is set. docs/consumers.md tells the rest, also for other languages.</p>
    <pre class="code" tabindex="0">${code}</pre>
  </details>`;
}

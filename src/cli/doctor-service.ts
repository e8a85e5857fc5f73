/** What `mm4d doctor` finds of the service: whether it runs, and what it says of itself. */
import type { Reason } from "../monitoring/reasons.ts";
import type { Status } from "../monitoring/status.ts";
import { askControl } from "../process/control-client.ts";
import { describeNone, type Found, weightiest } from "./find-service.ts";
import { type Finding, type Findings, fault, faults, inWords, ok, warning } from "./finding.ts";
import { reached } from "./running-service.ts";
import type { Settings } from "./settings.ts";

type Running = Extract<Found, { kind: "running" }>;
type None = Extract<Found, { kind: "none" }>;

const ANSWERS_WITHIN_MS = 3_000;

/** No running service is a warning, because none need run. A service that does not answer, or that we may not ask, is a fault. */
export function lookForService(found: None, settings: Settings): Findings {
  const look = weightiest(found.looks);
  const isFault =
    look.state === "silent" || look.state === "first-down" || (look.state === "denied" && look === found.looks[0]);
  return [(isFault ? fault : warning)("service", describeNone(found, settings))];
}

/** What a running service says of itself. */
export async function lookAtService({ facts, dataDir, elsewhere }: Running): Promise<Findings> {
  const about = "service";
  const { port } = facts.admin;
  const host = reached(facts.admin.host);
  const found: Finding = ok(about, `running, pid ${facts.pid}${elsewhere ? `, on ${dataDir}` : ""}`);
  try {
    const response = await fetch(`http://${host.includes(":") ? `[${host}]` : host}:${port}/healthz`, {
      signal: AbortSignal.timeout(ANSWERS_WITHIN_MS),
    });
    const text = await response.text();
    const status = (await askControl(dataDir, "status")) as Status | undefined;
    const reasons = status?.reasonsInFull ?? [];
    const unknown = describeUnknown(status);
    if (reasons.length > 0) return [found, ...reasons.map(ofReason), ...unknown];
    // Its state has changed meanwhile, or its version sends sentences only.
    if (!response.ok) return [found, ...faults("health", text.trim())];
    return [{ ...found, text: `${found.text}; all is well` }, ...unknown];
  } catch (cause) {
    return [found, fault("health", `/healthz does not answer: ${inWords(cause)}`)];
  }
}

/** The reason in the words of page, status and /healthz, with what to do. */
function ofReason({ state, text, remedy }: Reason): Finding {
  // A link of operating.md becomes its words.
  const plain = remedy.replace(/\[([^\][]*)\]\([^()]*\)/g, "$1").replaceAll("`", "");
  return (state === "not-well" ? fault : warning)("health", `${text}. ${plain}`);
}

/** No fault, but the person should know that this was not checked. */
function describeUnknown(status: Status | undefined): Findings {
  const why = status?.workersUnknown ?? null;
  if (why === null) return [];
  const text = `whether one is connected cannot be told: ${why}`;
  return [
    why.startsWith("NOPERM")
      ? warning("consumers", `${text}. Let our user of Redis see them: +client|list, as in ops/redis/users.acl`)
      : ok("consumers", text),
  ];
}

/** Reads the settings from an environment. */
import { BOUNDS } from "../bounds/bounds.ts";
import { err, ok, type Result } from "../result.ts";
import { type Config, SETTINGS, type Setting, type SettingName } from "./config.ts";
import { type Environment, notesOn, unknownNames } from "./environment-names.ts";
import { readNamedFile } from "./named-file.ts";
import { ACKNOWLEDGEMENTS_QUEUE, QUARANTINE_QUEUE } from "./queue-names.ts";
import { readRedisUrl } from "./redis-url.ts";
import { serviceOf } from "./service-links.ts";
import { shownText, unseenIn } from "./shown.ts";
import { isLoopback, readQueues } from "./values.ts";

/** Where an effective value came from. */
export type Origin = "default" | "environment" | "file" | "command line";

export interface LoadedConfig {
  readonly config: Config;
  readonly origins: Readonly<Record<SettingName, Origin>>;
  /** Each value as it would be written in the environment, secrets not masked. */
  readonly texts: Readonly<Record<SettingName, string>>;
  /** What a user should know about the environment. */
  readonly notes: readonly string[];
}

const ROWS = Object.entries(SETTINGS) as [SettingName, Setting<unknown>][];

/**
 * Reads the settings from an environment. An empty value counts as not set.
 * Fails with one sentence for each fault, all at once: a value outside its
 * bounds, a `…_FILE` that cannot be read, an `MM4D_…` name that is no setting.
 */
export function loadConfig(env: Environment): Result<LoadedConfig, readonly string[]> {
  const faults: string[] = [];
  const values: Record<string, unknown> = {};
  const origins: Record<string, Origin> = {};
  const texts: Record<string, string> = {};

  for (const [name, setting] of ROWS) {
    const given = readText(setting, env, faults);
    const text = given?.text ?? setting.fallback;
    const value = setting.read(text);
    if (value === undefined) faults.push(`${setting.env} ${faultOf(setting, text)}`);
    values[name] = value;
    origins[name] = given?.origin ?? "default";
    texts[name] = text;
  }
  faults.push(...unknownNames(env), ...contradictions(texts));
  if (faults.length > 0) return err(faults);
  return ok({
    config: values as Config,
    origins: origins as LoadedConfig["origins"],
    texts: texts as LoadedConfig["texts"],
    notes: notesOn(env),
  });
}

function readText(
  { env: name, secret }: Setting<unknown>,
  env: Environment,
  faults: string[],
): { text: string; origin: Origin } | undefined {
  const text = env[name] ?? "";
  const file = secret ? (env[`${name}_FILE`] ?? "") : "";
  if (text !== "" && file !== "") faults.push(`${name} and ${name}_FILE are both set, must be one of them`);
  if (file === "") return text === "" ? undefined : { text, origin: "environment" };
  try {
    return { text: readNamedFile(file, BOUNDS.secretFileBytes.value).trim(), origin: "file" };
  } catch (cause) {
    faults.push(
      `${name}_FILE is "${shownText(file)}", must be a file that can be read: ${shownText((cause as Error).message)}`,
    );
    return undefined;
  }
}

function faultOf({ env, secret, type, fault }: Setting<unknown>, text: string): string {
  if (fault) return fault(text);
  const shown = secret ? `a value that is not shown${unseenIn(text)}` : `"${shownText(text)}"`;
  return `is ${shown}, must be ${type}${whoseLink(env, text)}`;
}

/** Kubernetes may put a Service's address under the name of one of our settings. */
function whoseLink(name: string, text: string): string {
  const service = serviceOf(name, text);
  if (service === null) return "";
  return `. Kubernetes put it there, for the Service "${service}": set enableServiceLinks: false in the pod's spec, or ${name} itself`;
}

const OUR_QUEUES = [QUARANTINE_QUEUE, ACKNOWLEDGEMENTS_QUEUE];

/** A sentence for each fault of settings that do not go together. */
function contradictions({
  redisUrl,
  redisSentinels,
  redisTlsCertFile,
  redisTlsKeyFile,
  redisTlsCaFile,
  redisSentinelUser,
  peers,
  peersFile,
  tlsCertFile,
  tlsKeyFile,
  smtpsPort,
  adminHost,
  adminToken,
  queue,
  queues,
}: Record<string, string>): readonly string[] {
  const faults: string[] = [];
  if (peers && peersFile) faults.push("MM4D_PEERS and MM4D_PEERS_FILE are both set, must be one of them");
  if (Boolean(tlsCertFile) !== Boolean(tlsKeyFile)) {
    faults.push("MM4D_TLS_CERT_FILE and MM4D_TLS_KEY_FILE are not both set, must be both or none");
  }
  if (Boolean(redisTlsCertFile) !== Boolean(redisTlsKeyFile)) {
    faults.push("MM4D_REDIS_TLS_CERT_FILE and MM4D_REDIS_TLS_KEY_FILE are not both set, must be both or none");
  }
  const address = readRedisUrl(redisUrl || "redis://");
  // Without TLS these files would silently have no effect.
  if ((redisTlsCertFile || redisTlsCaFile) && address.ok && !address.value.tls) {
    faults.push(
      `${redisTlsCertFile ? "MM4D_REDIS_TLS_CERT_FILE" : "MM4D_REDIS_TLS_CA_FILE"} is set and Redis is not asked for TLS, must be with a REDIS_URL that begins with rediss://`,
    );
  }
  if (redisSentinelUser && !redisSentinels) {
    faults.push("MM4D_REDIS_SENTINEL_USER is set without MM4D_REDIS_SENTINELS, must be with it");
  }
  if (smtpsPort && !tlsCertFile) faults.push("MM4D_SMTPS_PORT is set without MM4D_TLS_CERT_FILE, must be with it");
  for (const name of [queue, ...OUR_QUEUES]) {
    if (readQueues(queues ?? "")?.some((further) => further.queue === name)) {
      faults.push(`MM4D_QUEUES names "${shownText(name ?? "")}", which has a use already, must be another name`);
    }
  }
  if (!adminToken && !isLoopback(adminHost ?? "")) {
    faults.push(
      `MM4D_ADMIN_HOST is "${shownText(adminHost ?? "")}" without MM4D_ADMIN_TOKEN, must be 127.0.0.1 or ::1 without one`,
    );
  }
  return faults;
}

/**
 * Dockerfile and docker-compose.yml: linted, held against the program, and their
 * commands run. `npm run image` builds and runs the image itself.
 */
import { execFile, spawn } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { validate } from "dockerfile-utils";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { SETTINGS } from "../../src/settings/config.ts";
import { loadConfig } from "../../src/settings/load.ts";
import { eventually, freePort, startRedis } from "../support/redis.ts";
import { cleanEnv, startServiceProcess } from "../support/service.ts";
import { unpacked } from "../support/unpacked.ts";

interface Container {
  readonly image: string;
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string | number>>;
  readonly healthcheck?: { readonly test?: readonly string[]; readonly disable?: boolean };
  readonly volumes?: readonly string[];
  readonly ports?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly profiles?: readonly string[];
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly logging?: { readonly options: Readonly<Record<string, string>> };
  readonly restart?: string;
  readonly network_mode?: string;
  readonly networks?: readonly string[];
  readonly stop_grace_period?: string;
  readonly ulimits?: { readonly nofile: number };
}

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const read = (path: string): string => readFileSync(`${ROOT}${path}`, "utf8");
const run = promisify(execFile);

const dockerfile = read("Dockerfile");
const [build = "", result = ""] = dockerfile.split(/^(?=FROM )/m).slice(1);
const { services, volumes, networks } = parse(read("docker-compose.yml"), { merge: true }) as {
  services: Readonly<Record<string, Container>>;
  volumes: Readonly<Record<string, null>>;
  networks: Readonly<Record<string, { readonly internal?: boolean } | null>>;
};
const all = Object.entries(services).map(([name, service]) => ({ name, ...service }));
const { redis, mm4d, token, prometheus, grafana, simulator, consumer } = services as Record<string, Container>;
const known = Object.values(SETTINGS).flatMap((setting) =>
  "secret" in setting ? [setting.env, `${setting.env}_FILE`] : [setting.env],
);
const settingsOf = (text: string) => [...text.matchAll(/\b(?:MM4D_\w+|REDIS_URL\w*)/g)].map(([name]) => name);

/** A command in exec form, with node as the one that runs the tests. */
function commandOf(text: string | undefined): [string, ...string[]] {
  const [program, ...args] = JSON.parse(text ?? "[]") as string[];
  expect(program).toBe("node");
  return [process.execPath, ...args];
}

describe("the Dockerfile", () => {
  test("has nothing that a linter minds, and the linter minds something", () => {
    expect(validate(dockerfile, {})).toEqual([]);
    expect(validate(dockerfile.replace("WORKDIR /app", "WORKDIR app"))).toHaveLength(1);
  });

  test("builds and runs on the same pinned Node.js, and leaves to the user node what it runs", () => {
    const bases = [...dockerfile.matchAll(/^FROM (\S+)/gm)].map(([, base]) => base);
    expect(bases).toEqual(["node:24-bookworm-slim", "node:24-bookworm-slim"]);
    expect(build).toContain("npm prune --omit=dev");
    expect(result).toMatch(/^USER node$/m);
    expect(result).not.toMatch(/^(?:RUN|COPY).*\n(?:.*\n)*?USER root/m);
    expect(result).toMatch(/rm -rf .*node_modules/);
  });

  test("its labels are package.json's", () => {
    const { name, version, description, license } = JSON.parse(read("package.json")) as Record<string, string>;
    const labels = [...result.matchAll(/org\.opencontainers\.image\.(\w+)="([^"]*)"/g)].map(([, key, value]) => [
      key,
      value,
    ]);
    expect(Object.fromEntries(labels)).toEqual({ title: name, version, description, licenses: license });
  });

  test("what it copies is there, and is let through by .dockerignore, which lets nothing else through", () => {
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, paths = ""]) =>
      paths.split(" "),
    );
    const lines = read(".dockerignore").split("\n");
    const passed = lines.filter((line) => line.startsWith("!")).map((line) => line.slice(1));
    expect(copied.sort()).toEqual(passed.sort());
    expect(lines.filter((line) => line !== "" && !/^[#!]/.test(line))).toEqual(["*"]);
    for (const path of copied) expect([path, existsSync(ROOT + path)]).toEqual([path, true]);
  });

  test("its settings are settings", () => {
    const [, env = ""] = /^ENV ((?:.*\\\n)*.*)$/m.exec(result) ?? [];
    expect(settingsOf(env).filter((name) => !known.includes(name))).toEqual([]);
    expect(settingsOf(env)).toContain("MM4D_DATA_DIR");
  });

  test("its command runs the service, which ends at SIGTERM", async () => {
    const command = commandOf(/^CMD (.*)$/m.exec(result)?.[1]);
    const [smtpPort, adminPort] = [await freePort(), await freePort()];
    const directory = mkdtempSync(join(tmpdir(), "mm4d-containers-"));
    const [program, ...args] = command;
    const env = cleanEnv({
      // Nobody listens there: it starts all the same.
      REDIS_URL: `redis://127.0.0.1:${await freePort()}`,
      MM4D_DATA_DIR: directory,
      MM4D_SMTP_PORT: String(smtpPort),
      MM4D_ADMIN_PORT: String(adminPort),
      MM4D_SHUTDOWN_DELAY_MS: "0",
    });
    const child = spawn(program, args, { cwd: ROOT, env, stdio: "ignore" });
    try {
      const ended = new Promise((resolve) => child.once("exit", (code, signal) => resolve(code ?? signal)));
      await eventually(
        () => checkHealth({ MM4D_ADMIN_PORT: String(adminPort) }),
        (code) => code === 0,
      );
      child.kill("SIGTERM");
      expect(await ended).toBe(0);
    } finally {
      child.kill("SIGKILL");
      rmSync(directory, { recursive: true });
    }
  });
});

/** Exit code of the image's health check. */
async function checkHealth(settings: Readonly<Record<string, string>>): Promise<number> {
  const [program, ...args] = commandOf(/^HEALTHCHECK .*?CMD (\[.*\])$/m.exec(result)?.[1]);
  return run(program, args, { cwd: ROOT, env: cleanEnv(settings) }).then(
    () => 0,
    ({ code }) => code,
  );
}

test("the health check follows host and port, says yes while Redis is away, and no once the service is stopped", async () => {
  const away = `redis://127.0.0.1:${await freePort()}`;
  const service = await startServiceProcess({ REDIS_URL: away });
  const MM4D_ADMIN_PORT = String(service.adminPort);
  try {
    await eventually(
      () => service.get("/healthz"),
      ({ status }) => status === 503,
    );
    const hosts = ["", "127.0.0.1", "0.0.0.0", "::"];
    const codes = hosts.map((MM4D_ADMIN_HOST) => checkHealth({ MM4D_ADMIN_HOST, MM4D_ADMIN_PORT }));
    expect(await Promise.all(codes)).toEqual([0, 0, 0, 0]);
    expect(await checkHealth({ MM4D_ADMIN_PORT: String(await freePort()) })).toBe(1);
  } finally {
    await service.stop();
  }
  expect(await checkHealth({ MM4D_ADMIN_PORT })).toBe(1);
});

describe("docker-compose.yml", () => {
  test("starts Redis, mm4d and its token without a profile", () => {
    const names = (profile?: string) => all.filter(({ profiles }) => profiles?.[0] === profile);
    expect(names().map(({ name }) => name)).toEqual(["redis", "mm4d", "token"]);
    expect(names("monitoring").map(({ name }) => name)).toEqual(["prometheus", "grafana"]);
    expect(names("demo").map(({ name }) => name)).toEqual(["simulator", "consumer"]);
  });

  test.each(all)("$name has no rights, a root it cannot write to, a bounded log, and a pinned image", (service) => {
    expect(service.read_only).toBe(true);
    expect(service.cap_drop).toEqual(["ALL"]);
    expect(service.security_opt).toEqual(["no-new-privileges:true"]);
    expect(service.logging).toMatchObject({ options: { "max-size": "10m" } });
    expect(service.restart).toBe(service.name === "token" ? "no" : "unless-stopped");
    if (service.image !== "mm4d") expect(service.image).toMatch(/:v?\d+\.\d+/);
  });

  test.each(all)(
    "$name mounts only files that are there, and volumes that are declared",
    ({ volumes: mounts = [] }) => {
      for (const mount of mounts) {
        const [source = "", target, mode] = mount.split(":");
        expect(target).toMatch(/^\//);
        if (!source.startsWith("./")) expect(Object.keys(volumes)).toContain(source);
        else expect([source, statSync(join(ROOT, source)).isFile(), mode]).toEqual([source, true, "ro"]);
      }
    },
  );

  test("every setting named in it, and in .env.example, is one", () => {
    const names = settingsOf(read("docker-compose.yml") + read(".env.example"));
    expect(names.length).toBeGreaterThan(10);
    expect(names.filter((name) => !known.includes(name))).toEqual([]);
  });

  test("every line of .env.example is a fit value", () => {
    const lines = [...read(".env.example").matchAll(/^#(\w+)=(.*)$/gm)].map(([, name = "", value = ""]) => [
      name,
      value,
    ]);
    expect(lines.length).toBeGreaterThan(4);
    expect(loadConfig(Object.fromEntries(lines))).toMatchObject({ ok: true });
  });

  test("only SMTP can be reached from elsewhere", () => {
    expect(mm4d?.ports).toContain("$" + "{SMTP_PORT:-25}:2525");
    const others = all.flatMap(({ ports = [] }) => ports).filter((port) => !port.endsWith(":2525"));
    expect(others.length).toBe(3);
    for (const port of others) expect(port).toMatch(/^127\.0\.0\.1:(\d+):\1$/);
    expect(redis?.ports).toBeUndefined();
  });

  test("only mm4d and the consumer share a network with Redis, and none of it leads elsewhere", () => {
    const mates = (name: string) =>
      all.filter((service) => service.networks?.includes(name)).map((service) => service.name);
    expect(redis?.networks).toEqual(["queue"]);
    expect(mates("queue")).toEqual(["redis", "mm4d", "consumer"]);
    expect(networks.queue).toEqual({ internal: true });
    expect(mates("monitoring")).toEqual(["mm4d", "prometheus", "grafana"]);
    expect(mates("outside")).toEqual(["mm4d", "consumer"]);
    expect(Object.keys(networks)).toEqual(["queue", "outside", "monitoring"]);
    // Who names no network is in one with all others who name none.
    const unnamed = all.filter((service) => service.networks === undefined && service.network_mode === undefined);
    expect(unnamed.map(({ name }) => name)).toEqual([]);
    // From an internal network alone no port is published.
    for (const { name, ports, networks: its = [] } of all.filter((service) => service.ports !== undefined))
      expect([name, ports, its.some((network) => !networks[network]?.internal)]).toEqual([name, ports, true]);
  });

  test("mm4d starts with these settings, with a token or without one in .env", async () => {
    const directory = mkdtempSync(join(tmpdir(), "mm4d-containers-"));
    try {
      const MM4D_ADMIN_TOKEN_FILE = join(directory, "admin-token");
      const [program, ...args] = commandOf(JSON.stringify(token?.command));
      const makeToken = async (env: Readonly<Record<string, string>> = {}) => {
        await run(program, args, { cwd: ROOT, env: cleanEnv({ MM4D_ADMIN_TOKEN_FILE, ...env }) });
        return readFileSync(MM4D_ADMIN_TOKEN_FILE, "utf8");
      };
      const made = await makeToken();
      expect(made).toMatch(/^[\w-]{32}$/);
      expect(statSync(MM4D_ADMIN_TOKEN_FILE).mode & 0o777).toBe(0o600);
      expect(await makeToken()).toBe(made);

      const ofEnvFile = { MM4D_ADMIN_TOKEN: "sixteen letters!" };
      expect(await makeToken(ofEnvFile)).toBe(ofEnvFile.MM4D_ADMIN_TOKEN);
      const environment = Object.entries(mm4d?.environment ?? {}).map(([name, value]) => [name, String(value)]);
      const env = { ...ofEnvFile, ...Object.fromEntries(environment), REDIS_URL: "redis://redis:6379" };
      expect(env.MM4D_ADMIN_TOKEN_FILE).toBe(token?.environment?.MM4D_ADMIN_TOKEN_FILE);
      expect(env.MM4D_ADMIN_TOKEN_FILE).toMatch(/^\/data\//);
      expect(loadConfig({ ...env, MM4D_ADMIN_TOKEN_FILE })).toMatchObject({
        ok: true,
        value: {
          config: { adminToken: ofEnvFile.MM4D_ADMIN_TOKEN, adminHost: "0.0.0.0", smtpPort: 2525, adminPort: 8025 },
        },
      });
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  test("mm4d may take as long to stop as it may need, and open as many files as it takes connections", () => {
    const { shutdownDelayMs, shutdownGraceMs, maxClients } = SETTINGS;
    // The steps of service.ts that have a deadline of their own: the journal, and what Redis is told last.
    const worstMs = Number(shutdownDelayMs.fallback) + 3 * Number(shutdownGraceMs.fallback) + 5 * 10_000;
    expect(mm4d?.stop_grace_period).toBe("2m");
    expect(worstMs).toBeLessThan(120_000);
    expect(mm4d?.ulimits?.nofile).toBeGreaterThan(Number(maxClients.fallback) + 1_000);
  });

  test("mm4d waits for its token, and not for a healthy Redis; the demo waits for mm4d", () => {
    expect(mm4d?.depends_on).toEqual({
      token: { condition: "service_completed_successfully" },
      redis: { condition: "service_started" },
    });
    for (const service of [simulator, consumer]) {
      expect(service?.depends_on).toEqual({ mm4d: { condition: "service_healthy" } });
    }
    // The image's own: what is not mm4d must not be asked for /livez.
    expect(mm4d?.healthcheck).toBeUndefined();
    for (const service of [token, simulator, consumer]) expect(service?.healthcheck).toEqual({ disable: true });
  });

  test("its Redis keeps what it is given, and its health check tells whether it answers", async () => {
    const settings = redis?.command?.slice(1) ?? [];
    expect(settings.join(" ")).toBe("--appendonly yes --maxmemory-policy noeviction --protected-mode no");
    const server = await startRedis(settings);
    const [, program = "", ...args] = redis?.healthcheck?.test ?? [];
    const ask = (port: number) =>
      run(program, ["-p", String(port), ...args]).then(
        () => 0,
        ({ code }) => code,
      );
    try {
      expect(await server.call("CONFIG", "GET", "maxmemory-policy")).toEqual(["maxmemory-policy", "noeviction"]);
      expect(await ask(server.port)).toBe(0);
      // An answer that is an error: a password is asked for.
      await server.call("CONFIG", "SET", "requirepass", "secret");
      expect(await ask(server.port)).toBe(1);
      await server.kill();
      expect(await ask(server.port)).toBe(1);
    } finally {
      await server.stop();
    }
  });
});

describe("the demo", () => {
  test("the carrier's reports are printed by the consumer, which ends at SIGTERM", async () => {
    const [consumes, ...how] = commandOf(JSON.stringify(consumer?.command));
    const mount = consumer?.volumes?.find((volume) => volume.includes(`:/app/${how[0]}:`));
    expect(mount).toBeDefined();
    // The image has it beside package.json, so that mm4d/consumer is found from there as it is here.
    const file = join(ROOT, mount?.split(":")[0] ?? "");
    const [sends, ...args] = commandOf(JSON.stringify(simulator?.command));
    expect(args.slice(-4)).toEqual(["--host", "127.0.0.1", "--port", String(mm4d?.environment?.MM4D_SMTP_PORT)]);

    const service = await startServiceProcess();
    const env = cleanEnv({ REDIS_URL: service.facts().redis.redisUrl });
    const printing = spawn(consumes, [file], { cwd: ROOT, env, stdio: ["ignore", "pipe", "inherit"] });
    const sending = spawn(sends, [...args.slice(0, -1), String(service.smtpPort)], {
      cwd: ROOT,
      env: cleanEnv({ MM4D_DATA_DIR: join(service.dataDir, "none") }),
      stdio: "ignore",
    });
    try {
      let printed = "";
      printing.stdout.setEncoding("utf8").on("data", (text) => {
        printed += text;
      });
      await eventually(
        () => printed.split("\n").filter((line) => /^\S+ \+12025550\d+ [a-z-]+ (?:true|false) /.test(line)).length,
        (lines) => lines >= 2,
      );
      // It goes on for as long as nobody stops it.
      expect(sending.exitCode).toBeNull();
      const ended = new Promise((resolve) => printing.once("exit", resolve));
      printing.kill("SIGTERM");
      expect(await ended).toBe(0);
    } finally {
      printing.kill("SIGKILL");
      sending.kill("SIGKILL");
      await service.stop();
    }
  });

  test("the carrier is in mm4d's network, and is refused once there are peers, unless it is one", async () => {
    expect(simulator?.network_mode).toBe("service:mm4d");
    const [sends, ...args] = commandOf(JSON.stringify(simulator?.command));
    const once = args.map((arg) => (arg === "300" ? "1" : arg));
    async function sendTo(MM4D_PEERS: string): Promise<number> {
      const service = await startServiceProcess({ MM4D_PEERS });
      try {
        await run(sends, [...once.slice(0, -1), String(service.smtpPort)], { cwd: ROOT, env: cleanEnv({}) });
        return 0;
      } catch (cause) {
        return (cause as { code: number }).code;
      } finally {
        await service.stop();
      }
    }
    const carrier = "carrier=192.0.2.0/24";
    expect(await Promise.all([sendTo(carrier), sendTo(`${carrier}; demo=127.0.0.1`)])).toEqual([1, 0]);
  });
});

describe("monitoring", () => {
  test("promtool takes Prometheus' files where they are mounted, and they are kept for more than eight days", async () => {
    const directory = mkdtempSync(join(tmpdir(), "mm4d-containers-"));
    try {
      const mounts = (prometheus?.volumes ?? []).filter((volume) => volume.startsWith("./"));
      for (const mount of mounts) {
        const [source = "", target = ""] = mount.split(":");
        expect(target).toBe(`/etc/prometheus/${basename(target)}`);
        cpSync(join(ROOT, source), join(directory, basename(target)));
      }
      const [, config = ""] =
        /--config\.file=\/etc\/prometheus\/(\S+)/.exec(prometheus?.command?.join(" ") ?? "") ?? [];
      const promtool = unpacked("prometheus", "usr/bin/promtool");
      const { stdout } = await run(promtool, ["check", "config", config], { cwd: directory });
      expect(stdout).toContain("SUCCESS: 1 rule files found");
      const { scrape_configs: jobs } = parse(readFileSync(join(directory, config), "utf8"));
      expect(jobs).toEqual([
        { job_name: "mm4d", static_configs: [{ targets: [`mm4d:${mm4d?.environment?.MM4D_ADMIN_PORT}`] }] },
      ]);
      const [, days] = /--storage\.tsdb\.retention\.time=(\d+)d/.exec(prometheus?.command?.join(" ") ?? "") ?? [];
      expect(Number(days)).toBeGreaterThan(8);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  test("Grafana has the dashboard, a data source that it finds, and nobody who could log in", () => {
    const targetOf = (source: string) =>
      grafana?.volumes?.find((volume) => volume.startsWith(`${source}:`))?.split(":")[1] ?? "";
    const dashboard = targetOf("./ops/grafana/mm4d.json");
    const { providers } = parse(read("ops/containers/grafana/dashboards.yml"));
    expect(providers[0].options.path).toBe(dashboard.replace(/\/[^/]+$/, ""));
    expect(grafana?.environment?.GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH).toBe(dashboard);
    expect(targetOf("./ops/containers/grafana/dashboards.yml")).toMatch(/^\/etc\/grafana\/provisioning\/dashboards\//);
    expect(targetOf("./ops/containers/grafana/datasource.yml")).toMatch(/^\/etc\/grafana\/provisioning\/datasources\//);

    const [chosen] = JSON.parse(read("ops/grafana/mm4d.json")).templating.list;
    const { datasources } = parse(read("ops/containers/grafana/datasource.yml"));
    // The variable has no value of its own: it takes the default of its type.
    expect([chosen.type, chosen.current]).toEqual(["datasource", undefined]);
    expect(datasources).toMatchObject([{ type: chosen.query, isDefault: true, url: "http://prometheus:9090" }]);

    expect(grafana?.environment).toMatchObject({
      GF_AUTH_ANONYMOUS_ORG_ROLE: "Viewer",
      GF_AUTH_DISABLE_LOGIN_FORM: "true",
      GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION: "true",
    });
  });
});

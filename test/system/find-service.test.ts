/** The command line finds the service that runs, or says where it looked, and who is in the way. */
import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { childrenOf } from "../support/children.ts";
import { runCommandWithin } from "../support/command-within.ts";
import { MAY_MOUNT } from "../support/mounts.ts";
import { eventually, freePort, startRedis, type TestRedis } from "../support/redis.ts";
import { cleanEnv, rowsOf, runCommand, startServiceProcess, type TestService } from "../support/service.ts";

let redis: TestRedis;
let service: TestService;
let elsewhere: string;
/** Of the service's data directory nothing is said. */
let ports: Readonly<Record<string, string>>;

beforeAll(async () => {
  redis = await startRedis();
  service = await startServiceProcess({
    REDIS_URL: redis.url,
    MM4D_QUEUE: "of-the-service",
    MM4D_PEERS: "one=127.0.0.1",
  });
  ports = { MM4D_SMTP_PORT: String(service.smtpPort), MM4D_ADMIN_PORT: String(service.adminPort) };
  elsewhere = mkdtempSync(join(tmpdir(), "mm4d-elsewhere-"));
  chmodSync(elsewhere, 0o755);
});
afterAll(async () => {
  await service.stop();
  await redis.stop();
  rmSync(elsewhere, { recursive: true });
});

const run = (args: readonly string[], settings: Readonly<Record<string, string>> = {}) =>
  runCommand(args, cleanEnv({ ...ports, ...settings }), "", { cwd: elsewhere });

test("from another directory: where it was looked, who holds the port, and never that it is to be started", async () => {
  const { code, stdout, stderr } = await run(["status"]);
  expect([code, stdout]).toEqual([1, ""]);
  expect(stderr).toContain(`no mm4d is running on the data directory ${elsewhere}/data (./data)`);
  for (const place of ["/var/lib/mm4d", "/data"]) expect(stderr).toContain(`${place} (`);
  expect(stderr).toContain(`Port ${service.smtpPort} is held by pid ${service.facts().pid} (`);
  expect(stderr).toContain(`an mm4d on ${service.dataDir}: ask that one with --data-dir ${service.dataDir}`);
  expect(stderr).not.toContain("Start it");

  const findings = rowsOf<{ about: string; verdict: string; text: string }>((await run(["doctor", "--json"])).stdout);
  const of = (about: string) => findings.find((finding) => finding.about === about);
  expect(of("service")).toMatchObject({ verdict: "warning", text: expect.stringContaining(service.dataDir) });
  expect([of("SMTP")?.verdict, of("HTTP")?.verdict]).toEqual(["ok", "ok"]);
  expect(JSON.stringify(findings)).not.toMatch(/Free it|Start it/);
});

test("what holds the port and is no mm4d is named, and what holds none is not", async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  const port = String((other.address() as { port: number }).port);
  const { stderr } = await run(["status"], { MM4D_SMTP_PORT: port });
  expect(stderr).toContain(`Port ${port} is held by pid ${process.pid} (`);
  expect(stderr).not.toContain("Start it");
  const { stdout } = await run(["doctor"], { MM4D_SMTP_PORT: port, MM4D_ADMIN_PORT: String(await freePort()) });
  expect(stdout).toContain("fault    SMTP: cannot listen on");
  other.close();
  const free = await run(["status"], { MM4D_SMTP_PORT: String(await freePort()) });
  expect(free.stderr).not.toContain("is held by");
  expect(free.stderr).toMatch(/Start it with "(npx )?mm4d serve", or name its data directory with --data-dir\n$/);
  const named = await run(["status", "--data-dir", elsewhere], { MM4D_SMTP_PORT: String(await freePort()) });
  expect(named.stderr).toMatch(/Start it with "(npx )?mm4d serve"\n$/);
});

test("what `send` has just been answered is found at once, by the id that it says", async () => {
  const sent = await runCommand(["send", "--status", "Retrieved", "--message-id", "just now"], service.env);
  expect(sent.stdout).toMatch(/^Message just now\n250 .*\n$/);
  const { code, stdout, stderr } = await runCommand(["trace", "just now"], service.env);
  expect([code, stdout.split("\n")[0], stderr]).toEqual([0, "delivered (success, final)", ""]);
});

test("--data-dir finds it before and behind the command, and is the only place then; --env-file and MM4D_DATA_DIR do too", async () => {
  const file = join(elsewhere, "mm4d.env");
  writeFileSync(file, `# of the service\nMM4D_DATA_DIR='${service.dataDir}'\n`);
  const named = ["--data-dir", service.dataDir];
  const calls = [
    ["status", ...named],
    [...named, "status"],
    ["status", "--env-file", file],
    ["refusals", ...named],
    ["log-level", "info", ...named],
    [...named, "journal", "status"],
    ["journal", "verify", ...named],
    ["journal", "export", `--data-dir=${service.dataDir}`],
    ["quarantine", "list", ...named],
    ["failed", "list", ...named],
    ["acks", "list", ...named],
    ["stats", ...named],
    ["doctor", ...named],
    ["peers", "list", ...named],
  ];
  const first = await run(["send", "--status", "Retrieved", "--message-id", "found-1", ...named], {
    MM4D_SMTP_PORT: "",
  });
  expect(first).toMatchObject({ code: 0, stderr: "" });
  for (const args of calls) {
    const { code, stderr } = await runCommandWithin(args, cleanEnv(ports));
    expect([args, code, stderr]).toEqual([args, 0, expect.not.stringContaining("Using")]);
  }
  expect((await run(["status"], { MM4D_DATA_DIR: service.dataDir })).code).toBe(0);
  // The service's peers, and not the default.
  expect((await run(["peers", "list", ...named])).stdout).toContain("one\n");

  const wrong = await run(["status", "--data-dir", elsewhere], { MM4D_DATA_DIR: service.dataDir });
  expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining(`${elsewhere} (--data-dir)`)]);
  expect(wrong.stderr).not.toContain("/var/lib/mm4d");
});

test.runIf(MAY_MOUNT)(
  "it is found where systemd has it, and by the unit's settings; that is said on stderr once",
  async () => {
    const units = "mount -t tmpfs tmpfs /var/lib && mount -t tmpfs tmpfs /run";
    const within = (script: string) => ["unshare", "-m", "sh", "-c", `set -e; ${script}; exec "$@"`, "sh"];
    const settings = join(elsewhere, "unit.env");
    writeFileSync(settings, `MM4D_DATA_DIR="${service.dataDir}" \n`);
    const unit = join(elsewhere, "mm4d.service");
    writeFileSync(unit, `[Service]\nEnvironmentFile=-${settings}\n`);
    for (const [script, where] of [
      [`${units}; mkdir /var/lib/mm4d; mount --bind ${service.dataDir} /var/lib/mm4d`, "/var/lib/mm4d"],
      [`${units}; mkdir -p /run/systemd/system; cp ${unit} /run/systemd/system`, service.dataDir],
    ] as const) {
      const place = { cwd: elsewhere, under: within(script) };
      await eachOf(
        [
          ["status", "--json"],
          ["trace", "found-1", "--json"],
          ["doctor", "--json"],
        ],
        async (args) => {
          const { code, stdout, stderr } = await runCommand(args, cleanEnv({}), "", place);
          expect([args, code, stderr]).toEqual([args, 0, `Using the mm4d at ${where}, pid ${service.facts().pid}\n`]);
          expect(stdout).not.toContain("Using the mm4d");
        },
      );
      // Its consumers would take it for a report.
      const send = (...args: readonly string[]) =>
        runCommand(["send", "--status", "Retrieved", "--message-id", "to-nobody", ...args], cleanEnv({}), "", place);
      const refused = await send();
      expect([refused.code, refused.stdout, refused.stderr]).toEqual([
        1,
        "",
        expect.stringContaining(`name it with --data-dir ${where}, or with --port ${service.smtpPort}`),
      ]);
      // A Redis that was named is not that of a service which nobody has named.
      const apart = cleanEnv({ REDIS_URL: redis.url.replace("127.0.0.1", "localhost") });
      const traced = await runCommand(["trace", "never-seen"], apart, "", place);
      expect([traced.code, traced.stderr]).toEqual([
        1,
        expect.stringContaining(`No service was asked for what came last: the mm4d at ${where} is on another Redis, `),
      ]);
      expect(traced.stderr).not.toMatch(/Using the mm4d|The service has run/);
      const looked = (await runCommand(["doctor"], apart, "", place)).stdout.replace(/\n {4}/g, " ");
      expect(looked).toMatch(/warning {2}Redis: the settings name redis:\/\/localhost:\d+, and the mm4d at/);
      const nobody = await send("--port", String(await freePort()));
      expect(nobody.stderr).toMatch(/^Cannot deliver to 127\.0\.0\.1:/);
      expect((await send("--port", String(service.smtpPort))).stdout).toContain("250 ");
      const journal = await runCommand(["journal", "status"], cleanEnv({}), "", place);
      expect(journal.stdout).toContain(`Journal   ${where}/journal\nService   running`);
    }
  },
);

test.runIf(process.getuid?.() === 0)(
  "another user hears as whom to run it, and never that it does not run",
  async () => {
    // What the test runs may be read by nobody but its owner: only what every user may read is looked at.
    const readable = spawnableBy(65_534);
    if (!readable) return;
    const place = { cwd: elsewhere, uid: 65_534 };
    chmodSync(join(service.dataDir, ".."), 0o755);
    for (const args of [["status"], ["refusals"], ["trace", "found-1"], ["journal", "status"]]) {
      const { code, stderr } = await runCommand([...args, "--data-dir", service.dataDir], cleanEnv(ports), "", place);
      expect([args, code, stderr]).toEqual([args, 1, expect.stringMatching(/permission denied.*run it as uid 0/)]);
      expect(stderr).not.toMatch(/not running|no mm4d is running/);
    }
    const { code, stdout } = await runCommand(["doctor", "--data-dir", service.dataDir], cleanEnv(ports), "", place);
    expect(code).toBe(1);
    expect(stdout.replace(/\n {4}/g, " ")).toMatch(/fault {4}service: permission denied .*run it as uid 0/);
    expect(stdout).not.toMatch(/free it|start it/i);
  },
);

test.runIf(process.getuid?.() === 0)(
  "a ./data that another user put there is not asked unless it is named",
  async () => {
    const place = mkdtempSync(join(tmpdir(), "mm4d-foreign-"));
    mkdirSync(join(place, "theirs"));
    const peersFile = join(place, "peers.json");
    writeFileSync(peersFile, JSON.stringify({ peers: [{ name: "of-the-stranger", addresses: ["192.0.2.1"] }] }));
    let asked = 0;
    const stranger = createServer((socket) => {
      asked += 1;
      socket.resume();
      socket.end(`${JSON.stringify({ ...service.facts(), settings: { peersFile } })}\n`);
    });
    const path = join(place, "theirs/control.sock");
    await new Promise<void>((done) => stranger.listen(path, done));
    const data = join(place, "data");
    symlinkSync("theirs", data);
    const list = (...args: readonly string[]) =>
      runCommand(["peers", "list", ...args], cleanEnv(ports), "", { cwd: place });
    // The directory is another user's, or the socket in it is.
    for (const [directory, socket] of [
      [65_534, 65_534],
      [65_534, 0],
      [0, 65_534],
    ] as const) {
      chownSync(join(place, "theirs"), directory, 0);
      chownSync(path, socket, 0);
      expect((await list()).stdout).not.toContain("of-the-stranger");
    }
    const { code, stderr } = await runCommand(["status"], cleanEnv(ports), "", { cwd: place });
    expect([code, stderr]).toEqual([1, expect.stringContaining(`${data} (./data) belongs to uid 65534`)]);
    expect(stderr).toContain(`name it with --data-dir ${data}`);
    expect(asked).toBe(0);
    expect((await list("--data-dir", "data")).stdout).toContain("of-the-stranger");
    chownSync(join(place, "theirs"), 0, 0);
    chownSync(path, 0, 0);
    expect((await list()).stdout).toContain("of-the-stranger");
    await new Promise((done) => stranger.close(done));
    rmSync(place, { recursive: true });
  },
);

test("one that is frozen does not answer, and a socket that is left over is nobody", async () => {
  const named = ["--data-dir", service.dataDir];
  service.signal("SIGSTOP");
  try {
    const { code, stderr } = await run(["status", ...named]);
    expect([code, stderr]).toEqual([1, expect.stringContaining("does not answer")]);
    expect(stderr).toContain(`pid ${service.facts().pid} (`);
    expect(stderr).not.toContain("no mm4d is running");
    const { stdout } = await run(["doctor", ...named]);
    expect(stdout).toContain("fault    service: the mm4d on the data directory");
    expect(stdout).not.toMatch(/free it|start it/i);
  } finally {
    service.signal("SIGCONT");
  }
  await eventually(
    () => run(["status", ...named]),
    ({ code }) => code === 0,
  );
  service.signal("SIGKILL");
  await service.exited();
  const { stderr } = await run(["status", ...named]);
  expect(stderr).toContain(`no mm4d is running on the data directory ${service.dataDir} (--data-dir)`);
  // Its journal is still looked at.
  expect((await run(["journal", "status", ...named])).stdout).toContain("Service   none answers");
  await service.restart();
});

test("`serve --env-file`: all processes have what stood there at the start, also one that is started again", async () => {
  const file = join(elsewhere, "serve.env");
  writeFileSync(file, `MM4D_PROCESSES=2\nMM4D_QUEUE="from-a-file"\nREDIS_URL=${redis.url}\n`);
  const several = await startServiceProcess({}, ["sh", "-c", `exec "$@" --env-file ${file}`, "sh"]);
  try {
    const started = () =>
      several.log().filter(({ event, process: number }) => event === "service.started" && number === 2);
    await eventually(started, ({ length }) => length === 1);
    expect(several.facts().queue).toBe("from-a-file");
    rmSync(file);
    for (const pid of childrenOf(several.facts().pid)) process.kill(pid, "SIGKILL");
    const again = await eventually(started, ({ length }) => length === 2);
    expect(again.map(({ queue }) => queue)).toEqual(["from-a-file", "from-a-file"]);
  } finally {
    await several.stop();
  }
});

/** A few at a time: each is a process that does little but start. */
async function eachOf<T>(items: readonly T[], run: (item: T) => Promise<void>): Promise<void> {
  for (let first = 0; first < items.length; first += 3) await Promise.all(items.slice(first, first + 3).map(run));
}

/** Whether another user may run what the tests run. */
function spawnableBy(uid: number): boolean {
  try {
    execFileSync(process.execPath, [join(import.meta.dirname, "../../dist/main.js"), "--version"], {
      uid,
      stdio: "ignore",
    });
    return true;
  } catch {
    return false;
  }
}

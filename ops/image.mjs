/**
 * `npm run image`: builds the Dockerfile where there is no Docker engine, looks into the image, and runs it.
 *
 *   Debian's files, Node.js from npm → the base that FROM names → buildah → what is in it →
 *   run as docker-compose.yml says → a report while Redis is away → Redis → a consumer → SIGTERM
 *
 * For root on Debian 12, and for minutes. The base is kept in node_modules/.cache/image.
 */
import { execFileSync, spawn } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { installDebian, isOnPath } from "./debian.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const cache = join(root, "node_modules/.cache/image");
const scratch = mkdtempSync(join(tmpdir(), "mm4d-image-"));
const IMAGE = "localhost/mm4d";
const LIMIT_MS = 120_000;
const REDIS_URL = "redis://127.0.0.1:6379";
/** What nobody needs at run time. */
const UNWANTED = ["npm", "npx", "corepack", "yarn", "gcc", "cc", "g++", "make", "python3", "curl", "git"];
/** Without any right, as cap_drop and no-new-privileges leave it. */
const UNPRIVILEGED = ["--clear-groups", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"];

/** Holds the network and the mounts. They are gone with it. */
const KEEPER = `
ip link set lo up
mount --bind "$1" "$1"
mount --bind "$2" "$1/data"
mount -t tmpfs tmpfs "$1/tmp"
mount --bind /dev "$1/dev"
mount -o remount,bind,ro "$1"
echo mounted
exec sleep infinity`;
/** Every step is exec: what is run is the first process, as in a container. */
const CONTAINER = `
files=$1
shift
mount -t proc proc "$files/proc"
exec chroot "$files" "$@"`;

/** Last in, first out. */
const releasers = [() => rmSync(scratch, { recursive: true })];
try {
  installTools();
  const [, base, node, suite] = /^FROM (node:(\d+)-(\w+)-slim)$/m.exec(read("Dockerfile"));
  if (!buildah("images", "--format", "{{.Name}}:{{.Tag}}").includes(`docker.io/library/${base}\n`)) {
    makeBase(`docker.io/library/${base}`, node, suite);
  }
  build();
  const { config } = JSON.parse(buildah("inspect", "--type=image", IMAGE)).Docker;
  const container = buildah("from", "--pull-never", IMAGE).trim();
  releasers.push(() => buildah("rm", container));
  const files = buildah("mount", container).trim();
  lookInto(files);
  await play(files, config);
} catch (cause) {
  process.stderr.write(`${cause.message}\n`);
  process.exitCode = 1;
} finally {
  for (const release of releasers.reverse()) release();
}

function installTools() {
  const missing = ["buildah", "mmdebstrap", "redis-server"].filter((program) => !isOnPath(program));
  if (missing.length > 0 && !installDebian(missing)) throw new Error(`Cannot find ${missing.join(", ")} on PATH`);
}

/** Stands for the official image: the same Debian, the same major version of Node.js, npm, the user node. */
function makeBase(name, node, suite) {
  say(`Make ${name} of Debian's files, and of Node.js from npm`);
  const files = join(scratch, "base");
  run("mmdebstrap", "--quiet", "--variant=minbase", "--include=ca-certificates,libstdc++6", suite, files);
  const local = join(files, "usr/local");
  const npm = join(local, "lib/node_modules/npm");
  cpSync(join(unpackNpm(`node-linux-${process.arch}`, node), "bin/node"), join(local, "bin/node"));
  cpSync(unpackNpm("npm", "11"), npm, { recursive: true });
  for (const program of ["npm", "npx"]) {
    run("ln", "-s", `../lib/node_modules/npm/bin/${program}-cli.js`, join(local, "bin", program));
  }
  // npm may reach its registry from here through a mirror with an authority of its own.
  const [registry, authority] = ["registry", "cafile"].map((setting) => text("npm", "config", "get", setting).trim());
  const trusted = existsSync(authority);
  if (trusted) cpSync(authority, join(npm, "authority.pem"));
  const lines = [`registry=${registry}`, ...(trusted ? ["cafile=/usr/local/lib/node_modules/npm/authority.pem"] : [])];
  writeFileSync(join(npm, "npmrc"), `${lines.join("\n")}\n`);
  run("chroot", files, "useradd", "--uid=1000", "--user-group", "--create-home", "node");
  const container = buildah("from", "scratch").trim();
  buildah("add", "--quiet", container, files, "/");
  buildah("config", "--env=PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", container);
  buildah("commit", "--quiet", "--rm", container, name);
}

/** The newest of a major version. */
function unpackNpm(name, major) {
  const directory = mkdtempSync(join(scratch, "npm-"));
  const versions = JSON.parse(text("npm", "view", name, "versions", "--json")).filter((each) =>
    new RegExp(`^${major}\\.\\d+\\.\\d+$`).test(each),
  );
  const [newest] = versions.sort((a, b) => b.localeCompare(a, "en", { numeric: true }));
  run("npm", "pack", "--silent", `--pack-destination=${directory}`, `${name}@${newest}`);
  run("tar", "-xzf", join(directory, readdirSync(directory)[0]), "-C", directory);
  return join(directory, "package");
}

function build() {
  say("Build the Dockerfile");
  // Docker's own format: the other one has no health check.
  const options = ["--isolation=chroot", "--pull-never", "--format=docker", `--tag=${IMAGE}`];
  run("buildah", ...storage(), "build", ...options, root);
}

/** That nothing is in it but what it needs. */
function lookInto(files) {
  say("Look into the image");
  const { packages } = JSON.parse(read("package-lock.json"));
  const modules = join(files, "app/node_modules");
  const installed = readdirSync(modules)
    .filter((name) => !name.startsWith("."))
    .flatMap((name) =>
      name.startsWith("@") ? readdirSync(join(modules, name)).map((each) => `${name}/${each}`) : name,
    );
  const { devDependencies } = JSON.parse(read("package.json"));
  const ofTools = Object.keys(devDependencies).flatMap((name) => [
    name,
    ...Object.keys(packages[`node_modules/${name}`].optionalDependencies ?? {}),
  ]);
  const superfluous = installed.filter((name) => packages[`node_modules/${name}`]?.dev || ofTools.includes(name));
  check(`none of its ${installed.length} packages is for development`, superfluous.length === 0, superfluous);

  const app = readdirSync(join(files, "app")).sort();
  check("/app has what runs, and no sources", app.join() === "dist,node_modules,ops,package.json", app);
  const places = ["usr/local/bin", "usr/local/sbin", "usr/bin", "usr/sbin"].map((each) => join(files, each));
  const tools = places.flatMap((place) => readdirSync(place)).filter((name) => UNWANTED.includes(name));
  check("it has no npm and no build tools", tools.length === 0, tools);
  const left = ["root/.npm", "root/.npmrc", "home/node/.npm", "usr/local/lib/node_modules", "usr/local/include"];
  const found = left.filter((path) => existsSync(join(files, path)));
  check("nothing is left of npm", found.length === 0, found);
  check("the programs are root's", text("find", join(files, "app"), "!", "-user", "0").length === 0);
  const megabytes = (...paths) => Number(text("du", "-sxm", ...paths).split("\t")[0]);
  say(
    `  Size: ${megabytes(files)} MB, of which /app ${megabytes(join(files, "app"))} MB, node ${megabytes(join(files, "usr/local/bin/node"))} MB`,
  );
}

/** As docker-compose.yml says: a network of its own, its root read-only, process ids from 1, no rights. */
async function play(files, { Env, Cmd, Healthcheck, User, WorkingDir }) {
  say("Run it");
  const { services } = parse(read("docker-compose.yml"), { merge: true });
  const data = join(scratch, "data");
  run("cp", "--archive", join(files, "data"), data); // As a new volume begins.
  cpSync(join(root, "ops/containers/consumer.mjs"), join(files, "app/consumer.mjs")); // As it is mounted.
  const [, uid, gid] = new RegExp(`^${User}:[^:]*:(\\d+):(\\d+)`, "m").exec(
    readFileSync(join(files, "etc/passwd"), "utf8"),
  );

  const keeper = spawn("unshare", ["--mount", "--net", "sh", "-euc", KEEPER, "sh", files, data], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  releasers.push(() => keeper.kill("SIGKILL"));
  await new Promise((resolve, reject) => {
    keeper.stdout.once("data", resolve);
    keeper.once("exit", () => reject(new Error("Cannot make the namespaces and mounts of a container")));
  });
  const inside = ["nsenter", `--target=${keeper.pid}`, "--mount", "--net"];

  /** A process of the image, or of a container beside it with the same network and volume. */
  function start(service, command) {
    const settings = {
      ...Object.fromEntries(Env.map((each) => each.split(/=(.*)/s))),
      ...service.environment,
      REDIS_URL,
    };
    const env = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
    const user = ["setpriv", `--reuid=${uid}`, `--regid=${gid}`, ...UNPRIVILEGED];
    const [program, ...args] = [
      ...inside,
      "unshare",
      "--mount",
      "--pid",
      "--fork",
      "--kill-child",
      "sh",
      "-euc",
      CONTAINER,
    ];
    const child = spawn(program, [...args, "sh", files, "env", "-i", "-C", WorkingDir, ...env, ...user, ...command], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    releasers.push(() => child.kill("SIGKILL"));
    let said = "";
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (more) => (said += more));
    return { pid: child.pid, said: () => said, ended: new Promise((resolve) => child.once("close", resolve)) };
  }
  async function runInside(service, command) {
    const { ended, said } = start(service, command);
    return { code: await ended, said: said() };
  }

  const token = await runInside(services.token, services.token.command);
  check("the token is made", token.code === 0, token.said);
  const served = start(services.mm4d, Cmd);
  const healthy = () => runInside(services.mm4d, Healthcheck.Test.slice(1));
  await until("its health check says yes", healthy, ({ code }) => code === 0);
  const first = firstOf(served.pid);
  const status = readFileSync(`/proc/${first}/status`, "utf8");
  check(
    "node itself has the process id 1",
    /^Name:\t(node|MainThread)$/m.test(status) && /^NSpid:.*\t1$/m.test(status),
    status,
  );
  check("it is not root", new RegExp(`^Uid:\t${uid}\t${uid}\t`, "m").test(status) && uid !== "0", status);
  check("it has no right, and gets none", /^CapBnd:\t0+$/m.test(status) && /^NoNewPrivs:\t1$/m.test(status), status);
  const mounts = readFileSync(`/proc/${first}/mounts`, "utf8");
  check("its root is read-only", / \/ \S+ ro[, ]/.test(mounts), mounts);
  check("only its user reads the volume", text("stat", "--format=%u %a", data).trim() === `${uid} 700`);

  const sent = await runInside(services.mm4d, ["mm4d", "send", "--status=Rejected", "--code=470", "--message-id=mm-1"]);
  check("a report is answered 250 while Redis is away", sent.code === 0 && sent.said.includes("250"), sent.said);
  const redis = spawn(inside[0], [...inside.slice(1), ...services.redis.command, "--dir", scratch], {
    stdio: "ignore",
  });
  releasers.push(() => redis.kill("SIGKILL"));
  const consumer = start(services.consumer, services.consumer.command);
  await until("its event reaches a consumer, once Redis is there", consumer.said, (said) =>
    said.includes("mm-1 +1202555"),
  );
  process.kill(firstOf(consumer.pid), "SIGTERM");
  check("SIGTERM ends the consumer with 0", (await consumer.ended) === 0, consumer.said());
  process.kill(first, "SIGTERM");
  check("SIGTERM ends mm4d with 0", (await served.ended) === 0, served.said());
  check("its health check says no then", (await healthy()).code === 1);
}

/** Its first process, as this machine counts them. */
function firstOf(pid) {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8"));
}

async function until(what, look, fits) {
  const untilMs = performance.now() + LIMIT_MS;
  let seen = await look();
  while (!fits(seen) && performance.now() < untilMs) {
    await wait(200);
    seen = await look();
  }
  check(what, fits(seen), seen);
}

function check(what, is, seen) {
  if (!is) throw new Error(`Not so: ${what}: ${typeof seen === "string" ? seen : JSON.stringify(seen)}`);
  say(`  Yes: ${what}`);
}

function storage() {
  return ["--root", join(cache, "storage"), "--runroot", join(cache, "run")];
}

function buildah(...args) {
  return text("buildah", ...storage(), ...args);
}

function text(program, ...args) {
  return execFileSync(program, args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
}

function run(program, ...args) {
  execFileSync(program, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
}

function read(path) {
  return readFileSync(join(root, path), "utf8");
}

function say(line) {
  process.stdout.write(`${line}\n`);
}

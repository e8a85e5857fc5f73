/**
 * `npm test`: what only tests need → format and lint → types → every test. The layering
 * is a test among the others.
 * `npm run quick`: the same without what needs root, Redis or a process.
 * `npm test -- PATTERN…`: only the test files that match, and nothing before them.
 *
 * Each ends with vitest's summary and a last line `N passed, N failed`; vitest builds
 * before it when dist/ is older than src/ (test/support/build.ts).
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { installDebian, isOnPath, POSTFIX, unpackDebian } from "./debian.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
/** Programs that tests run and mm4d does not, with the Debian package each comes from. */
const TOOLS = {
  swaks: "swaks",
  curl: "curl",
  msmtp: "msmtp",
  python3: "python3",
  strace: "strace",
  faketime: "faketime",
  openssl: "openssl",
  chromium: "chromium",
  "systemd-analyze": "systemd",
};
/** redis-py of the distribution's own Python, which no program on PATH tells of. */
const PYTHON_REDIS = { package: "python3-redis", path: "/usr/lib/python3/dist-packages/redis" };
/** Programs that are only taken out of their packages: installed, these would start mail servers, web servers, a database and a balancer. */
const UNPACKED = [
  { program: "smtp-source", ...POSTFIX },
  {
    program: "exim4",
    package: "exim4-daemon-light",
    libraries: ["libdb5.3", "libgnutls-dane0", "libidn12", "libnsl2"],
    files: ["usr/sbin/exim4"],
    directory: `${root}node_modules/.cache/exim`,
  },
  {
    // Never on PATH: nginx and its module have to be of one build.
    program: "nginx with its mail module",
    package: "nginx",
    libraries: [],
    files: ["usr/sbin/nginx"],
    directory: `${root}node_modules/.cache/nginx`,
  },
  {
    program: "nginx's mail module",
    package: "libnginx-mod-mail",
    libraries: [],
    files: ["usr/lib/nginx/modules/ngx_mail_module.so"],
    directory: `${root}node_modules/.cache/nginx-mail`,
  },
  {
    program: "promtool",
    package: "prometheus",
    libraries: [],
    files: ["usr/bin/promtool"],
    directory: `${root}node_modules/.cache/prometheus`,
  },
  {
    program: "haproxy",
    package: "haproxy",
    libraries: ["liblua5.3-0", "libopentracing-c-wrapper0"],
    files: ["usr/sbin/haproxy"],
    directory: `${root}node_modules/.cache/haproxy`,
  },
];

const words = process.argv.slice(2);
const isQuick = words[0] === "--quick";

// As many workers as cores: these compute, and do not wait.
if (isQuick) process.exitCode = check() ? test(`--maxWorkers=${availableParallelism()}`) : 1;
else if (words.length > 0) process.exitCode = test(...words);
else process.exitCode = installTools() && check() ? test() : 1;

function installTools() {
  const missing = Object.keys(TOOLS).filter((program) => !isOnPath(program));
  const modules = existsSync(PYTHON_REDIS.path) ? [] : [PYTHON_REDIS.package];
  const packed = UNPACKED.filter(({ program, directory }) => !isOnPath(program) && !existsSync(directory));
  if (missing.length === 0 && modules.length === 0 && packed.length === 0) return true;
  const packages = [
    ...missing.map((program) => TOOLS[program]),
    ...modules,
    ...packed.flatMap(({ libraries }) => libraries),
  ];
  if (installDebian(packages)) {
    for (const { package: name, directory, files } of packed) unpackDebian(name, directory, files);
    return true;
  }
  const wanted = [...missing, ...modules, ...packed.map(({ program }) => program)];
  const from = [...Object.values(TOOLS), PYTHON_REDIS.package, ...UNPACKED.map(({ package: name }) => name)];
  process.stderr.write(`Cannot run the tests: ${wanted.join(", ")} must be on PATH (Debian: ${from.join(" ")})\n`);
  return false;
}

function check() {
  return (
    run("npx", "--no-install", "biome", "check", "--error-on-warnings", ".") &&
    run("npx", "--no-install", "tsc", "-p", "test/tsconfig.json")
  );
}

function test(...options) {
  const directory = mkdtempSync(join(tmpdir(), "mm4d-test-"));
  const report = join(directory, "report.json");
  const ended = run(
    "npx",
    "--no-install",
    "vitest",
    "run",
    "--reporter=default",
    "--reporter=json",
    `--outputFile=${report}`,
    ...options,
  );
  try {
    const { numPassedTests, numFailedTests, testResults } = JSON.parse(readFileSync(report, "utf8"));
    const failed = numFailedTests + testResults.filter(failedAsAWhole).length;
    process.stdout.write(`${numPassedTests} passed, ${failed} failed\n`);
    return ended && numPassedTests > 0 && failed === 0 ? 0 : 1;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** A file that cannot be read, or whose hooks fail: none of its tests has failed, because none was begun. */
function failedAsAWhole({ status, assertionResults }) {
  return status === "failed" && assertionResults.every((test) => test.status !== "failed");
}

function run(command, ...args) {
  const env = { ...process.env, ...(isQuick && { MM4D_TESTS: "quick" }) };
  return spawnSync(command, args, { cwd: root, stdio: "inherit", env }).status === 0;
}

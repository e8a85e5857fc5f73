/**
 * A real systemd with nothing in it but what a test puts there: the first process of
 * namespaces of its own. It sees the machine's files, and whatever is written there is
 * gone with it; the network is the machine's. Root may do that, where a container does not forbid it.
 */
import { type ChildProcess, execFile, execFileSync, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { eventually } from "./redis.ts";

export interface TestSystemd {
  /** Runs a shell script beside it, as root. Rejects, with what it said, when a command fails. */
  run(script: string): Promise<string>;
  /** What systemd knows of a unit, or of itself where none is named. */
  show(property: string, unit?: string): Promise<string>;
  stop(): Promise<void>;
}

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/**
 * The whole tree is an overlay, so that nothing in it can change or remove a file of the machine; devices
 * and kernel modules are its own, and settings of the kernel cannot be written.
 * Of units there is only what stands here: a service pulls in sysinit.target and basic.target, and the
 * machine's own would set up the machine again, and clear /tmp.
 * mm4d is at /opt/mm4d, as a clone that was set up.
 */
const BOOT = `
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs /mnt
mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work /mnt/root
clone=/mnt/root/opt/mm4d
for part in dist node_modules ops; do
  mkdir -p $clone/$part
  mount --bind "$ROOT/$part" $clone/$part
  mount -o remount,bind,ro $clone/$part
done
cp "$ROOT/package.json" $clone/
chmod go+r $clone/package.json
mount -t tmpfs tmpfs /mnt/root/dev
for device in null zero full random urandom tty ptmx; do cp -a /dev/$device /mnt/root/dev/; done
ln -s null /mnt/root/dev/console
mkdir /mnt/root/dev/pts /mnt/root/dev/shm
mkdir /mnt/root/mnt/old
cd /mnt/root
pivot_root . mnt/old
cd /
mount -t proc proc /proc
mount --bind /proc/sys /proc/sys
mount -o remount,bind,ro /proc/sys
mkdir -p /usr/lib/modules
mount -t tmpfs tmpfs /usr/lib/modules
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /tmp
mkdir -p /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
umount -l /mnt/old
command -v node > /dev/null || ln -s "$NODE" /usr/local/bin/node
rm -f /usr/local/bin/mm4d
rm -rf /etc/systemd/system /etc/mm4d
mkdir -p /etc/systemd/system /run/units
for unit in sysinit basic shutdown network-online multi-user mm4d-test; do
  printf '[Unit]\\nDefaultDependencies=no\\n' > /run/units/$unit.target
done
export SYSTEMD_UNIT_PATH=/run/units:/etc/systemd/system
export container=mm4d-test SYSTEMD_PROC_CMDLINE=systemd.unified_cgroup_hierarchy=1
exec /lib/systemd/systemd --system --unit=mm4d-test.target --log-target=console --show-status=no
`;

/** The groups of processes that it made, empty now. */
const CLEAR = `
mount -t cgroup2 cgroup2 /mnt
cd /mnt
rmdir system.slice/mm4d.service system.slice init.scope ./*.mount 2>/dev/null || true
`;

/** Whether it can be had here. */
export function canRunSystemd(): boolean {
  try {
    execFileSync("unshare", ["--mount", "--pid", "--cgroup", "--fork", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], {
      stdio: "ignore",
    });
    return true;
  } catch {
    return false;
  }
}

export async function startSystemd(): Promise<TestSystemd> {
  const child: ChildProcess = spawn(
    "unshare",
    ["--mount", "--mount-proc", "--pid", "--ipc", "--uts", "--cgroup", "--fork", "--kill-child", "sh", "-c", BOOT],
    { env: { ...process.env, ROOT, NODE: process.execPath }, stdio: ["ignore", "pipe", "pipe"] },
  );
  let said = "";
  for (const output of [child.stdout, child.stderr])
    output?.setEncoding("utf8").on("data", (text) => {
      said += text;
    });
  const ended = new Promise((resolve) => child.once("exit", resolve));

  /** Of the namespace's first process, as it is seen from here. */
  const pid = (): string => readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8").split(" ")[0] ?? "";
  const run = async (script: string): Promise<string> => {
    // Before that it sees the machine's own /run, and systemctl would talk to the machine's systemd.
    if (readFileSync(`/proc/${pid()}/comm`, "utf8") !== "systemd\n") throw new Error("systemd has not begun yet");
    const inside = ["--target", pid(), "--mount", "--pid", "--ipc", "--uts", "--cgroup"];
    const { stdout } = await promisify(execFile)("nsenter", [...inside, "sh", "-e", "-c", script]);
    return stdout;
  };
  const show = async (property: string, unit = ""): Promise<string> =>
    (await run(`systemctl show --value --property=${property} ${unit}`)).trim();
  const stop = async (): Promise<void> => {
    // Its parent ends when it has. Before there is one, the parent takes along what it is about to start.
    const first = child.exitCode === null ? Number(pid()) : 0;
    if (first > 0) process.kill(first, "SIGKILL");
    else child.kill("SIGKILL");
    await ended;
    await promisify(execFile)("unshare", ["--mount", "--cgroup", "sh", "-e", "-c", CLEAR]);
  };
  try {
    await eventually(
      () => {
        if (child.exitCode !== null) throw new Error(`systemd ended with ${child.exitCode}: ${said}`);
        return show("SystemState").catch(() => ""); // Not there yet.
      },
      (state) => state === "running" || state === "degraded",
    );
  } catch (cause) {
    await stop();
    throw cause;
  }
  return { run, show, stop };
}

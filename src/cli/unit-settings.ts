/** The settings that the systemd unit of this machine gives the service. */
import { readdirSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { readBounded, readEnvFile } from "./env-file.ts";

export interface UnitSettings {
  /** Its data directory, and the file that names it; null when no file does. */
  readonly dataDir: { readonly path: string; readonly file: string } | null;
  readonly smtpPort: string | null;
  /** The id of the user that the service runs as; null when none is named, or the name is unknown here. */
  readonly uid: number | null;
  /** Files that are named and cannot be read, with why. */
  readonly unreadable: readonly { readonly file: string; readonly why: string }[];
}

/** The directories of units, in systemd's order: systemd.unit(5). */
const UNIT_DIRECTORIES = [
  "/etc/systemd/system",
  "/run/systemd/system",
  "/usr/local/lib/systemd/system",
  "/usr/lib/systemd/system",
  "/lib/systemd/system",
];
const UNIT = "mm4d.service";
/** The file that our own unit names. It may exist without the unit, because other supervisors read it too. */
const USUAL_FILE = "/etc/mm4d/mm4d.env";

/** `root` is the directory below which all files are. */
export function readUnitSettings(root = "/"): UnitSettings {
  const directives = unitFiles(root).flatMap((file) => directivesIn(file));
  const valuesOf = (name: string): readonly string[] => {
    const all = directives.filter((directive) => directive.name === name).map(({ value }) => value);
    // An empty value removes the ones before it.
    return all.slice(all.lastIndexOf("") + 1);
  };
  const named = valuesOf("EnvironmentFile").map((path) => path.replace(/^-/, ""));
  const directory = valuesOf("WorkingDirectory").at(-1)?.replace(/^-/, "") ?? "/";
  const settings = new Map<string, { value: string; file: string }>();
  for (const line of valuesOf("Environment")) {
    for (const [, name = "", value = ""] of line.matchAll(/(?:^|\s)["']?(MM4D_[A-Z_]+)=([^\s"']*)/g)) {
      settings.set(name, { value, file: UNIT });
    }
  }
  const unreadable: { file: string; why: string }[] = [];
  for (const file of named.length > 0 ? named : [USUAL_FILE]) {
    try {
      const { values } = readEnvFile(join(root, file), "systemd");
      for (const [name, { value }] of values) settings.set(name, { value, file });
    } catch (cause) {
      const { code, message } = cause as NodeJS.ErrnoException;
      if (code !== "ENOENT") unreadable.push({ file, why: code === "EACCES" ? "permission denied" : message });
    }
  }
  const dataDir = settings.get("MM4D_DATA_DIR");
  return {
    dataDir: dataDir?.value ? { path: resolve(directory, dataDir.value), file: dataDir.file } : null,
    smtpPort: settings.get("MM4D_SMTP_PORT")?.value ?? null,
    uid: uidOf(valuesOf("User").at(-1) ?? "", root),
    unreadable,
  };
}

/** The id of a user that is given by number, or by its name in the system's list. */
function uidOf(user: string, root: string): number | null {
  if (/^\d+$/.test(user)) return Number(user);
  try {
    const rows = readBounded(join(root, "etc/passwd")).split("\n");
    const [, , uid = ""] = rows.map((row) => row.split(":")).find(([name]) => user !== "" && name === user) ?? [];
    return /^\d+$/.test(uid) ? Number(uid) : null;
  } catch {
    return null;
  }
}

/** The unit and its drop-ins, in the order in which systemd reads them. */
function unitFiles(root: string): readonly string[] {
  const units = UNIT_DIRECTORIES.map((directory) => join(root, directory, UNIT));
  const dropIns = new Map<string, string>();
  for (const unit of units.toReversed()) {
    for (const name of namesIn(`${unit}.d`)) if (name.endsWith(".conf")) dropIns.set(name, join(`${unit}.d`, name));
  }
  const unit = units.find((path) => namesIn(join(path, "..")).includes(basename(path)));
  return [
    ...(unit === undefined ? [] : [unit]),
    ...[...dropIns].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, p]) => p),
  ];
}

/** None when the directory cannot be read. */
function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

interface Directive {
  readonly name: string;
  readonly value: string;
}

/** Lines of `Name=value`. Other lines matter to systemd only. */
function directivesIn(file: string): readonly Directive[] {
  let text: string;
  try {
    text = readBounded(file);
  } catch {
    return [];
  }
  const lines = text.replaceAll("\\\n", " ").split("\n");
  return lines.flatMap((line) => {
    const [, name = "", value = ""] = /^([A-Za-z]+)[ \t]*=(.*)$/.exec(line.trim()) ?? [];
    return name === "" ? [] : [{ name, value: value.trim() }];
  });
}

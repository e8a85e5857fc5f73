/** How our JSON files are checked: by a schema of zod, with a sentence for each fault that it finds. */
import { createRequire } from "node:module";
import type { z } from "zod";
import { err, ok, type Result } from "../result.ts";
import { near } from "./nearest.ts";
import { shown } from "./shown.ts";

/** Zod. */
export type Zod = typeof import("zod").z;

/**
 * A check of files by a schema. Zod is loaded with the first file, because it takes a quarter of a service's start,
 * and most services have no file.
 */
export function checkOf<T extends z.ZodType>(
  createSchema: (z: Zod) => T,
): (json: unknown) => Result<z.output<T>, readonly string[]> {
  let schema: T | undefined;
  return (json) => {
    schema ??= createSchema((createRequire(import.meta.url)("zod") as typeof import("zod")).z);
    const parsed = schema.safeParse(json);
    return parsed.success ? ok(parsed.data) : err(parsed.error.issues.flatMap((issue) => describeIssue(issue, json)));
  };
}

/** Completes "must be" in the sentence for a fault. */
export function must(what: string) {
  return { error: () => what };
}

/** The same for an object that has these properties and no others. */
export function mustHave(what: string, shape: object) {
  return {
    error: (issue: z.core.$ZodRawIssue) => (issue.code === "unrecognized_keys" ? Object.keys(shape).join(" ") : what),
  };
}

/** One sentence for each fault in one of zod's issues. */
function describeIssue(issue: z.core.$ZodIssue, json: unknown): readonly string[] {
  const path = issue.path.reduce<string>(
    (before, key) =>
      typeof key === "number" ? `${before}[${key}]` : `${before}${before === "" ? "" : "."}${String(key)}`,
    "",
  );
  if (issue.code === "unrecognized_keys") {
    const known = issue.message.split(" ");
    return issue.keys.map((key) => {
      const meant = near(key, known);
      const name = `${path === "" ? "" : `${path}.`}${key}`;
      return meant === undefined
        ? `${name} is unknown, must be one of ${known.join(", ")}`
        : `${name} is unknown. Did you mean ${meant}?`;
    });
  }
  const value = issue.path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key], json);
  return [
    `${path === "" ? "the whole" : path} is ${value === undefined ? "missing" : shown(value)}, must be ${issue.message}`,
  ];
}

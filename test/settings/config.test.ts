import { expect, test } from "vitest";
import { archiveHoursOf } from "../../src/settings/config.ts";
import { load } from "../support/load-settings.ts";

test("without an environment the defaults hold", () => {
  const { config, origins } = load({});
  expect(config).toMatchObject({
    redisUrl: null,
    smtpHost: "127.0.0.1",
    smtpPort: 2525,
    adminHost: "127.0.0.1",
    adminPort: 8025,
    domain: [],
    peers: [],
    dataDir: "./data",
    queue: "mm4-delivery-events",
    queuePrefix: "bull",
    dedupeHours: 24,
    jobAttempts: 10,
    logLevel: "info",
    logNumbers: "masked",
  });
  expect(new Set(Object.values(origins))).toEqual(new Set(["default"]));
});

test.each([
  [{}, 72],
  [{ MM4D_TRACE_HOURS: "5" }, 5],
  [{ MM4D_TRACE_HOURS: "0" }, 0],
  [{ MM4D_TRACE_HOURS: "0", MM4D_ARCHIVE_HOURS: "9" }, 9],
  [{ MM4D_ARCHIVE_HOURS: "0" }, 0],
])("with %j reports are archived for %i hours", (env, hours) => {
  expect(archiveHoursOf(load(env).config)).toBe(hours);
});

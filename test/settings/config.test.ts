import { expect, test } from "vitest";
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

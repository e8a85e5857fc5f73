/** Whether a Redis takes writes, and whether its content is still there, as the watch asks. */
import { expect, test } from "vitest";
import { readServer } from "../../src/queue/redis-server.ts";
import { watchWrites } from "../../src/queue/redis-writes.ts";
import { useRedis } from "../support/redis-of-file.ts";

const own = useRedis();

test("what is there is trusted once its mark was read, and another mark means that it was emptied", async () => {
  await own.redis.ping();
  let emptied = 0;
  const writes = watchWrites(own, () => emptied++);
  const server = await readServer(own.redis);
  expect([writes.identityToTrust(server), writes.writtenAt()]).toEqual([null, null]);
  await writes.probe();
  expect(writes.writtenAt()).toBeInstanceOf(Date);
  await writes.lookAtMark(server);
  const before = writes.identityToTrust(server);
  expect(before).toMatch(`${server.identity} `);
  // Another process on the same Redis finds the same content.
  const second = watchWrites(own, () => emptied++);
  await second.lookAtMark(server);
  expect(second.identityToTrust(server)).toBe(before);

  expect(writes.identityToTrust({ ...server, identity: "another" })).toBe(null);
  expect(writes.identityToTrust({ ...server, appendOnlyWritten: false })).toBe(null);
  await own.redis.flushall();
  await writes.lookAtMark(server);
  expect(emptied).toBe(1);
  expect(writes.identityToTrust(server)).not.toBe(before);
});

test("a Redis that refuses writes is not trusted until one was taken again, which is tried at once after it was away", async () => {
  await own.redis.ping();
  const writes = watchWrites(own, () => {});
  const server = await readServer(own.redis);
  await own.redis.config("SET", "min-replicas-to-write", "1");
  await writes.probe();
  expect([writes.fault(), writes.writtenAt()]).toEqual([expect.stringContaining("NOREPLICAS"), null]);
  await writes.lookAtMark(server);
  expect(writes.identityToTrust(server)).toBe(null);
  await own.redis.config("SET", "min-replicas-to-write", "0");
  await writes.probe();
  expect(writes.fault()).not.toBe(null);
  writes.probeAgain();
  await writes.probe();
  await writes.lookAtMark(server);
  expect(writes.fault()).toBe(null);
  expect(writes.identityToTrust(server)).toMatch(`${server.identity} `);
});

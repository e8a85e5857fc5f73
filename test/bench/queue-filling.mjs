/** Puts many jobs on mm4d's queue at once, and takes them off again, without a producer or a consumer. */

const PREFIX = "bull:mm4-delivery-events:";
const AT_A_TIME = 1_000;

/** Copies of the job that came first, each with its own id and its own remembered event id, as if they were reports. */
const COPY = `
local prefix, from, count = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2])
local job = redis.call("HGETALL", prefix .. redis.call("LINDEX", prefix .. "wait", -1))
for number = from, from + count - 1 do
  local id = string.format("j%032d", number)
  redis.call("HSET", prefix .. id, unpack(job))
  redis.call("HSET", prefix .. id, "deid", "copy" .. number)
  redis.call("SET", prefix .. "de:copy" .. number, id, "PX", 86400000)
  redis.call("LPUSH", prefix .. "wait", id)
end`;

const TRIM = `
local prefix, count = KEYS[1], tonumber(ARGV[1])
for _, id in ipairs(redis.call("RPOP", prefix .. "wait", count) or {}) do
  local seen = redis.call("HGET", prefix .. id, "deid")
  redis.call("DEL", prefix .. id, prefix .. "de:" .. (seen or ""))
end`;

export async function addCopies(client, count) {
  for (let from = 0; from < count; from += AT_A_TIME) await client.eval(COPY, 1, PREFIX, from, AT_A_TIME);
}

/** Takes the oldest jobs off, and what is remembered of them, until so many are left. */
export async function trim(client, left) {
  for (let more = (await client.llen(`${PREFIX}wait`)) - left; more > 0; more -= AT_A_TIME) {
    await client.eval(TRIM, 1, PREFIX, Math.min(more, AT_A_TIME));
  }
}

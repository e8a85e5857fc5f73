/**
 * The script that adds a batch of jobs to a queue of BullMQ's.
 *
 * An ordinary job is one that nobody knows, on a queue that is neither paused nor bounded. For
 * it the script writes what BullMQ's own would, and does once for all what that does for each:
 * the counter of jobs, the list, the marker, the bounds of the event stream. Everything else is
 * handed to BullMQ's own script, as it comes with BullMQ: duplicates, and whatever failed here.
 * Both give the same keys and the same events in the same order, which a test compares.
 */
import { addStandardJob } from "bullmq/dist/esm/scripts/addStandardJob-9.js";
import { COUNT } from "./statistics.ts";

/** A function of Lua, BullMQ's own script. What BullMQ would send packed is handed over as it is. */
export const ADD_AS_BULLMQ = `
local function addAsBullMQ(KEYS, ARGV)
local cmsgpack = {unpack = function(unpacked) return unpacked end}
${addStandardJob.content}
end
`;

/**
 * KEYS: those of BullMQ's script. ARGV: the head, which add-jobs.ts makes, and the data of each job.
 *
 * A job's two keys, its own and that of its deduplication id, are written before it is put where consumers take
 * it. Where the latter fails, they go again: otherwise the next attempt would find the job added, and no
 * consumer would ever see it. They go only when they are there, because a Redis without memory refuses the first
 * thing that a script writes, and nothing behind a DEL.
 */
export const ADD_ALL = `
${ADD_AS_BULLMQ}
${COUNT}
local head = cjson.decode(ARGV[1])
local metaKey, eventsKey, markerKey = KEYS[3], KEYS[8], KEYS[9]
local ends, counted = {}, {}
-- Jobs that are written, and not yet in the list.
local written, ids = {}, {}
local knowsQueue, meta = pcall(redis.call, 'HMGET', metaKey, 'opts.maxLenEvents', 'paused', 'concurrency')
local ordinary = knowsQueue and meta[1] and not meta[2] and not meta[3]

-- Before Redis 7 what was wrong is a text.
local function asError(why) return type(why) == 'table' and why or {err = tostring(why)} end

local function keysOf(job) return head.queueKey .. job[1], head.queueKey .. 'de:' .. job[3] end

local function removeKeys(jobKey, deKey)
  if redis.call('EXISTS', jobKey, deKey) > 0 then redis.call('DEL', jobKey, deKey) end
end

-- The options as JSON are the same for many jobs, but for the two ids: only these are empty.
local texts = {}
for _, options in ipairs(head.options) do
  local text = cjson.encode(options)
  local job, de = string.find(text, '"jobId":""', 1, true) + 8, string.find(text, '"id":""', 1, true) + 5
  local first, last = math.min(job, de), math.max(job, de)
  local pieces = {string.sub(text, 1, first - 1), string.sub(text, first + 2, last - 1), string.sub(text, last + 2)}
  texts[#texts + 1] = {pieces = pieces, isJobFirst = job < de}
end

local function textOf(job)
  local id, deId = cjson.encode(job[1]), cjson.encode(job[3])
  local text = texts[job[4]]
  local pieces = text.pieces
  if text.isJobFirst then return pieces[1] .. id .. pieces[2] .. deId .. pieces[3] end
  return pieces[1] .. deId .. pieces[2] .. id .. pieces[3]
end

local function write(job, data, jobKey, deKey)
  redis.call('SET', deKey, job[1], 'PX', head.ttl)
  redis.call('HMSET', jobKey, 'name', job[2], 'data', data, 'opts', textOf(job),
    'timestamp', head.timestamp, 'delay', '0', 'priority', '0', 'deid', job[3])
  redis.call('XADD', eventsKey, '*', 'event', 'added', 'jobId', job[1], 'name', job[2])
  redis.call('XADD', eventsKey, '*', 'event', 'waiting', 'jobId', job[1])
end

-- The list is last, because what fails before it is not in it.
local function list()
  redis.call('INCRBY', KEYS[4], #ids)
  redis.call('XTRIM', eventsKey, 'MAXLEN', '~', meta[1])
  redis.call('ZADD', markerKey, 0, '0')
  redis.call('LPUSH', KEYS[1], unpack(ids))
end

local function countOne(at)
  local place = head.jobs[at][5]
  if place > 0 then counted[place] = (counted[place] or 0) + 1 end
end

local function addByBullMQ(at)
  local job = head.jobs[at]
  local jobKey, deKey = keysOf(job)
  local isNew = redis.call('EXISTS', jobKey, deKey) == 0
  local options = head.options[job[4]]
  options.jobId, options.de.id = job[1], job[3]
  local args = {[1] = head.queueKey, [2] = job[1], [3] = job[2], [4] = head.timestamp, [9] = deKey}
  -- One of them may be what Redis does not take: that one must not keep the others from the queue.
  local added, id = pcall(addAsBullMQ, KEYS, {args, ARGV[at + 1], options})
  if isNew and added then countOne(at) end
  if isNew and not added then pcall(removeKeys, jobKey, deKey) end
  ends[at] = added and id or asError(id)
end

local function listWritten()
  if #ids == 0 then return end
  local listed = pcall(list)
  if not listed then
    for _, at in ipairs(written) do pcall(removeKeys, keysOf(head.jobs[at])) end
  end
  for _, at in ipairs(written) do
    if listed then countOne(at) else addByBullMQ(at) end
  end
  written, ids = {}, {}
end

for at, job in ipairs(head.jobs) do
  local jobKey, deKey = keysOf(job)
  local isOrdinary = ordinary and redis.call('EXISTS', jobKey, deKey) == 0
  if isOrdinary and pcall(write, job, ARGV[at + 1], jobKey, deKey) then
    ends[at] = job[1]
    written[#written + 1] = at
    ids[#ids + 1] = job[1]
  else
    if isOrdinary then pcall(removeKeys, jobKey, deKey) end
    -- The list keeps their order.
    listWritten()
    addByBullMQ(at)
  end
end
listWritten()
-- A user of Redis who may not write there, say, must not keep the jobs from being added.
for place, reports in pairs(counted) do
  local minute, kind = unpack(head.kinds[place])
  local done, why = pcall(count, head.buckets[minute], kind, reports)
  if not done then ends[#ends + 1] = asError(why) end
end
return ends
`;

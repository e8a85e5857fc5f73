/** Haraka's plugin that does the same job: reads the MM4 fields, adds a job, then says OK. */
/* global OK, DENYSOFT */
const { Queue } = require(process.env.BENCH_BULLMQ);

let queue;

exports.register = () => {
  const connection = { host: "127.0.0.1", port: Number(process.env.BENCH_REDIS_PORT) };
  queue = new Queue("mm4-delivery-events", { connection });
};

// Otherwise it asks the DNS who is there.
exports.hook_lookup_rdns = (next) => next(OK, "bench");
exports.hook_mail = (next) => next(OK);
exports.hook_rcpt = (next) => next(OK);

exports.hook_queue = (next, connection) => {
  const { header } = connection.transaction;
  const read = (name) => header.get(name).trim();
  queue
    .add("delivery-report", {
      transactionId: read("X-Mms-Transaction-ID"),
      messageId: read("X-Mms-Message-ID"),
      recipient: read("From"),
      originator: read("To"),
      date: read("Date"),
      status: read("X-Mms-MM-Status-Code"),
      statusText: read("X-Mms-Status-Text"),
      code: read("X-Internal-Status-Code"),
    })
    .then(
      () => next(OK),
      () => next(DENYSOFT),
    );
};

/** The sample consumer of `docker compose --profile demo up`: prints each event, and is done with it. */
import { consume } from "mm4d/consumer";

const consuming = await consume(({ data }) => {
  console.log(data.messageId, data.recipient?.number, data.outcome, data.final, data.reason?.explanation);
});
for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, () => consuming.stop().then(() => process.exit(0)));

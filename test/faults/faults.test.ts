/** All of them in one file, so that they wait at the same time; those that wait for longest first. */
import "./disk.ts";
import "./redis.ts";
import "./receiver.ts";
import "./reading.ts";
import "./aside.ts";
import "./reports.ts";
import "./awaits.ts";

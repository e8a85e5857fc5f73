/** All of them in one file, so that they wait at the same time; the longest first. */
import "./receiver.ts";
import "./redis.ts";
import "./disk.ts";
import "./reports.ts";
import "./awaits.ts";

/** `mm4d doctor`: checks everything that mm4d depends on, and says what to do. */
import type { Command } from "commander";
import { lookAtDirectory } from "./doctor-disk.ts";
import { lookAtCatalogue, lookAtCertificate, lookAtPeers } from "./doctor-files.ts";
import { lookAtOpenFiles, lookAtPorts, lookForPorts } from "./doctor-ports.ts";
import { compareRedis, lookAtRedis } from "./doctor-redis.ts";
import { lookAtService, lookForService } from "./doctor-service.ts";
import { type Finding, type Findings, fault, ok } from "./finding.ts";
import { followService } from "./running-service.ts";
import { readSettings } from "./settings.ts";
import { fitted, jsonOf, printLine } from "./terminal.ts";

export function addDoctorCommand(program: Command): void {
  program
    .command("doctor")
    .description("look at everything mm4d rests on, whether it runs or not, and say what to do about it")
    .option("--json", "print each finding as JSON, one a line")
    .addHelpText(
      "after",
      `
Looks at settings, Redis, ports, data directory, certificate, peers and
catalogue. Writes keys to Redis that expire, and one file in the data
directory that it removes. Of a running service it says what status says: a
warning for what needs attention, a fault for what is not well. Exit code 1
when there is a fault.`,
    )
    .action(doctor);
}

async function doctor({ json }: { json?: true }): Promise<void> {
  let faulty = false;
  const tell = async (findings: Findings): Promise<void> => {
    for (const finding of findings) {
      faulty ||= finding.verdict === "fault";
      await printLine(json ? jsonOf(finding) : fitted([lineOf(finding)]));
    }
  };
  const loaded = readSettings();
  if (!loaded.ok) {
    await tell(loaded.error.map((text) => fault("settings", text)));
  } else {
    const { settings, found } = await followService(loaded.value);
    const { config } = settings;
    const running = found.kind === "running" ? found.facts : undefined;
    await tell(["all can be read", ...settings.notes].map((text) => ok("settings", text)));
    await tell(found.kind === "running" ? await lookAtService(found) : lookForService(found, settings));
    await tell(compareRedis(config, found));
    await tell(await lookAtRedis(config, running));
    await tell(await (found.kind === "running" ? lookAtPorts(found.facts) : lookForPorts(config, found)));
    await tell(lookAtOpenFiles(config, running));
    for (const look of [lookAtDirectory, lookAtCertificate, lookAtPeers, lookAtCatalogue]) await tell(look(config));
  }
  if (faulty) process.exitCode = 1;
}

function lineOf({ about, verdict, text }: Finding): string {
  return `${verdict.padEnd(8)} ${about}: ${text}`;
}

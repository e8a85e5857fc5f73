/**
 * Every command, in the order of the help. Only the one that is asked for is loaded,
 * because loading all of them takes a second on a small machine.
 */
export const COMMANDS = {
  serve: async () => (await import("./serve.ts")).addServeCommand,
  send: async () => (await import("./send.ts")).addSendCommand,
  mmsc: async () => (await import("./mmsc.ts")).addMmscCommand,
  tail: async () => (await import("./tail.ts")).addTailCommand,
  trace: async () => (await import("./trace.ts")).addTraceCommand,
  quarantine: async () => (await import("./quarantine.ts")).addQuarantineCommand,
  replay: async () => (await import("./replay.ts")).addReplayCommand,
  forget: async () => (await import("./forget.ts")).addForgetCommand,
  failed: async () => (await import("./failed.ts")).addFailedCommand,
  acks: async () => (await import("./acks.ts")).addAcksCommand,
  journal: async () => (await import("./journal.ts")).addJournalCommand,
  archive: async () => (await import("./archive.ts")).addArchiveCommand,
  peers: async () => (await import("./peers.ts")).addPeersCommand,
  refusals: async () => (await import("./refusals.ts")).addRefusalsCommand,
  status: async () => (await import("./status.ts")).addStatusCommand,
  stats: async () => (await import("./stats.ts")).addStatsCommand,
  doctor: async () => (await import("./doctor.ts")).addDoctorCommand,
  "log-level": async () => (await import("./log-level.ts")).addLogLevelCommand,
  codes: async () => (await import("./codes.ts")).addCodesCommand,
  explain: async () => (await import("./explain.ts")).addExplainCommand,
  config: async () => (await import("./config.ts")).addConfigCommand,
  fixtures: async () => (await import("./fixtures.ts")).addFixturesCommand,
  schema: async () => (await import("./schema.ts")).addSchemaCommand,
};

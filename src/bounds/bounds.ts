/**
 * Every bound that is no setting, once, with its reason: how much one message, one
 * peer or one address may cause. docs/security.md is printed from it.
 *
 * A bound never loses a report. What exceeds it is cut where only people read it,
 * quarantined, or refused with 4xx. Bounds that are settings are printed into
 * the same table of docs/security.md, from config.ts.
 */
interface Bound {
  readonly value: number;
  /** What the value counts. */
  readonly unit: "bytes" | "characters" | "things" | "ms" | "share" | "part";
  /** What is bounded, and for whom. */
  readonly about: string;
  /** Why it is this much, and what happens to what exceeds it. */
  readonly reason: string;
}

export const BOUNDS = {
  logWaiting: {
    value: 4_194_304,
    unit: "bytes",
    about: "lines of the log that wait for whoever reads stdout, in each process",
    reason:
      "some thousand reports, while a reader stands still; further lines are lost, counted (`mm4d_log_lines_lost_total`) and told of, as no report waits for its log",
  },
  asideShare: {
    value: 0.0625,
    unit: "part",
    about:
      "what one peer's messages may take of a process's journal that wait there for room in quarantine, because only reading them, behind their 250, has shown that they belong there",
    reason:
      "beyond it reports of this peer, and of no other, get 451 until there is room; nothing waits for these messages",
  },
  bodyKept: {
    value: 16_384,
    unit: "bytes",
    about: "what is kept of a report's body, in the journal and in quarantine",
    reason:
      "all of a report is in its header, so that only a person sees its body, where a fault of ours quarantines it; the rest is counted, and not kept",
  },
  idCompared: {
    value: 1_000,
    unit: "characters",
    about: "what is compared of an id, when a report is looked for",
    reason: "ids are some tens of characters; cut first, so that nothing is done with the rest",
  },
  httpConnections: {
    value: 500,
    unit: "things",
    about: "connections to the HTTP port at a time",
    reason:
      "probes, Prometheus and some tens of pages; beyond it the one that has asked nothing for the longest gives way",
  },
  httpConnectionsOfNetwork: {
    value: 250,
    unit: "things",
    about: "of these, from one address or one IPv6 /64",
    reason:
      "beyond it one of its own gives way; the newcomer is served, so that it costs nobody behind a proxy anything",
  },
  httpHeaderMs: {
    value: 5_000,
    unit: "ms",
    about: "how long the header of an HTTP request may take, from the beginning of the connection",
    reason: "a probe asks at once, and browsers keep one connection open unasked, which they open again",
  },
  httpRequestMs: {
    value: 10_000,
    unit: "ms",
    about: "how long a whole HTTP request may take",
    reason: "our forms have some hundred bytes",
  },
  httpKeptMs: {
    value: 5_000,
    unit: "ms",
    about: "how long an HTTP connection is kept for a next request",
    reason: "a page asks for its parts within a second; who comes later connects again",
  },
  httpAnswerStandsMs: {
    value: 30_000,
    unit: "ms",
    about: "how long nothing of an HTTP answer may be read",
    reason:
      "what is not read is held in memory; a page that is open reads every two seconds. Ended when nothing is read by the next look either",
  },
  httpAnswerMs: {
    value: 120_000,
    unit: "ms",
    about: "how long what was written to an HTTP client may wait to be read in all",
    reason: "some hundred kilobytes over the slowest line; reading a byte now and then puts it off no longer",
  },
  httpStreams: {
    value: 50,
    unit: "things",
    about: "pages that are live at a time",
    reason: "what has changed is sent to each every two seconds; one more is shown as it was when it was opened",
  },
  httpRequestsWaiting: {
    value: 2_000,
    unit: "things",
    about: "requests that may wait on one HTTP connection for the answer to the one before them",
    reason:
      "browsers and Prometheus send none; they are answered one after the other, and beyond it the connection ends",
  },
  pagesExported: {
    value: 20,
    unit: "things",
    about: "pages of the list of reports that one file with it has",
    reason: "a thousand reports, for a spreadsheet or a ticket; whoever wants all of them is a consumer",
  },
  httpFormBytes: {
    value: 16_384,
    unit: "bytes",
    about: "the body of an HTTP request",
    reason: "our forms have some hundred bytes",
  },
  secretFileBytes: {
    value: 65_536,
    unit: "bytes",
    about: "a file that holds a password, a token or REDIS_URL",
    reason: "they have some tens of bytes; beyond it the start, or what is read again, is refused with a sentence",
  },
  envFileBytes: {
    value: 1_048_576,
    unit: "bytes",
    about: "a file of settings (`--env-file`, the unit's)",
    reason: "all settings with the longest list of peers take less; beyond it refused with a sentence",
  },
  savedMessageBytes: {
    value: 104_857_600,
    unit: "bytes",
    about: "a saved message that a command reads",
    reason: "no larger one is ever accepted (`MM4D_MAX_MESSAGE_BYTES`); what does not end must not fill the memory",
  },
  settingsFileBytes: {
    value: 16_777_216,
    unit: "bytes",
    about: "a file with peers, codes or certificates",
    reason: "ten thousand peers have some megabytes; beyond it as above",
  },
  codeCounted: {
    value: 999,
    unit: "things",
    about: "the largest code that is counted by its number where no table explains a peer's codes",
    reason: "codes have three digits; each number takes room in metrics and statistics, so larger ones count as other",
  },
  codesKept: {
    value: 1_000,
    unit: "things",
    about: "codes that a table does not list and whose words are kept in memory, for each table",
    reason: "the same ones come again and again; the words of further ones are made each time",
  },
  bounceBytes: {
    value: 65_536,
    unit: "bytes",
    about: "what is kept and read of a bounce",
    reason: "what it reports on is less than a kilobyte, and stands in front; what is behind says nothing of it",
  },
  bounceParts: {
    value: 20,
    unit: "things",
    about: "parts that are read of a bounce, those within parts among them",
    reason: "a bounce has three (RFC 3464 §2), and those in wrappers some more; further ones are not looked at",
  },
  bouncesWaiting: {
    value: 8_388_608,
    unit: "bytes",
    about: "bounces of one peer that are stored and not yet tied to their acknowledgements",
    reason:
      "some thousand ordinary ones; beyond it that peer's bounces, and nobody else's, are asked to come again (451)",
  },
  messagesTurnMs: {
    value: 10,
    unit: "ms",
    about: "for how long messages that have ended are taken in before everything else has its turn",
    reason:
      "hundreds of connections may end a message in the same moment; what is beyond it waits for the next turns, one peer after the other, and is answered some milliseconds later",
  },
  idLength: {
    value: 1_000,
    unit: "characters",
    about: "a message id or a transaction id of an event",
    reason: "ids are some tens of characters. A message with a longer one is quarantined: no id is ever cut",
  },
  idEchoed: {
    value: 1_000,
    unit: "bytes",
    about: "an id that an acknowledgement echoes",
    reason: "a message with a longer one is not acknowledged: a cut id would be another message's",
  },
  partyLength: {
    value: 1_000,
    unit: "characters",
    about: "the address of a recipient or an originator",
    reason: "an address has 256 octets at most (RFC 5321 §4.5.3.1.3), and a name beside it; beyond it quarantined",
  },
  recipients: {
    value: 500,
    unit: "things",
    about: "recipients that a forward response speaks of",
    reason:
      "five times what one message may be sent to; further ones are not even read, and the message is quarantined",
  },
  fieldLength: {
    value: 8_192,
    unit: "characters",
    about: "a field of an event's `raw` with its name, but for the recipients of a response",
    reason: "a status text is a sentence, and twenty addresses are one kilobyte; beyond it quarantined",
  },
  fields: {
    value: 200,
    unit: "things",
    about: "fields in an event's `raw`",
    reason: "MM4 defines some thirty, and gateways add some; beyond it quarantined",
  },
  eventBytes: {
    value: 131_072,
    unit: "bytes",
    about: "an event as JSON",
    reason:
      "an ordinary one has one kilobyte, and one with 500 recipients and their domains a hundred; beyond it quarantined",
  },
  consumedEventBytes: {
    value: 16_384,
    unit: "bytes",
    about: "an event whose job is kept when it is consumed",
    reason:
      "what is kept for people to look at is bounded by `MM4D_COMPLETED_KEEP_COUNT`, so that it must not be large; the job of a larger one is removed with its consumption",
  },
  heloLength: {
    value: 255,
    unit: "characters",
    about: "the name by which a client greets, in events and lists",
    reason: "a name has 255 octets at most (RFC 5321 §4.5.3.1.2); cut, because nothing is decided by it",
  },
  detailLength: {
    value: 4_000,
    unit: "characters",
    about: "why a message is in quarantine, in words",
    reason: "the stack of a fault of ours, which may quote the message; cut, because the message itself is kept",
  },
  encodedWords: {
    value: 200,
    unit: "things",
    about: "encoded words (RFC 2047) that are decoded of one message's fields, and again of its addresses",
    reason:
      "a status text of several lines has some ten; a field with more than are left stays as written, with the warning `undecodable-word`",
  },
  charsets: {
    value: 256,
    unit: "things",
    about: "names of charsets that are remembered",
    reason: "a mail system uses some ten; beyond it all are forgotten, and looked up again",
  },
  charsetLength: {
    value: 100,
    unit: "characters",
    about: "the name of a charset",
    reason: "the longest there is has some thirty; a longer one is none",
  },
  numbersOwed: {
    value: 100,
    unit: "things",
    about: "numbers that an acknowledgement remembers of its message's parties, to be masked in its ids",
    reason: "an ordinary report has two; further ones are masked where they begin with +",
  },
  digitsKnown: {
    value: 262_144,
    unit: "things",
    about: "the digits of all numbers of a report's parties that are looked for where its texts are masked",
    reason:
      "twice as many as an event may have bytes, so that those of every event are; beyond it whatever may be a number is masked, but for ids, which lose those looked for and what begins with +",
  },
  textShown: {
    value: 1_000,
    unit: "characters",
    about: "what the page and the log show of one text, such as an id, before it goes on with …",
    reason: "an id is some tens of characters; the queue and the quarantine hold the whole",
  },
  listShown: {
    value: 100,
    unit: "things",
    about: "what the page shows of one list, such as recipients, fields or the steps of a report",
    reason: "nobody reads more; the command line tells all",
  },
  refusalsKept: {
    value: 500,
    unit: "things",
    about: "addresses and reasons of refused clients that Redis keeps of one hour, for a day",
    reason:
      "some kilobytes on an ordinary day, and some megabytes when strangers of many addresses knock; further ones of that hour are told until the service ends, and are in the log",
  },
  acknowledgementsLookedAt: {
    value: 1_000,
    unit: "things",
    about: "acknowledgements of one state that the page of a peer, or of all peers, looks through at once",
    reason: "some tens of milliseconds between which reports are received; it says so, and mm4d acks list tells all",
  },
  valueShown: {
    value: 16_384,
    unit: "characters",
    about: "what the page shows of one job or event",
    reason: "an event is 1 to 3 KB; a page of a hundred is masked and written in some tens of milliseconds",
  },
  messageShown: {
    value: 65_536,
    unit: "characters",
    about: "what the page shows of a header, and of a body",
    reason: "as long as a header may be; mm4d quarantine show tells all",
  },
  unfinishedShare: {
    value: 0.5,
    unit: "share",
    about: "unfinished messages of one peer, of `MM4D_MAX_UNFINISHED_BYTES`",
    reason: "what one peer fills leaves as much for the others; beyond it 452, and its relay sends again",
  },
  unreadInput: {
    value: 131_072,
    unit: "bytes",
    about: "what a client said that waits until it reads our replies, counted as an unfinished message of its peer",
    reason:
      "two reads of a socket; where there is no room for it the connection is closed, because its client reads no reply",
  },
  journalShare: {
    value: 0.875,
    unit: "share",
    about: "records of one peer in the journal, of what the others leave of `MM4D_JOURNAL_MAX_BYTES`",
    reason:
      "what one peer fills leaves room for the others' reports, and a single one has seven eighths for an outage of Redis; beyond it that peer's messages, and nobody else's, are asked to come again (451)",
  },
  connectionsShare: {
    value: 0.5,
    unit: "share",
    about: "connections of one peer whose entry has no `limits.connections`, of `MM4D_MAX_CLIENTS`",
    reason:
      "where that is set below the default of one peer, what one peer fills leaves as much for the others; beyond it as beyond `MM4D_MAX_CLIENTS_PER_PEER`",
  },
  placeWaited: {
    value: 10_000,
    unit: "ms",
    about: "how long MAIL waits for a place, on a connection beyond its peer's limit",
    reason:
      "a relay that opens many at a time ends most of them soon (Postfix keeps one for 2 s behind its last message); then 450, and it sends again",
  },
  spareConnectionsOfPeer: {
    value: 100,
    unit: "things",
    about:
      "connections of one peer beyond its limit that are greeted, and answered 450 at MAIL when no place becomes free",
    reason: "more than mail servers open to one host at a time; further ones are closed without a word",
  },
  spareConnections: {
    value: 1_000,
    unit: "things",
    about: "such connections of all peers",
    reason: "each takes some memory and an open file; further ones are closed without a word",
  },
  commandsPerSecond: {
    value: 10,
    unit: "things",
    about: "commands a second of a listed peer's connection that never end it, without any message",
    reason:
      "a relay that keeps its connection open says something every few seconds; faster ones use up `MM4D_MAX_COMMANDS`, bad ones `MM4D_MAX_BAD_COMMANDS`, and then hear 421",
  },
  healthChecks: {
    value: 100,
    unit: "things",
    about: "health checks of balancers (`MM4D_PROXIES`) at a time",
    reason: "each asks over one connection every second or so; further ones are closed without a word",
  },
  pathOctets: {
    value: 256,
    unit: "bytes",
    about: "the address of MAIL or RCPT, with its angle brackets",
    reason:
      "RFC 5321 §4.5.3.1.3; beyond it 501. Its local part may be longer than the 64 octets that a server must take, as addresses of bounces are",
  },
  parameters: {
    value: 20,
    unit: "things",
    about: "parameters behind the address of one MAIL or RCPT",
    reason: "seven are known; beyond it 501, so that a line full of them costs no more than another",
  },
  loginsWaitingOfPeer: {
    value: 100,
    unit: "things",
    about: "passwords of one peer that wait to be compared; peers take turns",
    reason: "five seconds of hashing; beyond it 454, and who was right before never waits",
  },
  loginsWaitingOfNetwork: {
    value: 2,
    unit: "things",
    about: "of them, those of one address (IPv6: of one /64)",
    reason: "a relay's own connections share its password, of which one is compared and remembered; beyond it 454",
  },
  failedLoginsOfNetwork: {
    value: 8,
    unit: "things",
    about: "addresses of one IPv6 /64 whose failed logins are counted each by itself",
    reason: "relays that stand in one network; all further ones count as one, because whoever has one address has all",
  },
  failedLoginsOfPeer: {
    value: 1_000,
    unit: "things",
    about: "addresses of one peer whose failed logins are remembered",
    reason:
      "each failure of an address is answered later than the one before; of more, the one that failed longest ago is forgotten",
  },
  errorsLookedAt: {
    value: 100,
    unit: "things",
    about: "jobs whose error is looked at, of those of a queue that wait to be tried again, at each look",
    reason: "one error that many share shows in these; the next look sees the next",
  },
  errorLookedAt: {
    value: 500,
    unit: "bytes",
    about: "what is read of a job's error to say whether many failed alike",
    reason: "a consumer may write any error; the beginning tells which it is",
  },
  jobsLookedAt: {
    value: 1_000,
    unit: "things",
    about: "failed jobs of a queue, and again those that are to be tried again, that the page Queue looks at",
    reason: "errors that many share show in these, and what is done about them is done to all that are alike",
  },
  errorGroups: {
    value: 50,
    unit: "things",
    about: "errors that it lists of each, the most frequent first",
    reason: "a person looks at the first; where all differ, the others differ too",
  },
  jobsOfError: {
    value: 20,
    unit: "things",
    about: "jobs that it lists of each error, the newest first",
    reason: "an error is understood by some of its jobs; `mm4d failed list` prints all",
  },
  errorShown: {
    value: 2_000,
    unit: "characters",
    about: "what it shows of a job's error",
    reason: "a stack of twenty lines; `mm4d failed list` prints more",
  },
  jobsListed: {
    value: 50,
    unit: "things",
    about: "jobs that the page Queue lists of those that wait, and of those that consumers have in hand",
    reason: "the oldest tell what stands still; bull-board goes through all",
  },
  jobsRetried: {
    value: 10_000,
    unit: "things",
    about: "jobs that are given back to consumers at once from the page",
    reason: "some seconds of the thread that does it; whoever asks again goes on, and `mm4d failed retry` does all",
  },
  retriedMs: {
    value: 8_000,
    unit: "ms",
    about: "how long that may take",
    reason: "a browser waits for the answer; beyond it as above",
  },
  errorQuoted: {
    value: 160,
    unit: "characters",
    about: "what status, page and /healthz quote of an error of a consumer or an MMSC",
    reason: "two lines of a terminal; `mm4d failed list` and `mm4d acks list` print more",
  },
  namesInOneReason: {
    value: 10,
    unit: "things",
    about: "peers that one sentence of status, page and /healthz names",
    reason: "a screen; of further ones it says how many",
  },
  clientsListedEvery: {
    value: 10_000,
    unit: "ms",
    about: "how often Redis is asked for its list of clients, at most",
    reason: "with ten thousand clients that is some MB; whether a consumer is connected may be told late",
  },
  queuesLookedAtEvery: {
    value: 1_000,
    unit: "ms",
    about: "how often the queues are looked at for whoever asks for the status, at most",
    reason: "a few commands for each queue; who asks sooner waits until then, and all who wait get one answer",
  },
  blocksListed: {
    value: 2_000,
    unit: "things",
    about: "blocks of the trace that are looked into for one page of Reports",
    reason:
      "where little comes each has a report or two; beyond it the page tells what it looked through, and where it goes on",
  },
  bytesListed: {
    value: 16_777_216,
    unit: "bytes",
    about: "what is read of these blocks, as they are kept",
    reason: "a hundred thousand reports; beyond it as above",
  },
  listedMs: {
    value: 1_000,
    unit: "ms",
    about: "how long one page of Reports is looked for",
    reason: "others wait for their pages meanwhile; beyond it as above",
  },
  blockInflated: {
    value: 67_108_864,
    unit: "bytes",
    about: "what a block of the trace may inflate to",
    reason: "ours have half a megabyte; one that would take more is damaged, and is passed over",
  },
  blocksReadLive: {
    value: 20,
    unit: "things",
    about: "blocks of the trace that are read each second at most, for whoever follows Reports",
    reason:
      "without a filter the newest has what is shown; with one, four thousand reports a second are looked through",
  },
  blocksCountedLive: {
    value: 200,
    unit: "things",
    about: "blocks that are counted for that",
    reason: "forty thousand reports, as when Redis comes back; older ones are found by pages",
  },
  jobsFollowedLive: {
    value: 200,
    unit: "things",
    about: "jobs of the newest of these reports that are looked at again each second, until they are over",
    reason: "a millisecond of Redis; rows of older ones stay as they were when they were shown",
  },
  viewsWaiting: {
    value: 20,
    unit: "things",
    about:
      "pages that wait to be found in the trace and the queues, and again in the quarantine, one after the other; half of them for one client",
    reason: "a few seconds' work; beyond it a page says that too many ask",
  },
  viewsMs: {
    value: 15_000,
    unit: "ms",
    about: "how long one such page may take once it is its turn",
    reason: "each is bounded to a second of work; a thread that takes longer is ended, and another one begun",
  },
  viewsBytes: {
    value: 134_217_728,
    unit: "bytes",
    about: "the memory of this thread",
    reason: "a page takes some megabytes; a thread that needs more ends, and another one is begun",
  },
  answersKept: {
    value: 100,
    unit: "things",
    about: "answers of one kind that are kept for some seconds for all pages that ask for the same",
    reason: "some kilobytes each; beyond it the oldest is forgotten, and found again for whoever asks",
  },
  quarantinePagesKept: {
    value: 5,
    unit: "things",
    about: "pages of the list of quarantined messages that are kept for a minute for all who look",
    reason: "fifty whole messages each; beyond it as above",
  },
  entriesFound: {
    value: 500,
    unit: "things",
    about: "entries of the trace that are handed on for one report",
    reason: "a report that came a hundred times has some hundreds; the newest are handed on",
  },
  typeLookedFor: {
    value: 65_536,
    unit: "bytes",
    about: "how much of a message without a type in its header is searched for one",
    reason:
      "a report that a relay has wrapped stands near the beginning; beyond it the message is no MM4 message, and refused",
  },
} as const satisfies Readonly<Record<string, Bound>>;

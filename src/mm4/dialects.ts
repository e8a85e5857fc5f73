/**
 * How other MMSCs write MM4, for the simulated relay: one row for each, with the
 * deviations seen in its code, its traces or its pages.
 */
import type { PduKind } from "./compose.ts";

export interface Dialect {
  /** How it deviates. */
  readonly about: string;
  readonly version: string;
  /** Fields that have another name than in the specification. */
  readonly names: Readonly<Record<string, string>>;
  /** Message types that have another spelling. */
  readonly types: Partial<Readonly<Record<PduKind, string>>>;
  readonly ids: "quoted" | "bare" | "angle-brackets";
  /** Whether X-Mms-Transaction-ID says the same as X-Mms-Message-ID. */
  readonly oneId: boolean;
  /** Whether To is a bare number beside a From with /TYPE=PLMN. */
  readonly bareTo: boolean;
  readonly date: "rfc5322" | "asctime";
  readonly yes: string;
  /** The field that says where acknowledgements go. */
  readonly answerTo: "sender" | "originator-system" | "mail-from";
  /** MAIL FROM: the address of the system, of the postmaster or of the originator, or a host without "@". */
  readonly mailFrom: "system-user" | "postmaster" | "originator" | "host";
  /** Fields that only this MMSC writes. */
  readonly extra: readonly (readonly [name: string, value: string])[];
  /** Null for a message without Content-Type and body, as most MMSCs send it. */
  readonly body: string | null;
}

const STANDARD: Dialect = {
  about: "as the specification has it",
  version: "6.10.0",
  names: {},
  types: {},
  ids: "quoted",
  oneId: false,
  bareTo: false,
  date: "rfc5322",
  yes: "Yes",
  answerTo: "sender",
  mailFrom: "system-user",
  extra: [],
  body: null,
};

export const DIALECTS = {
  standard: STANDARD,
  bandwidth: {
    ...STANDARD,
    about: '"MM4_Delivery_Report.REQ", as Bandwidth\'s pages do',
    types: {
      "delivery-report": "MM4_Delivery_Report.REQ",
      "forward-response": "MM4_Forward.RES",
      "forward-request": "MM4_Forward.REQ",
    },
  },
  mbuni: {
    ...STANDARD,
    about: "version 5.5.0; acknowledgements go to X-Mms-Originator-System",
    version: "5.5.0",
    answerTo: "originator-system",
  },
  vectorcore: {
    ...STANDARD,
    about: 'the status in X-Mms-Status, a request status besides, ids without quotes, a sender without "@", a body',
    version: "6.3.0",
    names: { "X-Mms-MM-Status-Code": "X-Mms-Status" },
    ids: "bare",
    mailFrom: "host",
    extra: [["X-Mms-Request-Status-Code", "Ok"]],
    body: "Delivery report",
  },
  nexmo: {
    ...STANDARD,
    about: "the version in X-Mms-3GPP-Version",
    version: "6.16.0",
    names: { "X-Mms-3GPP-MMS-Version": "X-Mms-3GPP-Version" },
    answerTo: "mail-from",
  },
  cellcom: {
    ...STANDARD,
    about: "one id for both, without quotes, To without its type, an antivirus header, from PostMaster",
    version: "5.5.0",
    names: { "X-Mms-Transaction-ID": "X-Mms-Transaction-Id" },
    ids: "bare",
    oneId: true,
    bareTo: true,
    mailFrom: "postmaster",
    answerTo: "mail-from",
    extra: [["X-Brightmail-Tracker", "H4sIAAAAAAAAA02Sa0hTYRjHe8+OO3Hg2Nc2MJm1lYFw5AxwPZ5GjWRiJ6kSEVxI"]],
  },
  mmsgw: {
    ...STANDARD,
    about: '"MM4_Delivery_report.REQ", 1 for Yes, sent from the originator\'s address',
    types: { "delivery-report": "MM4_Delivery_report.REQ" },
    names: { "X-Mms-Read-Status": "X-Mms-MM-Read-Status" },
    yes: "1",
    mailFrom: "originator",
  },
  gomsggw: {
    ...STANDARD,
    about: "ids in angle brackets, X-Mms-message-Type, X-Mms-message-Id",
    names: { "X-Mms-Message-Type": "X-Mms-message-Type", "X-Mms-Message-ID": "X-Mms-message-Id" },
    ids: "angle-brackets",
  },
  korean: {
    ...STANDARD,
    about: "the status in X-Mms-Status-Code, a date without a zone",
    version: "6.16.0",
    names: { "X-Mms-MM-Status-Code": "X-Mms-Status-Code", "X-Mms-Request-Status-Code": "X-Mms-Response-Status" },
    date: "asctime",
  },
} as const satisfies Record<string, Dialect>;

export type DialectName = keyof typeof DIALECTS;

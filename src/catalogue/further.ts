/**
 * Codes that other Bandwidth pages list and the MM4 table does not.
 *
 * Of most of them we know only the name, so the texts say no more than the name.
 * `documented` is always false, because it is about the MM4 table.
 */
import type { CodeText } from "./bandwidth.ts";

/** A code from elsewhere: its row and the page that lists it. */
export interface FurtherCode extends CodeText {
  /** The four-digit code of Bandwidth's HTTP API, where its page lists one. */
  readonly httpCode: number | null;
  /** The page that lists the code. */
  readonly source: string;
}

/** In numeric order. */
export const FURTHER_CODES: readonly FurtherCode[] = [
  {
    code: 0,
    name: "delivered",
    fault: null,
    reportedBy: null,
    documented: false,
    explanation:
      "The message reached the intended carrier or handset: a success, not a failure. Bandwidth's MM4 table does not list this code; its SMPP page does.",
    remedy: "Nothing needs doing. Do not send it again.",
    httpCode: null,
    source: "Bandwidth SMPP codes, support 360000111087",
  },
  {
    code: 106,
    name: "impossible-to-route",
    fault: "service",
    reportedBy: "bandwidth",
    documented: false,
    explanation:
      "Bandwidth's MM4 table does not list this code. By its name, Bandwidth found it impossible to route the message.",
    remedy:
      "Check the recipient's number. Sending it again later may work; if the code keeps coming, ask Bandwidth support, with the message id.",
    httpCode: 5106,
    source: "Bandwidth HTTP errors page, 5106",
  },
  {
    code: 187,
    name: "spam-detected",
    fault: "client",
    reportedBy: "bandwidth",
    documented: false,
    explanation:
      "Bandwidth's MM4 table does not list this code; its old howto/smsDLR page lists it among its spam variants. No source we have confirms its exact name.",
    remedy:
      "Change the content, check the sender's registration, and ask Bandwidth support which spam rule this is. Do not send it again unchanged.",
    httpCode: null,
    source: "Bandwidth old howto/smsDLR page",
  },
  {
    code: 188,
    name: "spam-detected",
    fault: "client",
    reportedBy: "bandwidth",
    documented: false,
    explanation:
      "Bandwidth's MM4 table does not list this code; its old howto/smsDLR page lists it among its spam variants. No source we have confirms its exact name.",
    remedy:
      "Change the content, check the sender's registration, and ask Bandwidth support which spam rule this is. Do not send it again unchanged.",
    httpCode: null,
    source: "Bandwidth old howto/smsDLR page",
  },
  {
    code: 189,
    name: "spam-detected",
    fault: "client",
    reportedBy: "bandwidth",
    documented: false,
    explanation:
      "Bandwidth's MM4 table does not list this code; its old howto/smsDLR page lists it among its spam variants. No source we have confirms its exact name.",
    remedy:
      "Change the content, check the sender's registration, and ask Bandwidth support which spam rule this is. Do not send it again unchanged.",
    httpCode: null,
    source: "Bandwidth old howto/smsDLR page",
  },
  {
    code: 300,
    name: "malformed-message",
    fault: "client",
    reportedBy: "bandwidth",
    documented: false,
    explanation: "Bandwidth's MM4 table does not list this code. By its name, the message was malformed.",
    remedy: "Check the form of the message as your system sends it. Do not send it again unchanged.",
    httpCode: null,
    source: "Bandwidth support 360051644354",
  },
  {
    code: 360,
    name: "message-not-sent-expiration-date-passed",
    fault: "client",
    reportedBy: "bandwidth",
    documented: false,
    explanation:
      "Bandwidth's MM4 table does not list this code. By its name, the expiry date of the message had passed, so it was not sent.",
    remedy:
      "Check the expiry date that your system sets, and the clocks on both sides. Do not send it again unchanged.",
    httpCode: 4360,
    source: "Bandwidth HTTP errors page, 4360",
  },
  {
    code: 434,
    name: "rejected-forbidden-tollfree-for-recipient",
    fault: "client",
    reportedBy: "bandwidth",
    documented: false,
    explanation:
      "Bandwidth's MM4 table does not list this code. By its name, the message was rejected because toll-free traffic is forbidden for this recipient.",
    remedy:
      "Check whether a toll-free number was used, and ask Bandwidth support whether this recipient can be reached from one. Do not send it again unchanged.",
    httpCode: 4434,
    source: "Bandwidth HTTP errors page, 4434",
  },
  {
    code: 476,
    name: "blocked-unregistered",
    fault: "client",
    reportedBy: "bandwidth",
    documented: false,
    explanation:
      "Bandwidth's MM4 table does not list this code. By its name, the message was blocked because something was not registered.",
    remedy:
      "Check the registration of the originator's number, and ask Bandwidth support what is missing. Do not send it again unchanged.",
    httpCode: 4476,
    source: "Bandwidth HTTP errors page, 4476",
  },
  {
    code: 481,
    name: "rejected-from-number-in-blacklist",
    fault: "client",
    reportedBy: "bandwidth",
    documented: false,
    explanation:
      "Bandwidth's MM4 table does not list this code. By its name, the message was rejected because the originator's number is on a blacklist.",
    remedy:
      "Ask Bandwidth support why the originator's number is listed and how to have it removed. Do not send it again unchanged.",
    httpCode: 4481,
    source: "Bandwidth HTTP errors page, 4481",
  },
  {
    code: 482,
    name: "rejected-to-number-in-blacklist",
    fault: "client",
    reportedBy: "bandwidth",
    documented: false,
    explanation:
      "Bandwidth's MM4 table does not list this code. By its name, the message was rejected because the recipient's number is on a blacklist; an older Bandwidth page calls this code loop detected.",
    remedy:
      "Ask Bandwidth support whether the recipient's number is listed, and check that the message is not sent in a loop. Do not send it again unchanged.",
    httpCode: 4482,
    source: "Bandwidth HTTP errors page, 4482",
  },
  {
    code: 493,
    name: "rejected-unauthorized",
    fault: "client",
    reportedBy: "bandwidth",
    documented: false,
    explanation:
      "Bandwidth's MM4 table does not list this code. By its name, the message was rejected because it was not authorised.",
    remedy:
      "Check the authorisation of the account and of the originator's number with Bandwidth support. Do not send it again unchanged.",
    httpCode: 4493,
    source: "Bandwidth HTTP errors page, 4493",
  },
  {
    code: 501,
    name: "message-send-failed",
    fault: "service",
    reportedBy: "bandwidth",
    documented: false,
    explanation:
      "Bandwidth's MM4 table does not list this code. By its name, sending the message failed; the page that lists the code adds that there was no destination.",
    remedy:
      "Check the recipient's number. Sending it again later may work; if the code keeps coming, ask Bandwidth support, with the message id.",
    httpCode: 5501,
    source: "Bandwidth HTTP errors page, 5501",
  },
  {
    code: 610,
    name: "submit-sm-or-submit-multi-failed",
    fault: "service",
    reportedBy: "carrier",
    documented: false,
    explanation:
      "Bandwidth's MM4 table does not list this code. By its name, handing the message over (submit_sm or submit_multi) failed.",
    remedy:
      "Send it again at most once, after a pause. If it fails again, ask Bandwidth support to take it up with the carrier.",
    httpCode: 5610,
    source: "Bandwidth HTTP errors page, 5610",
  },
  {
    code: 630,
    name: "message-not-acknowledged",
    fault: "service",
    reportedBy: "carrier",
    documented: false,
    explanation: "Bandwidth's MM4 table does not list this code. By its name, the message was not acknowledged.",
    remedy:
      "Send it again at most once, after a pause. If it fails again, ask Bandwidth support to take it up with the carrier.",
    httpCode: 5630,
    source: "Bandwidth HTTP errors page, 5630",
  },
  {
    code: 701,
    name: "destination-service-unavailable",
    fault: "client",
    reportedBy: "carrier",
    documented: false,
    explanation:
      "Bandwidth's MM4 table does not list this code. By its name, the service at the destination was unavailable.",
    remedy:
      "Ask the recipient's carrier, or Bandwidth support, whether the recipient can receive MMS. Do not send it again unchanged.",
    httpCode: 4701,
    source: "Bandwidth HTTP errors page, 4701",
  },
  {
    code: 702,
    name: "destination-subscriber-unavailable",
    fault: "client",
    reportedBy: "carrier",
    documented: false,
    explanation:
      "Bandwidth's MM4 table does not list this code. By its name, the subscriber at the destination was unavailable.",
    remedy:
      "Check the recipient's number, and ask the recipient's carrier whether it can be reached. Do not send it again unchanged.",
    httpCode: 4702,
    source: "Bandwidth HTTP errors page, 4702",
  },
  {
    code: 710,
    name: "media-unavailable",
    fault: "client",
    reportedBy: "carrier",
    documented: false,
    explanation:
      "Bandwidth's MM4 table does not list this code. By its name, the media of the message was unavailable.",
    remedy:
      "Check that every attachment is present and readable in the message you sent. Do not send it again unchanged.",
    httpCode: 4710,
    source: "Bandwidth HTTP errors page, 4710",
  },
  {
    code: 711,
    name: "rejected-message-size-limit-exceeded",
    fault: "client",
    reportedBy: "carrier",
    documented: false,
    explanation:
      "Bandwidth's MM4 table does not list this code. By its name, the message was rejected because it exceeds a size limit.",
    remedy: "Shrink or remove attachments before sending it. Do not send it again unchanged.",
    httpCode: 4711,
    source: "Bandwidth HTTP errors page, 4711",
  },
  {
    code: 721,
    name: "destination-tn-deactivated",
    fault: "client",
    reportedBy: "carrier",
    documented: false,
    explanation:
      "Bandwidth's MM4 table does not list this code. By its name, the recipient's telephone number has been deactivated.",
    remedy:
      "Check the recipient's number, and take it off the list if it is no longer in use. Do not send it again unchanged.",
    httpCode: 4721,
    source: "Bandwidth HTTP errors page, 4721",
  },
  {
    code: 730,
    name: "no-route-to-destination-carrier",
    fault: "client",
    reportedBy: "carrier",
    documented: false,
    explanation:
      "Bandwidth's MM4 table does not list this code. By its name, there is no route to the recipient's carrier.",
    remedy:
      "Check the recipient's number, and ask Bandwidth support whether they can reach its carrier. Do not send it again unchanged.",
    httpCode: 4730,
    source: "Bandwidth HTTP errors page, 4730",
  },
  {
    code: 735,
    name: "too-many-recipients",
    fault: "client",
    reportedBy: "carrier",
    documented: false,
    explanation: "Bandwidth's MM4 table does not list this code. By its name, there are too many recipients.",
    remedy: "Send to fewer recipients at once, in several messages if need be. Do not send it again unchanged.",
    httpCode: 4735,
    source: "Bandwidth HTTP errors page, 4735",
  },
  {
    code: 751,
    name: "destination-rejected-message-size-invalid",
    fault: "client",
    reportedBy: "carrier",
    documented: false,
    explanation:
      "Bandwidth's MM4 table does not list this code. By its name, the destination rejected the message because its size is invalid.",
    remedy: "Check the size of the message, and shrink or remove attachments. Do not send it again unchanged.",
    httpCode: 4751,
    source: "Bandwidth HTTP errors page, 4751",
  },
  {
    code: 752,
    name: "destination-rejected-malformed",
    fault: "client",
    reportedBy: "carrier",
    documented: false,
    explanation:
      "Bandwidth's MM4 table does not list this code. By its name, the destination rejected the message as malformed.",
    remedy: "Check the form of the message and of its attachments. Do not send it again unchanged.",
    httpCode: 4752,
    source: "Bandwidth HTTP errors page, 4752",
  },
  {
    code: 753,
    name: "destination-rejected-handset",
    fault: "client",
    reportedBy: "carrier",
    documented: false,
    explanation:
      "Bandwidth's MM4 table does not list this code. By its name, the destination rejected the message for a reason to do with the handset.",
    remedy: "Ask the recipient whether the handset can receive MMS. Do not send it again unchanged.",
    httpCode: 4753,
    source: "Bandwidth HTTP errors page, 4753",
  },
  {
    code: 754,
    name: "unsupported-channel",
    fault: "client",
    reportedBy: "carrier",
    documented: false,
    explanation:
      "Bandwidth's MM4 table does not list this code. By its name, the message used a channel that is not supported.",
    remedy: "Ask Bandwidth support whether the recipient can receive MMS. Do not send it again unchanged.",
    httpCode: 4754,
    source: "Bandwidth HTTP errors page, 4754",
  },
  {
    code: 771,
    name: "rejected-shortened-url",
    fault: "client",
    reportedBy: "carrier",
    documented: false,
    explanation:
      "Bandwidth's MM4 table does not list this code. By its name, the message was rejected because of a shortened URL.",
    remedy: "Replace the shortened link with the full one before sending it. Do not send it again unchanged.",
    httpCode: 4771,
    source: "Bandwidth HTTP errors page, 4771",
  },
  {
    code: 772,
    name: "rejected-tn-blocked",
    fault: "client",
    reportedBy: "carrier",
    documented: false,
    explanation:
      "Bandwidth's MM4 table does not list this code. By its name, the message was rejected because a telephone number is blocked; the name does not say which.",
    remedy:
      "Ask Bandwidth support whether the originator's or the recipient's number is blocked, and why. Do not send it again unchanged.",
    httpCode: 4772,
    source: "Bandwidth HTTP errors page, 4772",
  },
  {
    code: 773,
    name: "inactive-campaign",
    fault: "client",
    reportedBy: "carrier",
    documented: false,
    explanation:
      "Bandwidth's MM4 table does not list this code. By its name, the campaign of the message is not active.",
    remedy: "Check the state of the campaign to which the originator's number belongs. Do not send it again unchanged.",
    httpCode: 4773,
    source: "Bandwidth HTTP errors page, 4773",
  },
  {
    code: 774,
    name: "provisioning-issue",
    fault: "client",
    reportedBy: "carrier",
    documented: false,
    explanation:
      "Bandwidth's MM4 table does not list this code. By its name, something was wrong with the provisioning; the name does not say of what.",
    remedy:
      "Ask Bandwidth support to check how the originator's number is provisioned. Do not send it again unchanged.",
    httpCode: 4774,
    source: "Bandwidth HTTP errors page, 4774",
  },
  {
    code: 780,
    name: "volume-violation-tmo",
    fault: "client",
    reportedBy: "carrier",
    documented: false,
    explanation:
      "Bandwidth's MM4 table does not list this code. By its name, the message broke a volume limit of T-Mobile (tmo).",
    remedy:
      "Slow down traffic to T-Mobile, and ask Bandwidth support which limit applies. Do not send it again unchanged.",
    httpCode: 4780,
    source: "Bandwidth HTTP errors page, 4780",
  },
  {
    code: 781,
    name: "volume-violation-att",
    fault: "client",
    reportedBy: "carrier",
    documented: false,
    explanation:
      "Bandwidth's MM4 table does not list this code. By its name, the message broke a volume limit of AT&T (att).",
    remedy: "Slow down traffic to AT&T, and ask Bandwidth support which limit applies. Do not send it again unchanged.",
    httpCode: 4781,
    source: "Bandwidth HTTP errors page, 4781",
  },
  {
    code: 785,
    name: "volumetric-violation",
    fault: "client",
    reportedBy: "carrier",
    documented: false,
    explanation: "Bandwidth's MM4 table does not list this code. By its name, the message broke a volume limit.",
    remedy:
      "Slow down traffic from the originator's number, and ask Bandwidth support which limit applies. Do not send it again unchanged.",
    httpCode: 4785,
    source: "Bandwidth HTTP errors page, 4785",
  },
  {
    code: 790,
    name: "destination-rejected-sc-not-allowed",
    fault: "client",
    reportedBy: "carrier",
    documented: false,
    explanation:
      "Bandwidth's MM4 table does not list this code. By its name, the destination rejected the message because the short code (sc) is not allowed.",
    remedy:
      "Ask Bandwidth support whether the short code may be used with the recipient's carrier. Do not send it again unchanged.",
    httpCode: 4790,
    source: "Bandwidth HTTP errors page, 4790",
  },
  {
    code: 791,
    name: "destination-rejected-campaign-not-allowed",
    fault: "client",
    reportedBy: "carrier",
    documented: false,
    explanation:
      "Bandwidth's MM4 table does not list this code. By its name, the destination rejected the message because the campaign is not allowed.",
    remedy:
      "Check the campaign to which the originator's number belongs, and ask Bandwidth support whether the recipient's carrier allows it. Do not send it again unchanged.",
    httpCode: 4791,
    source: "Bandwidth HTTP errors page, 4791",
  },
  {
    code: 792,
    name: "destination-rejected-sc-not-provisioned",
    fault: "client",
    reportedBy: "carrier",
    documented: false,
    explanation:
      "Bandwidth's MM4 table does not list this code. By its name, the destination rejected the message because the short code (sc) is not provisioned.",
    remedy:
      "Ask Bandwidth support to check that the short code is provisioned with the recipient's carrier. Do not send it again unchanged.",
    httpCode: 4792,
    source: "Bandwidth HTTP errors page, 4792",
  },
  {
    code: 793,
    name: "destination-rejected-sc-expired",
    fault: "client",
    reportedBy: "carrier",
    documented: false,
    explanation:
      "Bandwidth's MM4 table does not list this code. By its name, the destination rejected the message because the short code (sc) has expired.",
    remedy: "Check that the lease of the short code is current. Do not send it again unchanged.",
    httpCode: 4793,
    source: "Bandwidth HTTP errors page, 4793",
  },
  {
    code: 794,
    name: "destination-rejected-expired",
    fault: "client",
    reportedBy: "carrier",
    documented: false,
    explanation:
      "Bandwidth's MM4 table does not list this code. By its name, the destination rejected the message because something had expired; the name does not say what.",
    remedy:
      "Check the expiry date that your system sets, and ask Bandwidth support, with the message id, what had expired. Do not send it again unchanged.",
    httpCode: 4794,
    source: "Bandwidth HTTP errors page, 4794",
  },
  {
    code: 795,
    name: "tfn-not-verified",
    fault: "client",
    reportedBy: "carrier",
    documented: false,
    explanation:
      "Bandwidth's MM4 table does not list this code. By its name, the toll-free number (tfn) has not been verified.",
    remedy: "Have the originator's toll-free number verified through Bandwidth. Do not send it again unchanged.",
    httpCode: 4795,
    source: "Bandwidth HTTP errors page, 4795",
  },
];

/** Which acknowledgement a bounce is tied to, and why to none. */
import { expect, test } from "vitest";
import { type TieOptions, tieBounce } from "../../src/acknowledgement/tie.ts";
import type { Acknowledgement } from "../../src/delivery/acknowledgement.ts";
import { bounce, ID } from "../support/bounce.ts";
import { ACKNOWLEDGEMENT } from "../support/journal.ts";
import { PEER } from "../support/report.ts";

const RECEIVED_AT = "2026-11-30T08:00:00.000Z";

/** Ties a bounce of a peer, where Redis knows of this acknowledgement. */
function tie(bytes: Uint8Array, known: Acknowledgement | undefined, mayBounce: TieOptions["mayBounce"] = () => false) {
  const message = { peer: PEER, receivedAt: RECEIVED_AT, raw: Buffer.from(bytes).toString("base64") };
  const publisher: TieOptions["publisher"] = { writeBounce: async () => known };
  return tieBounce(message, { publisher, ownDomain: "mms.example.net", mayBounce });
}

test("a bounce is tied to the acknowledgement that it names, if its peer may bounce what was sent there", async () => {
  const sent = { ...ACKNOWLEDGEMENT, peer: "another" };
  const asked: string[][] = [];
  const mayBounce = (from: string, sentTo: string) => {
    asked.push([from, sentTo]);
    return true;
  };
  expect(await tie(bounce(), sent, mayBounce)).toMatchObject({
    peer: PEER.name,
    id: ID,
    action: "failed",
    bounce: { receivedAt: RECEIVED_AT },
    acknowledgement: sent,
    untied: null,
  });
  expect(asked).toEqual([[PEER.name, "another"]]);
});

test.each<[string, Uint8Array, Acknowledgement | undefined, string | null, string]>([
  [
    "names none",
    Buffer.from("Subject: returned\r\n\r\nHello\r\n"),
    ACKNOWLEDGEMENT,
    null,
    "it names no acknowledgement of ours",
  ],
  ["names one that is gone", bounce(), undefined, ID, "its acknowledgement is not known any more"],
  [
    "comes from elsewhere",
    bounce(),
    { ...ACKNOWLEDGEMENT, peer: "another" },
    ID,
    `its acknowledgement was sent to another, whose bounces do not come from ${PEER.name}`,
  ],
])("a bounce that %s is tied to none, and says why", async (_, bytes, known, id, untied) => {
  expect(await tie(bytes, known)).toMatchObject({ id, acknowledgement: null, untied });
});

test("a bounce whose reading has ended the process three times is left unread, and says so", async () => {
  const publisher: TieOptions["publisher"] = { writeBounce: () => expect.unreachable() };
  const raw = bounce().toString("base64");
  const tied = tieBounce(
    { peer: PEER, receivedAt: RECEIVED_AT, raw, ends: 3 },
    { publisher, ownDomain: "mms.example.net", mayBounce: () => true },
  );
  expect(await tied).toEqual({
    peer: PEER.name,
    bounce: { action: "unknown", status: null, diagnostic: null, receivedAt: RECEIVED_AT },
    action: "unknown",
    id: null,
    acknowledgement: null,
    untied: "reading it ended the process 3 times",
  });
});

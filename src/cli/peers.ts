/** `mm4d peers`: checks the peers' file and makes passwords for it. */
import type { Command } from "commander";
import { reachMmsc } from "../acknowledgement/reach-mmsc.ts";
import { BOUNDS } from "../bounds/bounds.ts";
import { NO_TABLE, VENDORS_TABLE } from "../delivery/code.ts";
import { readAtMost } from "../settings/named-file.ts";
import { doubtsAbout, loadPeers } from "../settings/peers.ts";
import { hashPassword } from "../smtp/password.ts";
import type { Peer } from "../smtp/peer.ts";
import { followService } from "./running-service.ts";
import { loadSettings } from "./settings.ts";
import { fitted, print, printWrapped, tell } from "./terminal.ts";

export function addPeersCommand(program: Command): void {
  const peers = program.command("peers").description("check the peers' file, or whether a peer's MMSC can be reached");
  peers
    .command("check <file>")
    .description("say every fault of a peers' file (MM4D_PEERS_FILE), each with where it is")
    .action(check);
  peers
    .command("list")
    .description("print the peers in force by the settings: name, networks, and what differs from the defaults")
    .action(list);
  peers
    .command("test <name>")
    .description("connect to the host that takes a peer's acknowledgements: TLS, EHLO, login; nothing is sent")
    .action(test);
  peers
    .command("hash")
    .description("read a password from stdin, and print the hash for auth.passwordFile")
    .addHelpText(
      "after",
      `
Example:
  printf %s "$PASSWORD" | mm4d peers hash > carrier.password`,
    )
    .action(hash);
}

function check(file: string): void {
  const peers = loadPeers({ peers: [], peersFile: file });
  for (const doubt of doubtsAbout(peers)) tell(fitted([`warning: ${doubt}`]));
  print(`${file} is in order: ${peers.length === 1 ? "1 peer" : `${peers.length} peers`}.`);
}

async function list(): Promise<void> {
  const { config } = (await followService(loadSettings("read the peers"))).settings;
  for (const peer of loadPeers(config)) printWrapped(describe(peer));
}

function describe(peer: Peer): readonly string[] {
  const { name, listed, networks, tls, clientCertificate, auth, mailFromDomains, limits, acknowledge, rules } = peer;
  const { internationalPrefixes, catalogue, ...switches } = rules;
  const options = [
    tls === "optional" ? "" : `TLS ${tls}`,
    clientCertificate ? "client certificate" : "",
    auth ? `AUTH as ${auth.user}` : "",
    mailFromDomains.length > 0 ? `mail from ${mailFromDomains.join(", ")}` : "",
    limits.connections === null ? "" : `at most ${limits.connections} connections`,
    limits.messagesPerSecond === null ? "" : `at most ${limits.messagesPerSecond} messages a second`,
    limits.commands === null ? "" : `${limits.commands} commands at once without a message`,
    acknowledge.host === null ? "" : `acknowledgements to ${acknowledge.host}:${acknowledge.port}`,
    internationalPrefixes.length > 0 ? `international prefixes ${internationalPrefixes.join(", ")}` : "",
    catalogue === VENDORS_TABLE ? "" : `codes ${catalogue === NO_TABLE ? "without a table" : `by ${catalogue}`}`,
    ...Object.entries({ ...switches, bareNewlines: peer.bareNewlines }).map(([rule, on]) => (on ? rule : "")),
  ].filter((text) => text !== "");
  return [
    `${name}${listed ? "" : "  (nobody is listed: this machine only)"}`,
    `  ${networks.map(({ address, prefix }) => `${address}/${prefix}`).join(", ")}`,
    ...(options.length > 0 ? [`  ${options.join("; ")}`] : []),
  ];
}

async function test(name: string): Promise<void> {
  const { config } = (await followService(loadSettings("test a peer"))).settings;
  printWrapped(await reachMmsc(loadPeers(config), name, config.hostname));
}

async function hash(): Promise<void> {
  const password = readAtMost(0, BOUNDS.secretFileBytes.value).replace(/\r?\n$/, "");
  if (password === "") throw new Error("Cannot hash: stdin is empty, must be a password");
  print(await hashPassword(password));
}

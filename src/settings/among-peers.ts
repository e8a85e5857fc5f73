/** What entries of the peers' file may not have in common, told beside whatever else is wrong with them. */
import { type Network, namesOfNetwork, readNetwork } from "../smtp/network.ts";
import { shown } from "./zod.ts";

/** What an entry says of itself, as far as it can be read. */
interface Written {
  readonly name: unknown;
  readonly addresses: readonly unknown[];
  readonly bouncesFrom: readonly unknown[];
}

/** A sentence for each fault between the entries of a parsed file, which may have others. */
export function faultsAmongPeers(json: unknown): readonly string[] {
  const entries = listIn(json, "peers").map((entry): Written => {
    const acknowledge = propertyOf(entry, "acknowledge");
    return {
      name: propertyOf(entry, "name"),
      addresses: listIn(entry, "addresses"),
      bouncesFrom: listIn(acknowledge, "bouncesFrom"),
    };
  });
  const places = entries.flatMap(({ addresses }, index) =>
    addresses.flatMap((address, position) => {
      const network = typeof address === "string" ? readNetwork(address) : undefined;
      return network ? [{ name: `peers[${index}].addresses[${position}]`, network }] : [];
    }),
  );
  return [...repeatedNames(entries), ...repeatedNetworks(places), ...unknownBouncers(entries)];
}

/** A network that stands twice, however it is written, because a client from there could be either peer. */
export function repeatedNetworks(
  places: readonly { readonly name: string; readonly network: Network }[],
): readonly string[] {
  /** The first place of each, because there may be many thousand. */
  const first = new Map<string, number>();
  return places.flatMap(({ name, network }, place) => {
    const names = namesOfNetwork(network);
    const before = Math.min(...names.map((one) => first.get(one) ?? place));
    const [own = ""] = names;
    if (!first.has(own)) first.set(own, place);
    const written = `"${network.address}/${network.prefix}"`;
    return before === place ? [] : [`${name} is ${written} as ${places[before]?.name} is, must be in one place`];
  });
}

function repeatedNames(entries: readonly Written[]): readonly string[] {
  const seen = new Set<unknown>();
  return entries.flatMap(({ name }, index) => {
    if (!seen.has(name)) {
      seen.add(name);
      return [];
    }
    return typeof name === "string" ? [`peers[${index}].name is ${shown(name)} as another's is, must be its own`] : [];
  });
}

/** A misspelt name would silently let no bounce through. Where an entry has no name yet, it may be the one that is meant. */
function unknownBouncers(entries: readonly Written[]): readonly string[] {
  const names = new Set(entries.map(({ name }) => name));
  if (names.has(undefined)) return [];
  return entries.flatMap(({ bouncesFrom }, index) =>
    bouncesFrom.flatMap((name, position) =>
      typeof name !== "string" || names.has(name)
        ? []
        : [`peers[${index}].acknowledge.bouncesFrom[${position}] is ${shown(name)}, must be the name of a peer`],
    ),
  );
}

function listIn(of: unknown, name: string): readonly unknown[] {
  const list = propertyOf(of, name);
  return Array.isArray(list) ? list : [];
}

function propertyOf(of: unknown, name: string): unknown {
  return of !== null && typeof of === "object" && Object.hasOwn(of, name)
    ? (of as Readonly<Record<string, unknown>>)[name]
    : undefined;
}

/** Addresses of pages, whatever the names and ids in them are. */

/** The page of a peer. */
export function peerAddress(name: string): string {
  return `/peers/${inAddress(name)}`;
}

/** The page of the report that has this id. A browser takes "." and ".." for a way up, so that these are searched for. */
export function addressOfId(id: string): string {
  const encoded = inAddress(id);
  return /^\.{1,2}$/.test(id) ? `/reports?q=${encoded}` : `/reports/${encoded}`;
}

/** A text as a part of an address. Half a surrogate pair, where a text was cut, cannot stand there. */
export function inAddress(text: string): string {
  return encodeURIComponent(text.replace(/\p{Cs}/gu, "\ufffd"));
}

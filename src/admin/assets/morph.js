/*
 * Makes a place on the page as what came, and leaves alone all that is the same. So the focus stays where it is, what
 * was opened stays open, what was checked stays checked, and a row that has `data-key` stays the row that it was.
 */
export function morph(place, html) {
  const came = document.createElement("template");
  came.innerHTML = html; // The server has escaped it.
  const focused = document.activeElement;
  makeChildren(place, came.content);
  // One that was moved has lost the focus on the way.
  if (focused !== document.activeElement && focused?.isConnected) focused.focus({ preventScroll: true });
}

function makeChildren(place, wanted) {
  const keys = new Set([...wanted.children].map(keyOf).filter((key) => key !== undefined));
  const kept = new Map();
  for (const child of [...place.children]) {
    const key = keyOf(child);
    if (key === undefined) continue;
    if (keys.has(key)) kept.set(key, child);
    else child.remove();
  }
  let at = place.firstChild;
  for (const child of [...wanted.childNodes]) {
    const key = keyOf(child);
    const same = kept.get(key) ?? (at !== null && isLike(at, child) ? at : null);
    kept.delete(key);
    if (same === null) place.insertBefore(child, at);
    else if (same === at) at = at.nextSibling;
    else place.insertBefore(same, at);
    if (same !== null) makeLike(same, child);
  }
  while (at !== null) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

function keyOf(node) {
  return node.dataset?.key;
}

/* Of those without a key, what stands at the same place is the same. */
function isLike(one, other) {
  return one.nodeName === other.nodeName && keyOf(one) === undefined && keyOf(other) === undefined;
}

function makeLike(node, wanted) {
  if (node.nodeType !== Node.ELEMENT_NODE) {
    if (node.data !== wanted.data) node.data = wanted.data;
    return;
  }
  // times.js keeps its words.
  if (node.nodeName === "TIME" && node.dateTime === wanted.dateTime) return;
  for (const { name, value } of [...wanted.attributes]) {
    if (node.getAttribute(name) !== value) node.setAttribute(name, value);
  }
  for (const { name } of [...node.attributes]) {
    if (!wanted.hasAttribute(name) && !isVisitors(node, name)) node.removeAttribute(name);
  }
  makeChildren(node, wanted);
}

/* What a visitor has done. That a box is checked is no attribute. */
function isVisitors(node, name) {
  return (name === "open" && node.nodeName === "DETAILS") || name === "data-copied";
}

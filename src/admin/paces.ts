/** How old what a page shows may be. */

/** Of what costs much to find, on a page that somebody has just opened. */
export const OPENED_MS = 3_000;
/** The same, on pages that stay open: it is found anew at this pace, once for all of them. */
export const KEPT_OPEN_MS = 10_000;

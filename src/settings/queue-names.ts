/** The names of mm4d's own queues. No setting changes them. */
export const ACKNOWLEDGEMENTS_QUEUE = "mm4-acknowledgements";
export const QUARANTINE_QUEUE = "mm4-quarantine";

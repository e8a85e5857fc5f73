/** The fields as they were said: unfolded, decoded, control characters removed, otherwise untouched. */
export interface RawFields {
  readonly mmStatusCode: string | null;
  readonly statusExtension: string | null;
  readonly internalStatusCode: string | null;
  readonly statusText: string | null;
  readonly requestStatusCode: string | null;
  readonly readStatus: string | null;
  readonly date: string | null;
  readonly version: string | null;
  readonly messageType: string | null;
  readonly from: string | null;
  readonly to: string | null;
  readonly messageId: string | null;
  readonly transactionId: string | null;
  /** Any other X-Mms-* or X-Internal-* field, under its name as written. */
  readonly [otherField: string]: string | null;
}

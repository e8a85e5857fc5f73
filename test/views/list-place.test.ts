import { expect, test } from "vitest";
import { BLOCKS_AGAIN, readPlace, writePlace } from "../../src/views/list-place.ts";

const from = { trace: 1, generation: 4, number: 12 };

test.each([[[]], [[0, 50, 7]], [Array<number>(BLOCKS_AGAIN).fill(999_999)]])(
  "a place is read as it was written",
  (shown) => {
    expect(readPlace(writePlace({ from, shown }))).toEqual({ from, shown });
  },
);

test.each([
  "",
  "0.1",
  "2.1.1",
  "0.1.1_",
  "0.1.1_5-",
  "0.1.1 ",
  "0.1.1_1234567",
  "0.1234567890.1",
  writePlace({ from, shown: Array<number>(BLOCKS_AGAIN + 1).fill(0) }),
])("an address with %j begins at the newest", (text) => {
  expect(readPlace(text)).toBeNull();
});

/** The files of the archive, as sources of records. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type BlockHead, headIn, readLine, scanBlocks, unpackBlock } from "./blocks.ts";
import { dayIn, type FileName, fileNamed } from "./places.ts";
import { bytesOf, type MayBe, namesIn, notThere, type Part, type Source } from "./source.ts";

/** Those that may hold what was received before a time, in milliseconds since 1970. */
export function packedFiles(archive: string, untilMs: number): readonly Source[] {
  return namesIn(archive).flatMap((day) => {
    const beginsMs = dayIn(day);
    // A file stands below the day of its earliest record.
    if (beginsMs === null || beginsMs >= untilMs) return [];
    return namesIn(join(archive, day)).flatMap((name) => {
      const named = fileNamed(name);
      return named === null ? [] : [packedSource(join(archive, day, name), named)];
    });
  });
}

function packedSource(path: string, named: FileName): Source {
  const source: Source = {
    path,
    isPacked: true,
    ...named,
    parts(onDamage) {
      const parts: Part[] = [];
      const bytes = readFileSync(path);
      for (const stretch of scanBlocks(bytes)) {
        const { start, end } = stretch;
        if (stretch.kind === "block") parts.push(blockPart(source, start, end, stretch.head));
        else onDamage({ kind: "damaged", path, start, bytes: end - start, head: headIn(bytes.subarray(start, end)) });
      }
      return parts;
    },
  };
  return source;
}

const ANY: MayBe = () => true;

function blockPart(source: Source, start: number, end: number, { firstMs, lastMs }: BlockHead): Part {
  const { path } = source;
  const lines = (): readonly Buffer[] => {
    const [block] = scanBlocks(bytesOf(path, start, end));
    // `mm4d forget` has written the file anew, or the disk gives other bytes: what it holds now is found out again.
    if (block?.kind !== "block") throw notThere(path);
    return unpackBlock(block.packed);
  };
  return {
    source,
    start,
    firstMs,
    lastMs,
    records(onDamage, mayBe = ANY) {
      const read = lines().filter(mayBe).map(readLine);
      const records = read.flatMap((one) => (one === undefined ? [] : [{ ...one, at: "archive" as const }]));
      const unknown = read.length - records.length;
      if (unknown > 0) onDamage({ kind: "newer", path, start, records: unknown });
      return records;
    },
  };
}

import { test } from "vitest"; test("size", async () => { await import("/tmp/trace/size.ts"); }, 60000);

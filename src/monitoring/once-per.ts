/** Says yes to a key once in a while. When there are more than `maxKeys`, all are forgotten at once. */
export function oncePer(everyMs: number, maxKeys: number): (key: string) => boolean {
  const saidAt = new Map<string, number>();
  return (key) => {
    if (performance.now() - (saidAt.get(key) ?? Number.NEGATIVE_INFINITY) < everyMs) return false;
    if (saidAt.size >= maxKeys) saidAt.clear();
    saidAt.set(key, performance.now());
    return true;
  };
}

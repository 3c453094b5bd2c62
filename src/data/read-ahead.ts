/**
 * Starts jobs up to `count` ahead of the one whose result is handed out; results keep their order.
 * A job's error comes out in its place.
 */
export async function* runAhead<Result>(
  jobs: Iterable<() => Promise<Result>>,
  count: number,
): AsyncGenerator<Result, void, void> {
  const running: Promise<Result>[] = [];
  for (const job of jobs) {
    const result = job();
    // It may fail while an earlier one is awaited, or after the loop was left.
    result.catch(() => {});
    running.push(result);
    if (running.length > count) yield await (running.shift() as Promise<Result>);
  }
  for (const result of running) yield await result;
}

/** Reads a stream up to `count` items ahead and closes it in the end. */
export async function* readAhead<Item>(
  stream: AsyncGenerator<Item, void, void>,
  count: number,
): AsyncGenerator<Item, void, void> {
  const queue: Promise<IteratorResult<Item, void>>[] = [];
  try {
    for (;;) {
      while (queue.length <= count) {
        const next = stream.next();
        next.catch(() => {});
        queue.push(next);
      }
      const result = await (queue.shift() as Promise<IteratorResult<Item, void>>);
      if (result.done === true) return;
      yield result.value;
    }
  } finally {
    await stream.return();
  }
}

/** Groups a stream's items into lists of `size`; the last one may be shorter or is left out. */
export async function* groupItems<Item>(
  stream: AsyncIterable<Item>,
  size: number,
  dropLast: boolean,
): AsyncGenerator<Item[], void, void> {
  let group: Item[] = [];
  for await (const item of stream) {
    group.push(item);
    if (group.length < size) continue;
    yield group;
    group = [];
  }
  if (group.length > 0 && !dropLast) yield group;
}

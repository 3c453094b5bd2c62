/** @internal An iterable that starts anew for each loop. */
export function streamOf<Item>(open: () => AsyncGenerator<Item, void, void>): AsyncIterable<Item> {
  return { [Symbol.asyncIterator]: open };
}

/** @internal All items of a stream. */
export async function listOf<Item>(stream: AsyncIterable<Item>): Promise<Item[]> {
  const items: Item[] = [];
  for await (const item of stream) items.push(item);
  return items;
}

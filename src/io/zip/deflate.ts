// The streams of the web platform, which Node and browsers have, inflate and deflate; a library
// would add a dependency and hold whole archives in memory.

/**
 * Inflates raw deflate data of a known length. Memory grows with what really comes out, never with
 * what a header promises.
 *
 * @param chunks - the compressed data in order; no more of it is asked for than needed.
 * @param limit - how many bytes from the start are wanted, at most `size`.
 * @returns undefined if the data is damaged, or gives more or less than `size` bytes.
 */
export async function inflate(
  chunks: AsyncIterable<Uint8Array<ArrayBuffer>>,
  size: number,
  limit: number = size,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const stream = new DecompressionStream("deflate-raw");
  let sourceError: unknown;
  const pumping = pump(stream.writable.getWriter(), chunks).catch((error: unknown) => {
    sourceError = error;
  });
  const result = await collect(stream.readable as ByteStream, size, limit).catch(ignore);
  await pumping;
  if (sourceError !== undefined) throw sourceError;
  return result;
}

/** Deflates to raw deflate data. */
export async function deflate(bytes: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new CompressionStream("deflate-raw");
  const writer = stream.writable.getWriter();
  const writing = writer.write(new Uint8Array(bytes)).then(() => writer.close());
  const parts = await collect(stream.readable as ByteStream, Infinity, Infinity);
  await writing;
  return parts ?? new Uint8Array(0);
}

interface ByteStream {
  getReader(): {
    read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
    cancel(): Promise<void>;
  };
}

interface ByteWriter {
  readonly closed: Promise<unknown>;
  write(bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  close(): Promise<void>;
  abort(reason: unknown): Promise<void>;
}

function ignore(): undefined {
  return undefined;
}

/** Fails only if the source does: the reader reports what the stream has to say. */
async function pump(
  writer: ByteWriter,
  chunks: AsyncIterable<Uint8Array<ArrayBuffer>>,
): Promise<void> {
  let isOpen = true;
  const stop = (): void => {
    isOpen = false;
  };
  writer.closed.catch(ignore);
  try {
    for await (const chunk of chunks) {
      await writer.write(chunk).catch(stop);
      if (!isOpen) return;
    }
    await writer.close().catch(ignore);
  } catch (error) {
    await writer.abort(error).catch(ignore);
    throw error;
  }
}

/** The first `limit` bytes of a stream; undefined if it does not have `size` bytes. */
async function collect(
  stream: ByteStream,
  size: number,
  limit: number,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const reader = stream.getReader();
  const parts: Uint8Array[] = [];
  let length = 0;
  // A part is wanted when all bytes are, so that the end of the data is seen too.
  while (length < limit || limit >= size) {
    const { done, value } = await reader.read();
    if (done || value === undefined) break;
    length += value.byteLength;
    if (length > size) break;
    parts.push(value);
  }
  if (length >= limit && (limit < size || length > size)) await reader.cancel().catch(ignore);
  const isWhole = length === size || size === Infinity || (limit < size && length >= limit);
  return isWhole && length <= size ? join(parts, Math.min(length, limit)) : undefined;
}

function join(parts: readonly Uint8Array[], length: number): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part.subarray(0, length - at), at);
    at += Math.min(part.byteLength, length - at);
  }
  return whole;
}

/**
 * The characters that stand for bytes in byte-level vocabularies: printable ones of Latin-1 stand for
 * themselves, the others follow from U+0100 on, so that no token holds white space.
 */
export const byteCharacters: readonly string[] = alphabet();

const bytesOf: ReadonlyMap<string, number> = new Map(
  byteCharacters.map((character, byte) => [character, byte]),
);

/** The bytes that a token spells; undefined if it is not of the alphabet. */
export function bytesOfToken(token: string): Uint8Array<ArrayBuffer> | undefined {
  const bytes = new Uint8Array(token.length);
  for (let i = 0; i < token.length; i++) {
    const byte = bytesOf.get(token[i] ?? "");
    if (byte === undefined) return undefined;
    bytes[i] = byte;
  }
  return bytes;
}

/** Bytes as a token of the alphabet. */
export function tokenOfBytes(bytes: Iterable<number>): string {
  let token = "";
  for (const byte of bytes) token += byteCharacters[byte] ?? "";
  return token;
}

function alphabet(): string[] {
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    return String.fromCharCode(printable ? byte : next++);
  });
}

import { crc32, deflateSync } from "node:zlib";
import { ShapeError } from "../../base/errors.ts";

/** Pixels in rows, 8 bits per channel: 1 is grey, 3 RGB, 4 RGB and opacity. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3 | 4;
  readonly data: Uint8Array;
}

const signature = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
const colourTypes = { 1: 0, 3: 2, 4: 6 } as const;

function chunk(type: string, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(12 + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  bytes.set(new TextEncoder().encode(type), 4);
  bytes.set(data, 8);
  view.setUint32(8 + data.length, crc32(bytes.subarray(4, 8 + data.length)));
  return bytes;
}

/**
 * Encodes a picture as a PNG file.
 *
 * @throws {ShapeError} if the data does not hold width · height · channels bytes.
 * @see https://www.w3.org/TR/png-3/
 */
export function encodePng({ width, height, channels, data }: Picture): Uint8Array {
  const rowBytes = width * channels;
  if (data.length !== rowBytes * height) {
    throw new ShapeError(
      `encodePng: data must hold ${width} · ${height} · ${channels} bytes, got ${data.length}`,
    );
  }
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header.set([8, colourTypes[channels]], 8);
  // Each row begins with its filter; 0 keeps the bytes as they are.
  const rows = new Uint8Array((rowBytes + 1) * height);
  for (let y = 0; y < height; y++) {
    rows.set(data.subarray(y * rowBytes, (y + 1) * rowBytes), y * (rowBytes + 1) + 1);
  }
  return Buffer.concat([
    signature,
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(rows, { level: 9 })),
    chunk("IEND", new Uint8Array(0)),
  ]);
}

/** A picture as an address that an `img` shows without a file. */
export function pngDataUri(picture: Picture): string {
  return `data:image/png;base64,${Buffer.from(encodePng(picture)).toString("base64")}`;
}

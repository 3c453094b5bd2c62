// Serves the page with its digits: `npm run example -- digits-in-browser`.
import { readFile } from "node:fs/promises";
import type { Server } from "node:http";
import { fileURLToPath } from "node:url";
import { DataLoader, TensorDataset } from "athanor/data";
import { loadMnist } from "athanor/data/node";
import { bundlePage, servePage } from "../page-server/serve-page.ts";

const source = (file: string): string => fileURLToPath(new URL(file, import.meta.url));

/** Labels, then images, in an order that mixes the classes. */
async function packDigits(limit: number): Promise<Buffer> {
  const { images, labels } = await loadMnist();
  const loader = new DataLoader(new TensorDataset(images, labels), {
    batchSize: Math.min(limit, labels.shape[0]),
    shuffle: true,
    seed: 1,
  });
  for await (const [pictures, classes] of loader) {
    const [pictureBytes, classBytes] = [await pictures.data(), await classes.data()];
    return Buffer.concat([Uint8Array.from(classBytes), Uint8Array.from(pictureBytes)]);
  }
  throw new Error("there are no digits");
}

/** Starts the server. */
export async function serveDigits(
  options: { readonly folder?: string; readonly port?: number; readonly limit?: number } = {},
): Promise<{ readonly server: Server; readonly url: string }> {
  const { folder = source("."), port = 0, limit = 10_000 } = options;
  const files = {
    ...(await bundlePage(`${folder}/page.ts`)),
    "/": ["text/html; charset=utf-8", await readFile(`${folder}/index.html`)],
    "/digits.bin": ["application/octet-stream", await packDigits(limit)],
  } as const;
  return servePage(files, port);
}

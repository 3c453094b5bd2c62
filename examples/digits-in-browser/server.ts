// Serves the page with the headers that allow threads: `npm run example -- digits-in-browser`.
import { readFile } from "node:fs/promises";
import type { Server } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { DataLoader, TensorDataset } from "athanor/data";
import { loadMnist } from "athanor/data/node";
import { rolldown } from "rolldown";

const source = (file: string): string => fileURLToPath(new URL(file, import.meta.url));

/** The page's program as one module. */
async function bundlePage(folder: string): Promise<string> {
  const build = await rolldown({
    input: `${folder}/page.ts`,
    platform: "browser",
    resolve: { conditionNames: ["athanor-source", "browser", "import", "default"] },
  });
  const { output } = await build.generate({ format: "esm", minify: true });
  await build.close();
  return output[0].code;
}

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
  const files: Record<string, readonly [string, string | Buffer]> = {
    "/": ["text/html; charset=utf-8", await readFile(`${folder}/index.html`)],
    "/page.js": ["text/javascript", await bundlePage(folder)],
    "/digits.bin": ["application/octet-stream", await packDigits(limit)],
  };
  const server = createServer(({ url = "/" }, response) => {
    const path = url.split("?")[0];
    if (!Object.hasOwn(files, path)) return void response.writeHead(404).end();
    const [type, body] = files[path];
    response.writeHead(200, {
      "Content-Type": type,
      "Cross-Origin-Opener-Policy": "same-origin",
      "Cross-Origin-Embedder-Policy": "require-corp",
    });
    response.end(body);
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` };
}

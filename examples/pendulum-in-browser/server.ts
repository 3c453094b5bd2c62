// Serves the page: `npm run example -- pendulum-in-browser`.
import { readFile } from "node:fs/promises";
import type { Server } from "node:http";
import { fileURLToPath } from "node:url";
import { bundlePage, servePage } from "../page-server/serve-page.ts";

const here = fileURLToPath(new URL(".", import.meta.url));

/** Starts the server. */
export async function servePendulum(
  options: { readonly folder?: string; readonly port?: number } = {},
): Promise<{ readonly server: Server; readonly url: string }> {
  const { folder = here, port = 0 } = options;
  const files = {
    ...(await bundlePage(`${folder}/page.ts`)),
    "/": ["text/html; charset=utf-8", await readFile(`${folder}/index.html`)],
  } as const;
  return servePage(files, port);
}

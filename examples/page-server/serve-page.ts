// What the examples that run in a page are served by.
import type { Server } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { rolldown } from "rolldown";

/** What a server answers, by path: the type of the content and the content. */
export type PageFiles = Readonly<Record<string, readonly [type: string, body: string | Buffer]>>;

/** A page's program as modules: `/page.js` for `page.ts`, and parts that it loads when it needs them. */
export async function bundlePage(entry: string): Promise<PageFiles> {
  const build = await rolldown({
    input: entry,
    platform: "browser",
    // Parts for files on disk and MuJoCo's loader import Node's modules; pages never load them.
    external: [/^node:/, "module"],
    resolve: { conditionNames: ["athanor-source", "browser", "import", "default"] },
    checks: { ineffectiveDynamicImport: false },
  });
  const { output } = await build.generate({ format: "esm", minify: true });
  await build.close();
  return Object.fromEntries(
    output.flatMap((file) =>
      file.type === "chunk" ? [[`/${file.fileName}`, ["text/javascript", file.code]]] : [],
    ),
  );
}

/** Starts a server, with the headers that allow threads. */
export async function servePage(
  files: PageFiles,
  port: number,
): Promise<{ readonly server: Server; readonly url: string }> {
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

// Serves the page until Ctrl-C: `npm run example -- digits-in-browser`.
import { fileURLToPath } from "node:url";
import { serveDigits } from "./server.ts";

const folder = fileURLToPath(new URL("../../digits-in-browser", import.meta.url));
const { url } = await serveDigits({ folder, port: Number(process.env["PORT"] ?? 8080) });
console.log(`Open ${url} in a browser; Ctrl-C ends.`);

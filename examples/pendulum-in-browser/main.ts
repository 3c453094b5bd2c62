// Serves the page until Ctrl-C: `npm run example -- pendulum-in-browser`.
import { fileURLToPath } from "node:url";
import { servePendulum } from "./server.ts";

const folder = fileURLToPath(new URL("../../pendulum-in-browser", import.meta.url));
const { url } = await servePendulum({ folder, port: Number(process.env["PORT"] ?? 8080) });
console.log(`Open ${url} in a browser; Ctrl-C ends.`);

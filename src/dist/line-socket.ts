import type { Socket } from "node:net";

/**
 * Seconds without a sign of life after which the kernel asks the other machine whether it is
 * there. It asks ten times, a second apart, so that a machine that lost its power is noticed within
 * 20 seconds, however long this process computes without looking.
 */
const keepAliveDelayMs = 8_000;

/** Turns on what all sockets of a group have: no waiting for full packets, and keep-alive. */
export function tune(socket: Socket): Socket {
  socket.setNoDelay(true);
  socket.setKeepAlive(true, keepAliveDelayMs);
  return socket;
}

/** Whether only this machine can be reached there. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^(::ffff:)?127\./.test(host);
}

/** Calls `receive` with each JSON value that arrives on a line of its own. */
export function onJsonLines(socket: Socket, receive: (message: unknown) => void): void {
  let rest = "";
  socket.setEncoding("utf8");
  socket.on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const message = parse(line);
      // Whoever sends something else is no rank: a port scanner, or a browser.
      if (message === undefined) return void socket.destroy();
      receive(message);
    }
  });
}

/** Sends a JSON value on a line of its own. */
export function writeJsonLine(socket: Socket, message: unknown): void {
  if (!socket.destroyed) socket.write(`${JSON.stringify(message)}\n`);
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

import { connect } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { TcpStore } from "./tcp-store.ts";

const stores: TcpStore[] = [];
afterEach(() => {
  for (const store of stores.splice(0)) store.destroy();
});

async function open(rank: number, port: number, timeoutSeconds = 5): Promise<TcpStore> {
  const store = await TcpStore.open({ host: "127.0.0.1", port, rank, timeoutSeconds });
  stores.push(store);
  return store;
}

async function openAll(size: number): Promise<TcpStore[]> {
  const first = await open(0, 0);
  const others = Array.from({ length: size - 1 }, (_, i) => open(i + 1, first.port));
  return [first, ...(await Promise.all(others))];
}

describe("TcpStore", () => {
  it("shares values, sums and deletions", async () => {
    const [a, b] = await openAll(2);
    await a.set("id", "line\nbreak ☕");
    expect(await b.get("id")).toBe("line\nbreak ☕");
    expect(await a.add("n", 2)).toBe(2);
    expect(await b.add("n", 3)).toBe(5);
    expect(await b.check(["id", "n"])).toBe(true);
    expect(await b.deleteKey("id")).toBe(true);
    expect(await b.deleteKey("id")).toBe(false);
    expect(await a.check(["id", "n"])).toBe(false);
  });

  it("waits until a key is set", async () => {
    const [a, b, c] = await openAll(3);
    const seen = Promise.all([a.get("late"), b.wait(["late", "later"])]);
    await c.set("late", "now");
    await c.set("later", "now");
    expect((await seen)[0]).toBe("now");
  });

  it("connects to a rank 0 that starts later", async () => {
    const probe = await open(0, 0);
    const { port } = probe;
    await probe.close();
    const other = open(1, port);
    await open(0, port);
    expect(await (await other).add("x", 1)).toBe(1);
  });

  it("says what nobody set", async () => {
    const [, b] = await openAll(2);
    await expect(b.get("never", 0.05)).rejects.toThrow(
      'get "never" must be answered within 0.05 s, got nothing on rank 1',
    );
  });

  it("says that nobody listens", async () => {
    const probe = await open(0, 0);
    await probe.close();
    await expect(open(1, probe.port, 0.1)).rejects.toThrow(
      /rank 1 must reach rank 0 at 127\.0\.0\.1:\d+ within 0\.1 s, got .*ECONNREFUSED/,
    );
  });

  it("says that the port is taken", async () => {
    const first = await open(0, 0);
    await expect(open(0, first.port)).rejects.toThrow(/must listen on .* got EADDRINUSE/);
  });

  it("tells everybody which rank ended without a word", async () => {
    const [a, b, c] = await openAll(3);
    const told = Promise.all(
      [a, c].map((store) => new Promise((resolve) => store.onFailure(resolve))),
    );
    const waiting = c.get("never").catch(String);
    b.destroy();
    expect(await told).toEqual([1, 1]);
    expect(await waiting).toContain("rank 1 is gone");
    // Also those who ask later.
    expect(await new Promise((resolve) => a.onFailure(resolve))).toBe(1);
  });

  it("says that rank 0 is gone", async () => {
    const [a, b] = await openAll(2);
    const waiting = b.get("never").catch(String);
    a.destroy();
    expect(await waiting).toContain("rank 0 is gone");
    await expect(b.get("never")).rejects.toThrow("rank 0 is gone");
  });

  it("lets rank 0 leave last", async () => {
    const [a, b] = await openAll(2);
    const failures: number[] = [];
    b.onFailure((rank) => failures.push(rank));
    const leaving = a.close();
    await b.set("still", "here");
    await Promise.all([b.close(), leaving]);
    expect(failures).toEqual([]);
  });

  it("hangs up on whoever is no rank", async () => {
    const first = await open(0, 0);
    const stranger = connect(first.port, "127.0.0.1");
    stranger.write("GET / HTTP/1.1\r\n\r\n");
    await new Promise((resolve) => stranger.once("close", resolve));
    expect(await first.add("still works", 1)).toBe(1);
  });
});

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CheckpointError } from "../base/errors.ts";
import { writeFileAtomically } from "./atomic-file.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "athanor-atomic-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** What the system says when the disk is full. */
function diskFull(): Error {
  return Object.assign(new Error("ENOSPC: no space left on device, write"), {
    code: "ENOSPC",
    syscall: "write",
  });
}

describe("writeFileAtomically", () => {
  it("makes the folder, writes the pieces in order and leaves nothing else", async () => {
    const path = join(folder, "new", "file.bin");
    await writeFileAtomically(path, async (sink) => {
      await sink.write(bytes("one "));
      await sink.write(bytes("two"));
    });
    expect(readFileSync(path, "utf8")).toBe("one two");
    expect(readdirSync(join(folder, "new"))).toEqual(["file.bin"]);
  });

  it("shows the old file until the new one is complete", async () => {
    const path = join(folder, "file");
    writeFileSync(path, "old");
    await writeFileAtomically(path, async (sink) => {
      await sink.write(bytes("new"));
      expect(readFileSync(path, "utf8")).toBe("old");
    });
    expect(readFileSync(path, "utf8")).toBe("new");
  });

  it("says that the disk is full, keeps the old file and removes its own", async () => {
    const path = join(folder, "file");
    writeFileSync(path, "old");
    const write = writeFileAtomically(path, async (sink) => {
      await sink.write(new Uint8Array(2048));
      throw diskFull();
    });
    await expect(write).rejects.toThrow(CheckpointError);
    await expect(write).rejects.toThrow(
      `save: ${path} must be writable, got ENOSPC after 2.0 KiB; the disk is full; ` +
        "free some space or choose another folder (what was there before is unchanged)",
    );
    expect(readFileSync(path, "utf8")).toBe("old");
    expect(readdirSync(folder)).toEqual(["file"]);
  });

  it("passes other errors through and cleans up too", async () => {
    const write = writeFileAtomically(join(folder, "file"), () =>
      Promise.reject(new RangeError("mine")),
    );
    await expect(write).rejects.toThrow(RangeError);
    expect(readdirSync(folder)).toEqual([]);
  });

  it("explains a target that is a folder", async () => {
    mkdirSync(join(folder, "file", "inside"), { recursive: true });
    const write = writeFileAtomically(join(folder, "file"), (sink) => sink.write(bytes("x")));
    await expect(write).rejects.toThrow("a folder has this name");
    expect(readdirSync(folder)).toEqual(["file"]);
  });

  it("removes what killed writers of the same target left, and nothing else", async () => {
    const dead = 2 ** 22 + 1; // beyond the largest process id
    const others = ["other", `.file.${process.pid}.0123abcd.tmp`, `.other.${dead}.0123abcd.tmp`];
    for (const name of [...others, `.file.${dead}.0123abcd.tmp`]) {
      writeFileSync(join(folder, name), "");
    }
    await writeFileAtomically(join(folder, "file"), (sink) => sink.write(bytes("x")));
    expect(readdirSync(folder).toSorted()).toEqual([...others, "file"].toSorted());
  });
});

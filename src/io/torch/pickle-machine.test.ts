import { describe, expect, it } from "vitest";
import { CheckpointError } from "../../base/errors.ts";
import { ZipWriter } from "../zip/zip-writer.ts";
import { loadTorch, openTorch } from "./torch-file.ts";

/** A file of `torch.save` around any pickle. Opcodes are letters and escapes. */
async function fileOf(pickle: string, storages: readonly number[] = []): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  const zip = new ZipWriter({
    write: (bytes) => {
      parts.push(bytes);
      return Promise.resolve();
    },
  });
  await zip.add("a/data.pkl", bytesOf(pickle));
  for (const [key, size] of storages.entries()) {
    await zip.add(
      `a/data/${key}`,
      Uint8Array.from({ length: size }, (_, i) => i),
    );
  }
  await zip.finish();
  return new Uint8Array(Buffer.concat(parts));
}

const bytesOf = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0));
const loadPickle = async (pickle: string): Promise<unknown> => loadTorch(await fileOf(pickle));

/** A u8 tensor over storage 0 of `numel` bytes: sizes and strides are opcodes. */
function tensor(numel: string, offset: string, sizes: string, strides: string): string {
  return (
    "ctorch._utils\n_rebuild_tensor_v2\n((U\x07storagectorch\nByteStorage\nU\x010U\x03cpu" +
    `${numel}tQ${offset}(${sizes}t(${strides}t\x89ccollections\nOrderedDict\n)RtR.`
  );
}

describe("readPickle", () => {
  it.each<[string, string, unknown]>([
    [
      "protocol 0 numbers",
      "(I5\nI-7\nL123456789012345678901L\nF0.5\nI01\nI00\nNl.",
      [5, -7, 123456789012345678901n, 0.5, true, false, null],
    ],
    ["protocol 0 texts", "(S'a\\x41\\n'\nVb\\u00e9\nl.", ["aA\n", "bé"]],
    ["protocol 0 dicts", "(dp0\nS'a'\nI1\ns.", { a: 1 }],
    [
      "long integers",
      "\x80\x02(\x8a\x00\x8a\x01\xff\x8a\x02\x00\x80\x8b\x03\x00\x00\x00\x01\x02\x03l.",
      [0, -1, -32768, 197121],
    ],
    [
      "floats",
      "(G\x3f\xf8\x00\x00\x00\x00\x00\x00G\x80\x00\x00\x00\x00\x00\x00\x00F-inf\nl.",
      [1.5, -0, -Infinity],
    ],
    [
      "tuples",
      "(K\x01\x85K\x01K\x02\x86K\x01K\x02K\x03\x87)(K\x05tl.",
      [[1], [1, 2], [1, 2, 3], [], [5]],
    ],
    ["memo", "]q\x05K\x01a0h\x05.", [1]],
    ["dup and pop", "K\x01K\x0200K\x072\x86.", [7, 7]],
    ["dicts of whole numbers", "}(K\x01U\x01aK\x02Nu.", { 1: "a", 2: null }],
    ["dicts of tuples", "}K\x01\x85K\x02s.", new Map([[[1], 2]])],
    [
      "dicts of 1 and '1'",
      "}(K\x01NU\x011Nu.",
      new Map<unknown, null>([
        [1, null],
        ["1", null],
      ]),
    ],
    ["a key twice", "}(K\x01K\x02\x88K\x03u.", new Map([[true, 3]])],
    ["names such as __proto__", "}U\x09__proto__K\x02s.", Object.fromEntries([["__proto__", 2]])],
    ["ordered dicts of pairs", "ccollections\nOrderedDict\n(((U\x01aK\x01tltR.", { a: 1 }],
    ["Python 2 names", "c__builtin__\nset\n((K\x01K\x02ltR.", new Set([1, 2])],
  ])("reads %s", async (_, pickle, value) => {
    expect(await loadPickle(pickle)).toEqual(value);
  });

  it.each<[string, string, string]>([
    ["an unknown opcode", "\xfe.", "got opcode 0xfe"],
    ["an empty stack", ".", "got an empty stack"],
    ["a missing mark", "K\x01t.", "got no mark"],
    ["no end", "K\x01", "go on after byte 2"],
    ["a memo that is not set", "h\x07.", "memo 7, which is not set"],
    ["a call of data", "K\x01)R.", "a call of something that is no class or function"],
    ["a call of a name", "cbuiltins\nint\n)R.", "a call of builtins.int"],
    ["a key without value", "}(K\x01u.", "a key without a value"],
    ["a lying text length", "X\xff\xff\xff\x7f.", "go on after byte 6"],
    ["a lying 8-byte length", "\x8e\xff\xff\xff\xff\xff\xff\x00\x00.", "go on after"],
    ["a length beyond 2^53", "\x8e\xff\xff\xff\xff\xff\xff\xff\x7f.", "must be below 2^53"],
    [
      "an integer of a kilobyte",
      `\x8b\x00\x04\x00\x00${"1".repeat(1024)}.`,
      "an integer of 1024 bytes",
    ],
    ["protocol 9", "\x80\x09N.", "got protocol 9"],
    ["a persistent id that is none", "NQ.", "a storage must have a type, key and size"],
    ["a call by INST", "(ios\nsystem\n.", '"os.system"'],
    ["a call by STACK_GLOBAL", "\x80\x04\x8c\x02os\x8c\x06system\x93.", '"os.system"'],
    ["an extension", "\x82\x01.", "got opcode 0x82"],
    ["attributes of data", "]Nb.", "state for something that takes none"],
    ["dotted names", "\x80\x04\x8c\x05torch\x8c\x0aSize.mro.x\x93.", '"torch.Size.mro.x"'],
  ])("refuses %s", async (_, pickle, message) => {
    await expect(loadPickle(pickle)).rejects.toThrow(message);
    await expect(loadPickle(pickle)).rejects.toThrow(CheckpointError);
  });

  it("refuses data that is nested without end, in little time and memory", async () => {
    await expect(loadPickle(`N${"\x85".repeat(100_000)}.`)).rejects.toThrow("200 levels deep");
    await expect(loadPickle(`${"]".repeat(100_000)}${"a".repeat(99_999)}.`)).rejects.toThrow(
      "200 levels",
    );
    const key = `}${"N".padEnd(3000, "\x85")}K\x01s.`;
    await expect(loadPickle(key)).rejects.toThrow("200 levels");
    const device = `ctorch\ndevice\n(${"N".padEnd(20_000, "\x85")}K\x01tR.`;
    await expect(loadPickle(device)).rejects.toThrow("200 levels");
  });

  it("refuses lists that contain others again and again", async () => {
    // Each list holds the one before twice: 2^60 paths from 60 lists.
    const layers = Array.from({ length: 60 }, (_, i) => {
      const [now, next] = [String.fromCharCode(i), String.fromCharCode(i + 1)];
      return `]q${next}h${now}ah${now}a`;
    });
    await expect(openTorch(await fileOf(`]q\x00${layers.join("")}.`))).rejects.toThrow(
      "again and again",
    );
  });

  it("refuses calls that copy the same things again and again", async () => {
    const many = `(${"N".repeat(50_000)}lq\x000`;
    const copies = "cbuiltins\nlist\nq\x010".concat("h\x01h\x00\x85R0".repeat(20_000));
    await expect(loadPickle(`${many}${copies}N.`)).rejects.toThrow("copy far more than");
    const text = `X\x50\xc3\x00\x00${"a".repeat(50_000)}q\x000`;
    const codes = "c_codecs\nencode\nq\x010".concat("h\x01h\x00\x85R0".repeat(20_000));
    await expect(loadPickle(`${text}${codes}N.`)).rejects.toThrow("copy far more than");
  });

  it("refuses names that are far longer than the file", async () => {
    const scalar = tensor("K\x06", "K\x02", "", "").replace(/\.$/, "q\x010");
    const leaves = `(${"h\x01".repeat(20_000)}l`;
    const pickle = `${scalar}}X\x50\xc3\x00\x00${"a".repeat(50_000)}${leaves}s.`;
    await expect(openTorch(await fileOf(pickle, [6]))).rejects.toThrow("must have few names");
  });

  it("gives tensors of one path different names", async () => {
    const scalar = tensor("K\x06", "K\x02", "", "").replace(/\.$/, "q\x010");
    // a.b.c, a.b → c and a → b.c
    const pickle = `${scalar}}(U\x05a.b.ch\x01U\x03a.b}U\x01ch\x01sU\x01a}U\x03b.ch\x01su.`;
    await using file = await openTorch(await fileOf(pickle, [6]));
    expect(file.keys()).toEqual(["a.b.c", "a.b.c'", "a.b.c'2"]);
  });

  it("reads a list that holds itself", async () => {
    const list = (await loadPickle("]q\x00h\x00a.")) as unknown[];
    expect(list[0]).toBe(list);
  });
});

describe("tensors of a pickle", () => {
  const load = async (pickle: string): Promise<unknown> => loadTorch(await fileOf(pickle, [6]));

  it("may be any view of their storage", async () => {
    const read = async (pickle: string): Promise<unknown> =>
      ((await load(pickle)) as { tolist(): Promise<unknown> }).tolist();
    expect(await read(tensor("K\x06", "K\x01", "K\x02K\x02", "K\x02K\x01"))).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(await read(tensor("K\x06", "K\x00", "K\x03K\x02", "K\x01K\x03"))).toEqual([
      [0, 3],
      [1, 4],
      [2, 5],
    ]);
    expect(await read(tensor("K\x06", "K\x05", "K\x02", "K\x00"))).toEqual([5, 5]);
    expect(await read(tensor("K\x06", "K\x02", "", ""))).toBe(2);
    expect(await read(tensor("K\x06", "J\xff\xff\x00\x00", "K\x00", "K\x01"))).toEqual([]);
  });

  it.each<[string, string, string]>([
    [
      "an end past the storage",
      tensor("K\x06", "K\x01", "K\x06", "K\x01"),
      "must lie in its storage",
    ],
    [
      "strides past the storage",
      tensor("K\x06", "K\x00", "K\x02", "K\x06"),
      "must lie in its storage",
    ],
    [
      "a negative offset",
      tensor("K\x06", "J\xff\xff\xff\xff", "K\x01", "K\x01"),
      "a storage, offset, sizes",
    ],
    [
      "a negative stride",
      tensor("K\x06", "K\x05", "K\x02", "J\xff\xff\xff\xff"),
      "a storage, offset, sizes",
    ],
    ["sizes without strides", tensor("K\x06", "K\x00", "K\x02", ""), "a storage, offset, sizes"],
    [
      "a storage larger than the file",
      tensor("J\xff\xff\xff\x7f", "K\x00", "K\x01", "K\x01"),
      "storage 0 must have",
    ],
    [
      "2^64 repeats",
      tensor("K\x06", "K\x00", "\x8a\x05\x00\x00\x00\x00\x01".repeat(2), "K\x00K\x00"),
      "must lie in its storage",
    ],
  ])("refuse %s", async (_, pickle, message) => {
    await expect(load(pickle)).rejects.toThrow(message);
    await expect(load(pickle)).rejects.toThrow(CheckpointError);
  });

  it("repeat few elements as a view that takes no memory", async () => {
    const large = "J\x00\x00\x00\x40"; // 2^30
    const file = await openTorch(await fileOf(tensor("K\x06", "K\x03", large, "K\x00"), [6]));
    expect((await file.get("tensor")).shape).toEqual([2 ** 30]);
  });

  it("refuse windows that repeat few elements very often", async () => {
    const dims = 24;
    const pickle = tensor("K\x19", "K\x00", "K\x02".repeat(dims), "K\x01".repeat(dims));
    await expect(loadTorch(await fileOf(pickle, [25]))).rejects.toThrow(
      "may repeat its elements 64 times",
    );
  });
});

/** Numbers between 0 and 1 that depend on nothing but the two seeds. */
export type Random = () => number;

/** A small generator (mulberry32): fast, and the same on every machine. */
export function seededRandom(seed: number, index: number): Random {
  let state = (Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) + Math.imul(index + 1, 0xc2b2ae35)) | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A whole number from 0 to before `limit`. */
export function below(random: Random, limit: number): number {
  return Math.floor(random() * limit);
}

/** One of several values. */
export function pick<Value>(random: Random, values: readonly Value[]): Value {
  return values[below(random, values.length)];
}

/** Sizes and offsets that headers lie with. */
const largeNumbers = [
  0n,
  1n,
  2n,
  7n,
  255n,
  65535n,
  65536n,
  2n ** 20n,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 32n,
  2n ** 40n,
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 63n - 1n,
  2n ** 64n - 1n,
];

/** Pieces of the formats: JSON and Python headers, opcodes of pickles, records of zip files. */
const tokens = [
  '"dtype":"F64"',
  '"shape":[1,2]',
  '"data_offsets":[0,4]',
  '{"a":',
  "[[[[",
  "}",
  "'descr': '>f8'",
  "'fortran_order': True",
  "(4294967296, 4294967296)",
  "(0, 9007199254740991)",
  "((((((",
  "cos\nsystem\n",
  "cbuiltins\neval\n",
  "ctorch\nFloatStorage\n",
  "ctorch._utils\n_rebuild_tensor_v2\n",
  "ccollections\nOrderedDict\n",
  "cnumpy\ndtype\n",
  "cnumpy._core.multiarray\n_reconstruct\n",
  "X\xff\xff\xff\x7f",
  "\x8d\xff\xff\xff\xff\xff\xff\xff\x7f",
  "\x8b\xff\xff\xff\x7f",
  "r\xff\xff\xff\xff",
  "h\x00",
  "(((((((",
  "]q\x01h\x01a",
  "}q\x02h\x02h\x02s",
  "\x85\x85\x85\x85\x85\x85",
  ")R",
  "0",
  "1",
  "2",
  "K\x00",
  "J\xff\xff\xff\x7f",
  "t",
  "u",
  "e",
  "b",
  "Q",
  ".",
  "PK\x05\x06",
  "PK\x06\x07",
  "PK\x01\x02",
  "GGUF\x03\x00\x00\x00",
  "\x93NUMPY\x01\x00",
  "\x09\x00\x00\x00\x09\x00\x00\x00",
];

type Mutation = (bytes: Uint8Array, random: Random, donor: Uint8Array) => Uint8Array;

const changeByte: Mutation = (bytes, random) => {
  const changed = bytes.slice();
  const at = below(random, bytes.length);
  const value = pick(random, [0, 1, 0x7f, 0x80, 0xff, below(random, 256)]);
  changed[at] = random() < 0.5 ? value : changed[at] ^ (1 << below(random, 8));
  return changed;
};

const changeNumber: Mutation = (bytes, random) => {
  const changed = bytes.slice();
  const width = pick(random, [2, 4, 8]);
  if (changed.length < width) return changed;
  const view = new DataView(changed.buffer);
  const at = below(random, changed.length - width + 1);
  const value = pick(random, largeNumbers);
  const isLittle = random() < 0.9;
  if (width === 8) view.setBigUint64(at, value, isLittle);
  else if (width === 4) view.setUint32(at, Number(value & 0xffffffffn), isLittle);
  else view.setUint16(at, Number(value & 0xffffn), isLittle);
  return changed;
};

/** Another number, of any length, in place of one that stands as text. */
const changeDigits: Mutation = (bytes, random) => {
  const starts: number[] = [];
  for (let i = 0; i < bytes.length; i++) {
    if (isDigit(bytes[i]) && !isDigit(bytes[i - 1])) starts.push(i);
  }
  if (starts.length === 0) return bytes;
  const begin = pick(random, starts);
  let end = begin;
  while (isDigit(bytes[end])) end++;
  const sign = random() < 0.1 ? "-" : "";
  const digits = new TextEncoder().encode(sign + String(pick(random, largeNumbers)));
  return joined(bytes.subarray(0, begin), digits, bytes.subarray(end));
};

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

/** Another word in place of a quoted one, where headers have dtypes and names of fields. */
const changeWord: Mutation = (bytes, random) => {
  const quote = pick(random, [0x22, 0x27]);
  const quotes: number[] = [];
  for (let i = 0; i < bytes.length; i++) if (bytes[i] === quote) quotes.push(i);
  if (quotes.length < 2) return bytes;
  const which = 2 * below(random, Math.floor(quotes.length / 2));
  const word = new TextEncoder().encode(pick(random, words));
  const begin = bytes.subarray(0, quotes[which] + 1);
  return joined(begin, word, bytes.subarray(quotes[which + 1]));
};

const safetensorsDTypes = ["F64", "F16", "BF16", "I64", "U64", "U16", "BOOL", "F4", "F6_E2M3"];
const numpyDTypes = ["<f8", ">f2", "|b1", "<i8", ">u8", "<i2", "|O", "<c8", "<U3", "=f4"];
const words = [
  ...safetensorsDTypes,
  ...numpyDTypes,
  "shape",
  "dtype",
  "descr",
  "__metadata__",
  "__proto__",
  "",
];

const truncate: Mutation = (bytes, random) => bytes.slice(0, below(random, bytes.length));

const remove: Mutation = (bytes, random) => {
  const [begin, end] = someRange(bytes, random);
  return joined(bytes.subarray(0, begin), bytes.subarray(end));
};

const repeat: Mutation = (bytes, random) => {
  const [begin, end] = someRange(bytes, random);
  const times = pick(random, [1, 1, 2, 50]);
  const copies = Array.from({ length: times }, () => bytes.subarray(begin, end));
  return joined(bytes.subarray(0, end), ...copies, bytes.subarray(end));
};

const insertToken: Mutation = (bytes, random) => {
  const token = Uint8Array.from(pick(random, tokens), (char) => char.charCodeAt(0));
  const at = below(random, bytes.length + 1);
  const end = random() < 0.5 ? at : Math.min(bytes.length, at + token.length);
  return joined(bytes.subarray(0, at), token, bytes.subarray(end));
};

const splice: Mutation = (bytes, random, donor) => {
  const [begin, end] = someRange(donor, random);
  const at = below(random, bytes.length + 1);
  return joined(bytes.subarray(0, at), donor.subarray(begin, end), bytes.subarray(at));
};

function someRange(bytes: Uint8Array, random: Random): readonly [number, number] {
  const begin = below(random, bytes.length);
  const length = random() < 0.8 ? below(random, 32) : below(random, bytes.length);
  return [begin, Math.min(bytes.length, begin + 1 + length)];
}

/** Bytes one after the other. */
export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Changes that keep every length, and changes that do not. */
const inPlace: readonly Mutation[] = [changeByte, changeByte, changeNumber];
const resizing: readonly Mutation[] = [
  changeDigits,
  changeDigits,
  insertToken,
  insertToken,
  truncate,
  remove,
  repeat,
  splice,
];

/** Inputs stay this small, so that whatever takes much memory was promised by a header. */
const maxBytes = 200_000;

/** Changes of numbers and words in a header that is text, which stays a header. */
export function mutateText(bytes: Uint8Array, random: Random): Uint8Array {
  let changed = bytes;
  for (let left = pick(random, [1, 1, 2, 3]); left > 0; left--) {
    changed = pick(random, [changeDigits, changeDigits, changeWord])(changed, random, changed);
  }
  return changed;
}

/** One to four changes, most of them few, in place and near the beginning, where headers are. */
export function mutate(bytes: Uint8Array, random: Random, donor: Uint8Array): Uint8Array {
  let changed = bytes;
  for (let left = pick(random, [1, 1, 1, 2, 3, 4]); left > 0; left--) {
    if (changed.length === 0) return changed;
    const headEnd = random() < 0.5 ? Math.min(changed.length, 512) : changed.length;
    const mutation = pick(random, random() < 0.5 ? inPlace : resizing);
    const head = mutation(changed.slice(0, headEnd), random, donor);
    changed = joined(head, changed.subarray(headEnd));
  }
  return changed.slice(0, maxBytes);
}

import { CompileError } from "../../base/errors.ts";
import type { KernelFunction } from "./kernel-code.ts";

/** A call of a generated function inside an entry: which function, and how many blocks it gets. */
export interface Piece {
  readonly name: string;
  readonly function: KernelFunction;
}

/** C types of a function's parameters, the block number left out. */
export function parameterTypes(text: string): string[] {
  const end = text.indexOf(")");
  if (!text.startsWith("(") || end < 0) {
    throw new CompileError(`cuda: a function's text must begin with parameters, got ${text}`);
  }
  const all = text.slice(1, end).split(",");
  return all.slice(0, -1).map((parameter) => parameter.trim().replace(/\w+$/, "").trim());
}

/** Words a call takes: one per parameter, the block number left out. */
function widthOf({ function: { text } }: Piece): number {
  return parameterTypes(text).length;
}

/** `name(casts of eight-byte words from index `at` on, block)`. */
function callOf({ name, function: { text } }: Piece, word: (i: number) => string, block: string) {
  const values = parameterTypes(text).map((type, i) => `(${type})${word(i)}`);
  return `${name}(${[...values, block].join(", ")});`;
}

/** Pieces that call one function, and where their words begin. */
interface Run {
  readonly piece: Piece;
  readonly count: number;
  readonly firstWord: number;
  readonly firstPiece: number;
}

function runsOf(pieces: readonly Piece[]): Run[] {
  const runs: { piece: Piece; count: number; firstWord: number; firstPiece: number }[] = [];
  let word = 0;
  pieces.forEach((piece, i) => {
    const last = runs.at(-1);
    if (last !== undefined && last.piece.name === piece.name) last.count++;
    else runs.push({ piece, count: 1, firstWord: word, firstPiece: i });
    word += widthOf(piece);
  });
  return runs;
}

/**
 * The calls of a run whose pieces' first blocks stand in the words from `starts` on. The piece is
 * found by bisection, so that a hundred parameter updates cost seven comparisons.
 */
function runText(run: Run, starts: number): string {
  const width = widthOf(run.piece);
  const { firstPiece, firstWord, count } = run;
  if (count === 1) {
    const block = firstPiece === 0 ? "b" : `b - (unsigned)w.w[${starts + firstPiece}]`;
    return callOf(run.piece, (i) => `w.w[${firstWord + i}]`, block);
  }
  const call = callOf(run.piece, (i) => `a[${i}]`, `b - (unsigned)w.w[${starts} + low]`);
  return [
    `int low = ${firstPiece}, high = ${firstPiece + count};`,
    "while (high - low > 1) {",
    "  int middle = (low + high) / 2;",
    `  if ((unsigned)w.w[${starts} + middle] <= b) low = middle; else high = middle;`,
    "}",
    `const u64 *a = w.w + ${firstWord} + (low - ${firstPiece}) * ${width};`,
    call,
  ].join("\n    ");
}

/** First block of each piece, which stand after the arguments of an entry of several pieces. */
export function firstBlocks(pieces: readonly Piece[]): number[] {
  let total = 0;
  return pieces.map((piece) => {
    const first = total;
    total += piece.function.blocks;
    return first;
  });
}

/** Words of an entry's parameter block. */
export function entryWords(pieces: readonly Piece[]): number {
  const own = pieces.reduce((sum, piece) => sum + widthOf(piece), 0);
  return pieces.length === 1 ? own : own + pieces.length;
}

/**
 * An entry whose blocks call its pieces, the first `blocks` of the first one and so on. Pieces of
 * one function must be neighbours.
 */
export function entryText(entry: string, pieces: readonly Piece[]): string {
  const words = entryWords(pieces);
  const { threads } = pieces[0].function;
  const resident = Math.max(...pieces.map((piece) => piece.function.residentBlocks));
  const bounds = resident > 0 ? `${threads}, ${resident}` : `${threads}`;
  const starts = words - pieces.length;
  const runs = runsOf(pieces);
  const branches = runs.map((run, i) => {
    const next = runs[i + 1];
    const body = `{\n    ${runText(run, starts)}\n  }`;
    if (next === undefined) return body;
    return `if (b < (unsigned)w.w[${starts + next.firstPiece}]) ${body}`;
  });
  return [
    `typedef struct { u64 w[${Math.max(words, 1)}]; } ${entry}_words;`,
    `extern "C" __global__ __launch_bounds__(${bounds}) void ${entry}(const __grid_constant__ ${entry}_words w) {`,
    "  unsigned b = blockIdx.x;",
    `  ${branches.join(" else ")}`,
    "}",
    "",
  ].join("\n");
}

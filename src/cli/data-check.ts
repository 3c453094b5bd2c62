import type { DatasetReport, RowGroup } from "../train/alignment/data/check-dataset.ts";
import { checkDataset } from "../train/alignment/data/check-dataset.ts";
import type { LengthSummary } from "../train/alignment/data/length-summary.ts";
import type { RowTokenizer } from "../train/alignment/data/row-tokenizer.ts";
import { ByteTokenizer } from "../text/byte-tokenizer.ts";
import { loadGpt2Tokenizer } from "../text/gpt2-tokenizer.ts";
import { loadTokenizer } from "../text/load-tokenizer.ts";
import type { Command, FlagValues, Terminal } from "./command.ts";
import { CommandLineError, parseFlags } from "./command.ts";

async function tokenizerOf(name: string | undefined): Promise<RowTokenizer | undefined> {
  if (name === undefined) return undefined;
  if (name === "bytes") return new ByteTokenizer();
  return name === "gpt2" ? loadGpt2Tokenizer() : loadTokenizer(name);
}

/** `athanor data check`. */
export const dataCheckCommand: Command = {
  name: "data check",
  summary: "Look a dataset through before training on it.",
  description:
    "Reads every row of a .jsonl, .json, .csv, .tsv or .parquet file and tells its type and format, " +
    "which rows are wrong and why, duplicates, pairs whose answers are the same, empty answers, and " +
    "how long prompts and answers are. With a tokenizer, lengths are tokens, and it tells what the " +
    "maximal length would cut off. Exit code 1 if a row is wrong.",
  operands: "<file>",
  flags: {
    tokenizer: {
      type: "text",
      placeholder: "tokenizer",
      description: "bytes, gpt2, or a model's folder or tokenizer.json: lengths in its tokens.",
    },
    "max-length": {
      type: "integer",
      min: 2,
      placeholder: "tokens",
      description: "Most tokens of prompt and answer (1024).",
    },
    "truncation-mode": {
      type: "text",
      choices: ["keep_start", "keep_end"],
      description: "Which end stays (keep_start).",
    },
    json: { description: "Print one JSON object for machines." },
  },
  examples: [
    ["data check likes.jsonl", "Look whether all rows can be read, and how long they are."],
    ["data check pairs.csv --tokenizer gpt2 --max-length 512", "Count what 512 tokens cut off."],
  ],
  async run(given: FlagValues, { out }: Terminal, operands) {
    const [path, ...rest] = operands;
    if (path === undefined) {
      throw new CommandLineError("data check: a file must be named, got none; name a .jsonl file");
    }
    // Flags may stand behind the file too.
    const values = { ...given, ...parseFlags(dataCheckCommand, rest) };
    const report = await checkDataset(path, {
      tokenizer: await tokenizerOf(values["tokenizer"] as string | undefined),
      maxLength: (values["max-length"] as number | undefined) ?? 1024,
      truncationMode: values["truncation-mode"] as "keep_start" | "keep_end" | undefined,
    });
    out(values["json"] === true ? `${JSON.stringify(report, null, 2)}\n` : formatReport(report));
    return report.isUsable ? 0 : 1;
  },
};

const line = (name: string, text: string | number): string => `  ${name.padEnd(18)}${text}\n`;

function formatReport(report: DatasetReport): string {
  const { path, rows, type, format, unit, problems, labels, truncation } = report;
  const more = problems.count - problems.first.length;
  return [
    `${path}: ${rows} rows${type === null ? "" : `, ${type}, ${format}`}\n\n`,
    line("wrong rows", problems.count),
    ...problems.first.map(({ message }) => `    ${message}\n`),
    more > 0 ? `    … and ${more} more\n` : "",
    line("duplicates", groupText(report.duplicates)),
    line("same answers", groupText(report.identicalPairs)),
    line("empty answers", groupText(report.emptyAnswers)),
    labels === null ? "" : line("labels", `${labels.liked} liked, ${labels.disliked} disliked`),
    truncation === null
      ? ""
      : line(
          `over ${truncation.maxLength}`,
          `${truncation.truncated} rows are cut, ${truncation.dropped} left out`,
        ),
    ...Object.entries(report.lengths).map(([name, summary]) => formatLengths(name, unit, summary)),
  ].join("");
}

function groupText({ count, rows }: RowGroup): string {
  if (count === 0) return "0";
  return `${count} (row ${rows.slice(0, 10).join(", ")}${count > 10 ? ", …" : ""})`;
}

/** Characters of the longest bar. */
const barWidth = 40;

function formatLengths(name: string, unit: string, summary: LengthSummary): string {
  const { min, mean, median, p95, max, histogram } = summary;
  const most = Math.max(...histogram.map(({ count }) => count));
  const width = String(histogram[histogram.length - 1].to).length;
  const bars = histogram.map(({ from, to, count }) => {
    const range = `${String(from).padStart(width)} – ${String(to - 1).padEnd(width)}`;
    return `    ${range}  ${"█".repeat(Math.ceil((count / most) * barWidth))} ${count}\n`;
  });
  const numbers = `${min} … ${max}, mean ${mean.toFixed(1)}, median ${median}, 95 % ≤ ${p95}`;
  return `\n  ${name} (${unit}): ${numbers}\n${bars.join("")}`;
}

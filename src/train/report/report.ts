import { writeFileAtomically } from "../../io/atomic-file.ts";
import type { Markup } from "./markup.ts";
import { markup } from "./markup.ts";
import { reportStyle } from "./style.ts";

/** A part of a report under its own heading. */
export interface ReportSection {
  readonly heading: string;
  /** What to look for, in a sentence or two. */
  readonly note?: string;
  /** Made by `charts`, `confusionTable`, `imageGrid` or {@link markup}. */
  readonly content: Markup;
}

/** What a report says. */
export interface Report {
  readonly title: string;
  /** What this is, in a sentence. */
  readonly lead?: string;
  /** Names and values; the first one is shown large. */
  readonly summary: readonly (readonly [string, string])[];
  readonly sections: readonly ReportSection[];
  readonly footer?: string;
}

/** Charts in a grid; the first of an odd number takes the whole width. */
export function charts(...items: readonly Markup[]): Markup {
  return markup`<div class="charts">${items}</div>`;
}

/** A report as one HTML page that needs no other file and no network. */
export function renderReport({ title, lead = "", summary, sections, footer = "" }: Report): string {
  const facts = summary.map(
    ([name, value], i) =>
      markup`<div class="${i === 0 ? "main" : "fact"}"><dt>${name}</dt><dd>${value}</dd></div>`,
  );
  const parts = sections.map(({ heading, note = "", content }) => {
    const text = note === "" ? [] : [markup`<p>${note}</p>`];
    return markup`<section><h2>${heading}</h2>${text}${content}</section>`;
  });
  const style: Markup = { html: reportStyle };
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="Athanor">
<title>${title}</title>
<style>${style}</style>
</head>
<body>
<header><h1>${title}</h1><p>${lead}</p><dl>${facts}</dl></header>
<main>${parts}</main>
<footer>${footer}</footer>
</body>
</html>
`.html;
}

/** Writes a report as one self-contained HTML file. @throws {CheckpointError} if it cannot. */
export async function writeReport(path: string, report: Report): Promise<void> {
  const bytes = new TextEncoder().encode(renderReport(report));
  await writeFileAtomically(path, (sink) => sink.write(bytes));
}

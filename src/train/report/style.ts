/** Colours: light and dark by the reader's setting, light on paper. */
const colours = `
:root {
  color-scheme: light dark;
  --paper: #ffffff; --ink: #1c2127; --faint: #68727d; --line: #dde2e7; --panel: #f6f8fa;
  --hit: 32 120 200; --miss: 214 66 46;
  --series-0: #1f6fc9; --series-1: #d9660a; --series-2: #2b8a4b;
  --series-3: #8250c4; --series-4: #b3318a; --series-5: #7a6a1f;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14181d; --ink: #e4e8ec; --faint: #929da8; --line: #2d343c; --panel: #1b2026;
    --hit: 56 139 222; --miss: 235 92 70;
    --series-0: #5aa2f0; --series-1: #f4923e; --series-2: #56c07c;
    --series-3: #b08af0; --series-4: #ea74c2; --series-5: #cdbb5a;
  }
}
@media print {
  :root {
    color-scheme: light;
    --paper: #fff; --ink: #000; --faint: #555; --line: #ccc; --panel: #fff;
    --hit: 32 120 200; --miss: 214 66 46;
    --series-0: #1f6fc9; --series-1: #d9660a; --series-2: #2b8a4b;
    --series-3: #8250c4; --series-4: #b3318a; --series-5: #7a6a1f;
  }
}
`;

const colourNumbers = [0, 1, 2, 3, 4, 5];

const marks = `
svg text { font-size: 12px; fill: var(--ink); font-variant-numeric: tabular-nums; }
svg .tick, svg .label { fill: var(--faint); }
.grid { stroke: var(--line); stroke-width: 1; }
.axis, .mark { stroke: var(--faint); stroke-width: 1; }
.level { stroke: var(--faint); stroke-width: 1; stroke-dasharray: 5 4; }
path.series, line.series { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
path.raw { stroke-width: 1; opacity: 0.28; }
path.band { stroke: none; fill-opacity: 0.17; }
${colourNumbers.map((i) => `.series-${i} { stroke: var(--series-${i}); } circle.series-${i}, .band-${i} { fill: var(--series-${i}); }`).join("\n")}
`;

/** Style of a chart that is a file of its own. */
export const chartStyle: string = `${colours}${marks}
svg { font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
svg .title { font-size: 14px; font-weight: 600; }
.paper { fill: var(--paper); }
`;

/** Style of reports. */
export const reportStyle: string = `${colours}
@media print {
  * { print-color-adjust: exact; }
  section, figure { break-inside: avoid; }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 2.2rem 1.4rem 3rem; max-width: 62rem;
  background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
}
h1 { margin: 0; font-size: 1.7rem; line-height: 1.2; letter-spacing: -0.01em; }
h2 { margin: 2.4rem 0 0.7rem; font-size: 1.15rem; }
p { margin: 0.3rem 0 0.9rem; color: var(--faint); max-width: 46rem; }
dl {
  display: grid; grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); gap: 1px;
  margin: 1.3rem 0 0; padding: 1px; background: var(--panel); border-radius: 8px; overflow: hidden;
  border: 1px solid var(--line);
}
dl div { padding: 0.6rem 0.8rem; box-shadow: 0 0 0 1px var(--line); }
dt { color: var(--faint); font-size: 0.78rem; }
dd { margin: 0; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
dl div.main dd { font-size: 1.45rem; font-weight: 600; line-height: 1.25; }
figure { margin: 0; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); gap: 1.4rem; }
.charts > :first-child:nth-last-child(odd) { grid-column: 1 / -1; }
.chart figcaption { font-weight: 600; margin-bottom: 0.2rem; }
svg { display: block; width: 100%; height: auto; }${marks}.scroll { overflow-x: auto; }
table.confusion { border-collapse: separate; border-spacing: 2px; font-variant-numeric: tabular-nums; }
.confusion th { padding: 0.2rem 0.5rem; font-weight: 600; color: var(--faint); }
.confusion td { min-width: 3rem; height: 2.1rem; text-align: center; border-radius: 4px; }
.confusion td.none { color: var(--line); }
.confusion td.hit { background: rgb(var(--hit) / calc(var(--share) * 0.42)); }
.confusion td.miss { background: rgb(var(--miss) / var(--share)); }
.confusion td.rate, .confusion .corner { color: var(--faint); font-size: 0.8rem; font-weight: 400; }
.confusion td.rate { padding: 0 0.3rem; white-space: nowrap; }
.corner { text-align: right; line-height: 1.2; }
.corner span { white-space: nowrap; }
.images { display: grid; grid-template-columns: repeat(auto-fill, minmax(6.4rem, 1fr)); gap: 0.9rem; }
.images img { image-rendering: pixelated; border-radius: 6px; border: 1px solid var(--line); display: block; }
.images figcaption { margin-top: 0.25rem; font-size: 0.86rem; }
.images small { display: block; color: var(--faint); }
pre.sample { padding: 0.9rem 1rem; background: var(--panel); border: 1px solid var(--line); border-radius: 8px; white-space: pre-wrap; overflow-wrap: anywhere; }
footer { margin-top: 3rem; color: var(--faint); font-size: 0.82rem; }
`;

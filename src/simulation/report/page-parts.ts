/** Colours that colour-blind people can tell apart (Okabe and Ito), large enough for a projector. */
export const PAGE_STYLE = `
:root{--used:#0072b2;--idle:#56b4e9;--overhead:#e69f00;--lost:#d55e00;--free:#eceff1}
body{font:17px/1.5 system-ui,sans-serif;color:#1b1f23;background:#fff;max-width:1180px;margin:2rem auto;padding:0 1rem}
h1{font-size:1.9rem;margin-bottom:.2rem}h2{margin-top:2.2rem;border-bottom:2px solid #e1e4e8}h3{margin:1.2rem 0 .2rem}
svg{width:100%;height:auto;display:block}svg text{font:13px system-ui,sans-serif;fill:#444;dominant-baseline:middle}
svg text.left{text-anchor:end}svg text.below{text-anchor:middle}svg text.small{font-size:10px}
.used{fill:var(--used);background:var(--used)}.idle{fill:var(--idle);background:var(--idle)}
.overhead{fill:var(--overhead);background:var(--overhead)}.lost{fill:var(--lost);background:var(--lost)}.free{background:var(--free)}
.grid{stroke:#8884;stroke-width:1}.wait{stroke:#999;stroke-width:1;stroke-dasharray:2 3}
.line{fill:none;stroke-width:2.5}.key{display:inline-block;width:.9em;height:.9em;margin:0 .35em 0 .9em;vertical-align:-.1em;border:1px solid #0003}
.policy0{stroke:#0072b2;background:#0072b2}.policy1{stroke:#d55e00;background:#d55e00}.policy2{stroke:#009e73;background:#009e73}
.policy3{stroke:#cc79a7;background:#cc79a7}.policy4{stroke:#e69f00;background:#e69f00}.policy5{stroke:#56b4e9;background:#56b4e9}
.policy6{stroke:#8c7a00;background:#8c7a00}.policy7{stroke:#000;background:#000}
svg polyline.line{background:none}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}th,td{padding:.3rem .5rem;text-align:right;border-bottom:1px solid #e1e4e8}
table.policies{font-size:.8em}table.policies th,table.policies td{padding:.3rem .35rem}td{white-space:nowrap}th:first-child,td:first-child{text-align:left}.assumptions td{white-space:normal}.assumptions{width:auto}.assumptions th,.assumptions td{text-align:left;font-weight:normal}
.bar{display:inline-block;height:.8em;background:var(--used)}td:last-child .bar{min-width:1px}
pre{background:#f6f8fa;padding:.8rem;white-space:pre-wrap;word-break:break-all}
#what-if input{width:16rem;vertical-align:middle}
@media print{body{font-size:11px;max-width:none;margin:0}section{break-inside:avoid}#what-if input{display:none}*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
`;

/** Moves the what-if sliders. Everything else is drawn already, so that it prints and reads without scripts. */
export const PAGE_SCRIPT = `
(() => {
  const box = document.getElementById('what-if');
  if (box === null) return;
  const { values, points } = JSON.parse(document.getElementById('sweep').textContent);
  const inputs = [...box.querySelectorAll('input')];
  const body = box.querySelector('tbody');
  const show = () => {
    const at = inputs.map((input, axis) => values[axis][Number(input.value)]);
    inputs.forEach((input, axis) => { input.parentElement.querySelector('output').textContent = at[axis]; });
    const rows = points.filter((point) => point.at.every((value, axis) => value === at[axis]));
    body.replaceChildren(...rows.map((point) => {
      const row = document.createElement('tr');
      for (const text of [point.policy, ...point.cells]) {
        const cell = document.createElement('td');
        cell.textContent = text;
        row.append(cell);
      }
      const last = document.createElement('td');
      const bar = document.createElement('span');
      bar.className = 'bar';
      bar.style.width = (point.goodput * 10).toFixed(2) + 'em';
      bar.title = 'goodput';
      last.append(bar);
      row.append(last);
      return row;
    }));
  };
  for (const input of inputs) input.addEventListener('input', show);
  show();
})();
`;

/* plots: the history as curves, drawn by uPlot in the colours of the page. */
import { byId, count, bytes } from './dom.js';

const HEIGHT = 150;
const WINDOW_S = 300;

/* Steps of an axis: of whole things, and of bytes, which are to be round in KiB and MiB. */
const WHOLE_STEPS = Array.from({ length: 30 }, (_, i) => [1, 2, 5][i % 3] * 10 ** Math.floor(i / 3));
const BYTE_STEPS = Array.from({ length: 40 }, (_, i) => 2 ** i);

const PLOTS = [
  { id: 'plot-sessions', value: count, steps: WHOLE_STEPS, series: [['sessions', 'Sessions', 1]] },
  { id: 'plot-messages', value: (n) => (n < 10 ? n.toFixed(1) : count(n)), series: [['in', 'From clients', 1], ['out', 'To clients', 2]] },
  { id: 'plot-bytes', value: bytes, steps: BYTE_STEPS, series: [['bytesIn', 'From clients', 1], ['bytesOut', 'To clients', 2]] },
  { id: 'plot-hook', value: (n) => `${n < 10 ? n.toFixed(1) : count(n)} ms`, series: [['hook', 'Average', 3]] },
  { id: 'plot-queue', value: count, steps: WHOLE_STEPS, series: [['queue', 'Events', 3]] }
];

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/* The last five minutes, also while there are fewer. */
function lastMinutes(plot, min, max) {
  return max === null ? [0, WINDOW_S] : [max - WINDOW_S, max];
}

/* From 0, and never flat. */
const fromZero = (plot, min, max) => [0, Math.max(1, (max || 0) * 1.15)];

function options({ value, steps, series }, width) {
  const axis = {
    stroke: colour('--quiet'),
    font: '11px system-ui, sans-serif',
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { show: false }
  };
  return {
    width,
    height: HEIGHT,
    cursor: { drag: { x: false, y: false }, points: { size: 6 } },
    legend: { live: true },
    scales: { x: { range: lastMinutes }, y: { range: fromZero } },
    axes: [
      { ...axis, size: 26, space: 70, values: '{HH}:{mm}' },
      { ...axis, size: 58, space: 34, ...(steps && { incrs: steps }), values: (plot, splits) => splits.map((n) => value(n)) }
    ],
    series: [
      { label: 'Time', value: '{HH}:{mm}:{ss}' },
      ...series.map(([, label, number]) => ({
        label,
        stroke: colour(`--curve-${number}`),
        fill: series.length === 1 ? colour(`--area-${number}`) : undefined,
        width: 1.5,
        points: { show: false },
        value: (plot, n) => (n === null ? '' : value(n))
      }))
    ]
  };
}

/* Made once: it lives as long as the page, through every login. */
export class Plots {
  constructor() {
    this.plots = [];
    byId('no-plots').hidden = Boolean(window.uPlot);
    if (!window.uPlot) return;
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.begin(this.history));
    new ResizeObserver(() => this.resize()).observe(byId('plot-sessions'));
  }

  data({ series }) {
    return [this.history.series.time, ...series.map(([name]) => this.history.series[name])];
  }

  /* Draw `history` from now on, in the colours that the reader has now. */
  begin(history) {
    this.history = history;
    if (!window.uPlot || !history) return;
    for (const { plot } of this.plots) plot.destroy();
    this.plots = PLOTS.map((of) => {
      const element = byId(of.id);
      const plot = new window.uPlot(options(of, element.clientWidth || 300), this.data(of), element);
      /* a table for its looks only */
      plot.root.querySelector('.u-legend').setAttribute('role', 'presentation');
      return { of, element, plot };
    });
  }

  resize() {
    for (const { element, plot } of this.plots) {
      if (element.clientWidth > 0 && element.clientWidth !== plot.width) {
        plot.setSize({ width: element.clientWidth, height: HEIGHT });
      }
    }
  }

  draw() {
    for (const { of, plot } of this.plots) {
      plot.setData(this.data(of));
      /* the newest values, unless the reader points at others */
      if (plot.cursor.left < 0) plot.setLegend({ idx: plot.data[0].length - 1 }, false);
    }
  }
}

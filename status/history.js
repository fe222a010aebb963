/* history: what a second's figures mean compared with those before. */

const POINTS = 300; /* five minutes, if they come once a second */

export class History {
  constructor() {
    this.begin();
  }

  begin() {
    this.last = null;
    /* for uPlot: one array for each series, all of one length; null: not known */
    this.series = { time: [], sessions: [], in: [], out: [], bytesIn: [], bytesOut: [], queue: [], hook: [] };
  }

  /* Add figures.  Return what the counters of these and the ones before say, or null: rates a second,
   * and `hookMs`, how long a request to the hook took on average; `of`: {pid: {in, out}}. */
  add(figures) {
    /* behind a balancer another node may have answered */
    if (this.last && this.last.node !== figures.node) this.begin();
    const rates = this.rates(figures);
    const now = {
      time: figures.time / 1000,
      sessions: Object.values(figures.sessions).reduce((a, b) => a + b, 0) - figures.viewers,
      in: rates && rates.in,
      out: rates && rates.out,
      bytesIn: rates && rates.bytesIn,
      bytesOut: rates && rates.bytesOut,
      queue: figures.hook ? figures.hook.events : null,
      hook: rates && rates.hookMs
    };
    const { time } = this.series;
    /* the clock was set back, or an answer came late */
    if (time.length && now.time <= time[time.length - 1]) return rates;
    for (const [name, values] of Object.entries(this.series)) {
      values.push(now[name]);
      if (values.length > POINTS) values.shift();
    }
    this.last = figures;
    return rates;
  }

  rates(figures) {
    const { last } = this;
    const seconds = last ? (figures.time - last.time) / 1000 : 0;
    if (seconds <= 0) return null;
    const grown = (name) => Math.max(0, figures.counters[name] - last.counters[name]);
    const rate = (name) => grown(name) / seconds;
    const of = {};
    for (const now of figures.processes) {
      /* a process begins to count anew */
      const was = last.processes.find(({ slot, pid }) => slot === now.slot && pid === now.pid);
      if (was) of[now.pid] = { in: (now.received - was.received) / seconds, out: (now.sent - was.sent) / seconds };
    }
    return {
      in: rate('in'), out: rate('out'), bytesIn: rate('bytes_in'), bytesOut: rate('bytes_out'),
      handshakes: rate('handshakes'), refused: rate('refused'), commits: rate('commits'),
      lockWaits: rate('lock_waits'),
      hookMs: grown('hook_requests') ? grown('hook_us') / grown('hook_requests') / 1000 : null,
      of
    };
  }
}

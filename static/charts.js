/* Charts: every line chart of the pages, by uPlot. The server names the chart in data-attributes,
   the columns come as float64, the colours from the stylesheet. */
(() => {
  'use strict';
  const root = document.documentElement;
  const DAY_S = 86400;
  const POINTS = 4000;       // asked for at first; a deep zoom fetches every bar once
  const FINE_BELOW = 900;    // visible points under which the full columns are worth fetching
  const AXIS_PX = 72;        // of the gutter at right; wider where a threshold's text needs it
  const SERIES_INKS = ['--ink', '--s-teal', '--s-violet', '--s-sand', '--s-lime'];
  const MINUS = '\u2212';

  /* ---- colours, numbers, times ---------------------------------------------------------- */

  const probe = document.createElement('i');
  probe.className = 'vh';
  probe.setAttribute('aria-hidden', 'true');

  /* the computed colour of a token, thinned: canvas knows no var() and no light-dark() */
  const paint = (token, share = 1) => {
    if (!probe.isConnected) document.body.append(probe);
    probe.style.color = `color-mix(in srgb, var(${token}) ${share * 100}%, transparent)`;
    return getComputedStyle(probe).color;
  };

  const signed = (value, decimals = 0) => {
    const text = Math.abs(value).toFixed(decimals).replace(/\B(?=(\d{3})+(?!\d))/g, ',');
    if (Number(text.replaceAll(',', '')) === 0) return text;
    return (value > 0 ? '+' : MINUS) + text;
  };
  const plain = (value, decimals = 0) => {
    const text = Math.abs(value).toFixed(decimals);
    const [whole, part] = text.split('.');
    const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ',');
    return (value < 0 && Number(text) !== 0 ? MINUS : '') + grouped + (part ? '.' + part : '');
  };
  /* as many decimals as keep neighbouring ticks apart */
  const decimalsOf = step => {
    let decimals = 0;
    while (decimals < 6 && Math.abs(step * 10 ** decimals - Math.round(step * 10 ** decimals)) > 1e-6 * step * 10 ** decimals) decimals++;
    return decimals;
  };

  const zone = () => document.body.dataset.zone || 'Asia/Seoul';
  const clocks = new Map();
  const parts = seconds => {
    const name = zone();
    if (!clocks.has(name)) {
      clocks.set(name, new Intl.DateTimeFormat('en-GB', {
        timeZone: name, hourCycle: 'h23', year: 'numeric', month: '2-digit', day: '2-digit',
        hour: '2-digit', minute: '2-digit',
      }));
    }
    const found = {};
    for (const part of clocks.get(name).formatToParts(seconds * 1000)) found[part.type] = part.value;
    return found;
  };
  const moment = seconds => {
    const p = parts(seconds);
    return `${p.year}-${p.month}-${p.day} ${p.hour}:${p.minute}`;
  };
  const timeTicks = (u, splits, axis, space, step) => splits.map(seconds => {
    // a text that would start left of the plot is cut by the canvas
    if (seconds === null || u.valToPos(seconds, 'x') < 8) return '';
    const p = parts(seconds);
    if (step >= 360 * DAY_S) return p.year;
    if (step >= 27 * DAY_S) return p.month === '01' ? p.year : `${p.month}-${p.day}`;
    if (step >= DAY_S || (p.hour === '00' && p.minute === '00')) return `${p.month}-${p.day}`;
    return `${p.hour}:${p.minute}`;
  });

  /* ---- columns --------------------------------------------------------------------------- */

  const fetched = new Map();
  const columns = (address, count) => {
    if (!fetched.has(address)) {
      const waiting = fetch(address, {
        headers: {Accept: 'application/octet-stream'}, credentials: 'same-origin',
      }).then(answer => {
        if (!answer.ok) throw new Error(`${answer.status} ${address}`);
        return answer.arrayBuffer();
      }).then(bytes => {
        const flat = new Float64Array(bytes);
        const rows = flat.length / count;
        return Array.from({length: count}, (_, i) => flat.subarray(i * rows, (i + 1) * rows));
      });
      waiting.catch(() => fetched.delete(address));
      fetched.set(address, waiting);
    }
    return fetched.get(address);
  };
  const holes = column => column.some(Number.isNaN)
    ? Array.from(column, value => (Number.isNaN(value) ? null : value)) : column;

  /* ---- what is drawn over the lines ------------------------------------------------------ */

  const MONO = '"JB Mono", Inter, "Kimp Hangul", monospace';
  const pen = (u, draw) => {
    const {ctx} = u;
    ctx.save();
    ctx.textAlign = 'left';
    ctx.textBaseline = 'middle';
    draw(ctx, u.bbox, devicePixelRatio);
    ctx.restore();
  };
  /* a label in the axis gutter: outlined for a threshold, filled for the newest value */
  const boxed = (ctx, r, x, label, back) => {
    const y = label.at - 7 * r;
    ctx.font = `${11 * r}px ${MONO}`;
    const width = ctx.measureText(label.text).width + 6 * r;
    ctx.setLineDash([]);
    ctx.fillStyle = back;
    ctx.fillRect(x, y, Math.max(width, (AXIS_PX - 2) * r), 14 * r);
    ctx.fillStyle = ctx.strokeStyle = label.ink;
    if (label.filled) ctx.fillRect(x, y, width, 14 * r);
    else ctx.strokeRect(x, y, width, 14 * r);
    ctx.fillStyle = label.filled ? back : label.ink;
    ctx.fillText(label.text, x + 3 * r, label.at + .5 * r);
  };
  /* labels of the right axis keep 15 px apart: pushed down, then back up from the floor */
  const apart = (labels, bottom, gap) => {
    labels.sort((a, b) => a.at - b.at);
    labels.forEach((label, i) => { if (i && label.at < labels[i - 1].at + gap) label.at = labels[i - 1].at + gap; });
    for (let i = labels.length - 1, floor = bottom; i >= 0; i--, floor -= gap) labels[i].at = Math.min(labels[i].at, floor);
    return labels;
  };

  /* thresholds: a dashed line and its boxed label in the axis gutter; newest values as tags */
  const gutter = (lines, tags = []) => u => pen(u, (ctx, box, r) => {
    const labels = [];
    for (const line of lines) {
      const y = Math.round(u.valToPos(line.value, 'y', true)) + .5;
      if (y < box.top || y > box.top + box.height) continue;
      ctx.strokeStyle = line.ink;
      ctx.lineWidth = r;
      ctx.setLineDash(line.solid ? [] : [3 * r, 3 * r]);
      ctx.beginPath();
      ctx.moveTo(box.left, y);
      ctx.lineTo(box.left + box.width, y);
      ctx.stroke();
      if (line.text) labels.push({at: y, text: line.text, ink: line.ink});
    }
    for (const tag of tags) {
      const last = lastOf(u, tag.series);
      const at = last === null ? -1 : u.valToPos(last, 'y', true);
      if (at >= box.top && at <= box.top + box.height) labels.push({at, text: tag.text(last), ink: tag.ink, filled: true});
    }
    const back = paint('--panel');
    const x = box.left + box.width + 1.5 * r;
    ctx.lineWidth = r;
    for (const label of apart(labels, box.top + box.height + 6 * r, 15 * r)) boxed(ctx, r, x, label, back);
  });

  /* every holding as a bar along the foot of the plot, from entry to exit, coloured by result */
  const ribbon = (held, won, lost) => u => pen(u, (ctx, box, r) => {
    const [from, to, pnl] = held;
    const {min, max} = u.scales.x;
    const y = box.top + box.height - 9 * r;
    for (let i = 0; i < from.length; i++) {
      if (to[i] < min || from[i] > max) continue;
      const x0 = Math.max(box.left, u.valToPos(from[i], 'x', true));
      const x1 = Math.min(box.left + box.width, u.valToPos(to[i], 'x', true));
      ctx.fillStyle = pnl[i] > 0 ? won : lost;
      ctx.fillRect(x0, y, Math.max(r, x1 - x0 - r * .5), 7 * r);
    }
  });
  /* entries as triangles that point the way the premium is expected to go, exits as rings */
  const marks = (held, ink, back) => u => pen(u, (ctx, box, r) => {
    const [from, to, , entry, exit, side] = held;
    const {min, max} = u.scales.x;
    let shown = 0;
    for (let i = 0; i < from.length; i++) if (from[i] <= max && to[i] >= min) shown++;
    const size = (shown > 250 ? 1.6 : shown > 60 ? 2.6 : 4) * r;
    ctx.strokeStyle = ink;
    ctx.lineWidth = r;
    for (let i = 0; i < from.length; i++) {
      if (from[i] >= min && from[i] <= max) {
        const x = u.valToPos(from[i], 'x', true), y = u.valToPos(entry[i], 'y', true) - side[i] * 2 * size;
        ctx.fillStyle = ink;
        ctx.beginPath();
        ctx.moveTo(x - size, y - side[i] * size);
        ctx.lineTo(x + size, y - side[i] * size);
        ctx.lineTo(x, y + side[i] * size);
        ctx.fill();
      }
      if (to[i] >= min && to[i] <= max && shown <= 250) {
        ctx.fillStyle = back;
        ctx.beginPath();
        ctx.arc(u.valToPos(to[i], 'x', true), u.valToPos(exit[i], 'y', true), size * .8, 0, 7);
        ctx.fill();
        ctx.stroke();
      }
    }
  });

  /* ---- the charts ------------------------------------------------------------------------ */

  /* a tick's text gives way to a label that would cover it; `taken` are the labelled values */
  const valueAxis = (size, write, space, taken = () => []) => ({
    side: 1, size, space, stroke: paint('--ink-3'), font: `11px ${MONO}`, gap: 4,
    ticks: {show: false}, grid: {stroke: paint('--rule'), width: 1},
    values: (u, splits, axis, space, step) => {
      const labelled = taken(u).map(value => u.valToPos(value, 'y'));
      return splits.map(value => {
        const at = u.valToPos(value, 'y');
        return labelled.some(other => Math.abs(other - at) < 13) ? '' : write(value, step);
      });
    },
  });
  const timeAxis = show => ({
    show, size: 20, space: 74, values: timeTicks, stroke: paint('--ink-3'), font: `11px ${MONO}`,
    gap: 4, ticks: {show: false}, grid: {show: false},
  });
  /* the newest value in view */
  const lastOf = (u, series) => {
    const column = u.data[series];
    for (let i = u.series[0].idxs?.[1] ?? column.length - 1; i >= 0; i--) if (column[i] !== null && column[i] !== undefined) return column[i];
    return null;
  };
  const number = text => plain(Number(text), decimalsOf(Math.abs(Number(text)) || 1));
  const thresholds = box => box.dataset.sides.split(' ').flatMap(side => [
    {value: side * box.dataset.entry, text: `${box.dataset.enter} ${number(side * box.dataset.entry)}`, strong: true},
    {value: side * box.dataset.exit, text: `${box.dataset.leave} ${number(side * box.dataset.exit)}`, strong: false},
  ]);
  const gutterOf = group => {
    const box = group.querySelector('[data-chart=signal]');
    if (!box) return AXIS_PX;
    const {ctx} = gutterOf.canvas ??= {ctx: document.createElement('canvas').getContext('2d')};
    ctx.font = `11px ${MONO}`;
    return Math.max(AXIS_PX, ...thresholds(box).map(line => Math.ceil(ctx.measureText(line.text).width) + 10));
  };
  const zeroLine = () => ({value: 0, ink: paint('--rule-2'), solid: true});
  const padded = share => (u, low, high) => {
    const room = Math.max((high - low) * share, Math.abs(high) * 1e-6, 1e-9);
    return [low - room, high + room];
  };

  const CHARTS = {
    equity: (box, table) => {
      const unit = Number(box.dataset.divisor), start = Number(box.dataset.initial);
      const ticks = (v, step) => plain(v / unit, decimalsOf(step / unit));
      const tagText = v => plain(v / unit, Math.abs(v / unit) < 1000 ? 2 : 0);
      const band = table.band ? [table.band[1], table.band[0]] : [];
      return {
        data: [table.time, table.equity, ...band],
        opts: {
          series: [{}, {stroke: paint('--ink'), width: 1.4}, ...band.map(() => ({width: 0, points: {show: false}}))],
          bands: band.length ? [{series: [2, 3], fill: paint('--ink-3', .14)}] : [],
          scales: {y: {range: padded(.06)}},
          axes: [timeAxis(false), valueAxis(table.gutter, ticks, 34, u => [lastOf(u, 1)])],
          hooks: {draw: [gutter([{value: start, ink: paint('--rule-2'), solid: true}], [{series: 1, text: tagText, ink: paint('--ink')}])]},
        },
      };
    },
    drawdown: (box, table) => {
      const worst = Number(box.dataset.worst);
      const ticks = (v, step) => signed(v, decimalsOf(step));
      return {
        data: [table.time, table.drawdown],
        opts: {
          series: [{}, {stroke: paint('--down'), width: 1, fill: paint('--down', .16), fillTo: 0}],
          scales: {y: {range: () => [-Math.max(worst * 1.2, 1e-4), 0]}},
          axes: [timeAxis(box.dataset.clock === '1'), valueAxis(table.gutter, ticks, 24, () => [-worst])],
          hooks: {draw: [gutter(worst > 0 ? [{value: -worst, ink: paint('--ink-3'), text: signed(-worst, 2)}] : [])]},
        },
      };
    },
    signal: (box, table) => {
      const ticks = (v, step) => signed(v, decimalsOf(step));
      const lines = thresholds(box).map(line => ({...line, ink: line.strong ? paint('--ink', .8) : paint('--ink-3')}));
      const held = table.held;
      return {
        data: [table.time, table.premium],
        opts: {
          series: [{}, {stroke: paint('--s-teal', .9), width: 1}],
          scales: {y: {range: (u, low, high) => {
            const values = lines.map(line => line.value).concat(low ?? 0, high ?? 0);
            const floor = Math.min(...values), roof = Math.max(...values), room = Math.max(roof - floor, 1);
            return [floor - room * .14, roof + room * .05];
          }}},
          axes: [timeAxis(true), valueAxis(table.gutter, ticks, 30, () => lines.map(line => line.value))],
          hooks: {draw: [
            ...(held ? [ribbon(held, paint('--ink-3', .75), paint('--down')), marks(held, paint('--ink'), paint('--panel'))] : []),
            gutter([zeroLine(), ...lines]),
          ]},
        },
      };
    },
    overlay: (box, table) => {
      const ticks = (v, step) => plain(v, decimalsOf(step));
      const tags = table.inks.map((token, i) => ({series: i + 1, text: v => plain(v, 2), ink: paint(token)}));
      return {
        data: table.joined,
        opts: {
          series: [{}, ...table.inks.map((token, i) => ({stroke: paint(token), width: i ? 1.2 : 1.5, spanGaps: true}))],
          scales: {y: {range: padded(.06)}},
          axes: [timeAxis(true), valueAxis(table.gutter, ticks, 34, u => tags.map(tag => lastOf(u, tag.series)))],
          hooks: {draw: [gutter([{value: 100, ink: paint('--rule-2'), solid: true}], tags)]},
        },
      };
    },
  };

  /* the premium on its bases, as far back as somebody remembers it; `tick` adds the newest point */
  const PREMIUM = [['kimchi', '--s-violet', 1], ['usdt', '--s-sand', 1], ['usdlike', '--s-teal', 1], ['realizable', '--ink', 1.6]];
  CHARTS.premium = (box, table) => {
    const ticks = (v, step) => signed(v, decimalsOf(step));
    const tags = PREMIUM.map(([, token], i) => ({series: i + 1, text: v => signed(v, 1), ink: paint(token)}));
    return {
      data: table.premium,
      opts: {
        series: [{}, ...PREMIUM.map(([, token, width]) => ({stroke: paint(token), width, points: {show: false}}))],
        scales: {y: {range: (u, low, high) => {
          const floor = Math.min(low ?? 0, 0), roof = Math.max(high ?? 0, 0), room = Math.max((roof - floor) * .08, 2);
          return [floor - room, roof + room];
        }}},
        axes: [timeAxis(true), valueAxis(table.gutter, ticks, 30, u => tags.map(tag => lastOf(u, tag.series) ?? 0))],
        hooks: {draw: [gutter([zeroLine()], tags)]},
      },
    };
  };

  /* ---- loading: one group of stacked charts shares its columns, crosshair and zoom -------- */

  const load = {
    async premium(group) {
      const hours = group.querySelector('[data-hours][aria-pressed=true]')?.dataset.hours ?? 6;
      const address = `${group.dataset.series}${group.dataset.series.includes('?') ? '&' : '?'}hours=${hours}`;
      fetched.delete(address);
      const [time, ...rest] = await columns(address, PREMIUM.length + 1);
      return {premium: [Array.from(time), ...rest.map(column => Array.from(column, value => (Number.isNaN(value) ? null : value)))]};
    },
    async result(group, every) {
      const address = group.dataset.equity + (every ? '' : `?points=${POINTS}`);
      const [time, equity, drawdown, premium] = await columns(address, 4);
      const table = {time, equity, drawdown: drawdown.map(v => -v), premium: holes(premium)};
      if (group.dataset.marks) table.held = await columns(group.dataset.marks, 6);
      if (group.dataset.band) table.band = bandOver(time, await columns(group.dataset.band, 3));
      return table;
    },
    async compare(group) {
      const keys = [...group.querySelectorAll('[data-equity]')];
      const tables = await Promise.all(keys.map(async key => {
        const [time, equity] = await columns(`${key.dataset.equity}?points=${POINTS}`, 4);
        const start = Number(key.dataset.initial);
        return [Array.from(time), Array.from(equity, v => v / start * 100)];
      }));
      return {joined: uPlot.join(tables), inks: keys.map((_, i) => SERIES_INKS[i])};
    },
  };
  /* the band is known at the exits only and stands until the next one */
  const bandOver = (time, [at, low, high]) => {
    const p5 = new Float64Array(time.length), p95 = new Float64Array(time.length);
    for (let i = 0, k = 0; i < time.length; i++) {
      while (k + 1 < at.length && at[k + 1] <= time[i]) k++;
      p5[i] = low[k];
      p95[i] = high[k];
    }
    return [p5, p95];
  };

  const groups = new Map();
  let serial = 0;

  const READ = {
    equity: (box, v) => plain(v, 0),
    drawdown: (box, v) => `${signed(v, 2)} %`,
    signal: (box, v) => `${signed(v, 1)} bps`,
    overlay: (box, v) => plain(v, 2),
    premium: (box, v) => signed(v, 1),
  };
  const readout = (state, u, box) => {
    const at = u.cursor.idx;
    const out = box.closest('.p')?.querySelector('[data-readout]');
    if (!out) return;
    if (at === null || at === undefined) { out.textContent = ''; return; }
    const texts = [moment(u.data[0][at])];
    for (const chart of state.charts) {
      if (chart.box.closest('.p') !== box.closest('.p')) continue;
      const values = chart.u.data.slice(1, ['overlay', 'premium'].includes(chart.box.dataset.chart) ? undefined : 2);
      for (const column of values) {
        const v = column[at];
        if (v !== null && v !== undefined) texts.push(READ[chart.box.dataset.chart](chart.box, v));
      }
    }
    out.textContent = texts.join(' · ');
  };

  const draw = state => {
    for (const chart of state.charts.splice(0)) chart.u.destroy();
    const kept = state.window;
    state.table.gutter = gutterOf(state.group);
    for (const box of state.group.querySelectorAll('[data-chart]')) {
      const {data, opts} = CHARTS[box.dataset.chart](box, state.table);
      box.textContent = '';
      const scales = {x: {time: true}, ...opts.scales};
      const u = new uPlot({
        width: box.clientWidth, height: Number(box.dataset.height), padding: [6, 0, 0, 10],
        legend: {show: false}, tzDate: seconds => uPlot.tzDate(new Date(seconds * 1000), zone()),
        cursor: {points: {size: 5}, drag: {x: true, y: false}, sync: {key: state.key, setSeries: false}},
        ...opts, scales,
        hooks: {...opts.hooks,
          setCursor: [v => readout(state, v, box)],
          setScale: [(v, scale) => { if (scale === 'x') zoomed(state, v); }],
        },
      }, data, box);
      state.charts.push({u, box});
    }
    state.group.dataset.drawn = '1';
    if (kept) for (const {u} of state.charts) u.setScale('x', kept);
  };

  const zoomed = (state, u) => {
    const {min, max} = u.scales.x, time = u.data[0];
    const whole = min <= time[0] && max >= time[time.length - 1];
    state.window = whole ? null : {min, max};
    for (const button of state.group.querySelectorAll('[data-days]')) {
      const days = Number(button.dataset.days);
      const same = days ? Math.abs(max - min - days * DAY_S) < 1 && max >= time[time.length - 1] : whole;
      button.setAttribute('aria-pressed', String(same));
    }
    if (whole || state.every || !state.group.dataset.equity || time.length < POINTS / 2) return;
    const [first, last] = u.series[0].idxs ?? [0, time.length];
    if (last - first > FINE_BELOW) return;
    state.every = true;
    load.result(state.group, true).then(table => { state.table = table; draw(state); }, () => { state.every = false; });
  };

  const refuse = (group, reason) => {
    for (const box of group.querySelectorAll('[data-chart]')) box.textContent = group.dataset.failed || String(reason);
  };
  const start = async group => {
    if (groups.has(group)) return;
    const state = {group, charts: [], table: null, window: null, every: false, key: `charts-${++serial}`};
    groups.set(group, state);
    try {
      state.table = await load[group.dataset.charts](group, false);
      draw(state);
    } catch (reason) {
      // the group stays known: what this writes would otherwise set off the next try
      refuse(group, reason);
    }
  };

  const sweep = () => {
    for (const [group, state] of groups) {
      if (group.isConnected) continue;
      for (const {u} of state.charts) u.destroy();
      groups.delete(group);
    }
    for (const group of document.querySelectorAll('[data-charts]')) start(group);
  };
  const redraw = () => { for (const state of groups.values()) if (state.table) draw(state); };

  document.addEventListener('click', event => {
    const button = event.target.closest('[data-days]');
    const state = button && groups.get(button.closest('[data-charts]'));
    if (!state) return;
    const days = Number(button.dataset.days);
    for (const {u} of state.charts) {
      const time = u.data[0], max = time[time.length - 1];
      u.setScale('x', {min: days ? Math.max(time[0], max - days * DAY_S) : time[0], max});
    }
  });

  document.addEventListener('click', async event => {
    const button = event.target.closest('[data-hours]');
    const state = button && groups.get(button.closest('[data-charts]'));
    if (!state) return;
    for (const other of state.group.querySelectorAll('[data-hours]')) other.setAttribute('aria-pressed', String(other === button));
    state.window = null;
    try {
      state.table = await load.premium(state.group);
      draw(state);
    } catch (reason) { refuse(state.group, reason); }
  });
  document.addEventListener('tick', event => {
    const point = JSON.parse(event.detail?.data ?? 'null');
    if (!point?.time || root.classList.contains('frozen')) return;
    for (const state of groups.values()) {
      const held = state.table?.premium;
      if (!held || (held[0].length && point.time <= held[0][held[0].length - 1])) continue;
      held[0].push(point.time);
      PREMIUM.forEach(([name], i) => held[i + 1].push(point[name] ?? null));
      for (const {u} of state.charts) u.setData(held, state.window === null);
    }
  });

  /* a chart of a chosen route is told its newest point as a region of the page */
  let told = '';
  document.addEventListener('htmx:after:swap', () => {
    const point = document.querySelector('#newest [data-point]')?.dataset.point ?? '';
    if (!point || point === told) return;
    told = point;
    document.dispatchEvent(new CustomEvent('tick', {detail: {data: point}}));
  });

  const begin = async () => {
    // text on canvas does not wait for fonts by itself
    await Promise.all(['500 12px "JB Mono"', '500 12px Inter'].map(font => document.fonts.load(font)));
    if (root.lang === 'ko') await document.fonts.load('500 12px "Kimp Hangul"', '가');
    sweep();
    new MutationObserver(sweep).observe(document.body, {childList: true, subtree: true});
    new MutationObserver(redraw).observe(root, {attributeFilter: ['data-theme', 'data-updown']});
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
    let width = innerWidth;
    addEventListener('resize', () => {
      if (innerWidth === width) return;
      width = innerWidth;
      for (const {charts} of groups.values()) for (const {u, box} of charts) u.setSize({width: box.clientWidth, height: Number(box.dataset.height)});
    });
  };
  if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', begin); else begin();
})();

"use strict";
// The page: reads the data beside it, draws what was chosen, and draws again when the choice or the width changes.
// Text from data enters by textContent alone. Null is a day nobody reported and is never drawn as zero.
(() => {
  const D = JSON.parse(document.getElementById("data").textContent);
  const main = document.getElementById("main");
  const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  const WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
  const SVG = "http://www.w3.org/2000/svg";

  // ------------------------------------------------------------------------------------- elements

  function set(node, attributes, children) {
    for (const [name, value] of Object.entries(attributes || {})) {
      if (value === true) node.setAttribute(name, "");
      else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
    }
    for (const child of children.flat()) {
      if (child !== null && child !== undefined) node.append(child.nodeType ? child : document.createTextNode(String(child)));
    }
    return node;
  }
  const el = (tag, attributes, ...children) => set(document.createElement(tag), attributes, children);
  const draw = (tag, attributes, ...children) => set(document.createElementNS(SVG, tag), attributes, children);

  // ------------------------------------------------------------------------------------- numbers and dates

  const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
  const fine = new Intl.NumberFormat("en", { maximumFractionDigits: 1, minimumFractionDigits: 1 });
  const money = new Intl.NumberFormat("en", { style: "currency", currency: "USD" });
  const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
  const ruler = document.createElement("canvas").getContext("2d");
  const widthOf = (text, weight) => {
    ruler.font = `${weight} 12px ${getComputedStyle(document.body).fontFamily}`;
    return ruler.measureText(text).width;
  };
  const isEnterprise = (scope) => scope.startsWith("enterprise.");
  const known = (value) => value !== null && value !== undefined;
  const count = (value) => (known(value) ? whole.format(value) : "no data");
  const amount = (value) => (known(value) ? (Math.abs(value) < 100 && value % 1 ? fine : whole).format(value) : "no data");
  const percent = (value) => (known(value) ? `${fine.format(value * 100)}%` : "no data");
  const people = (value) => `${count(value)} ${value === 1 ? "person" : "people"}`;
  const ratio = (part, of) => (known(part) && of ? part / of : null);
  const outOf = (part, of) => (known(part) && known(of) ? `${amount(part)} of ${amount(of)}` : "no data");
  const total = (values) => values.reduce((sum, value) => (known(value) ? (sum || 0) + value : sum), null);

  const utc = (text) => new Date(`${text}T00:00:00Z`);
  const plus = (date, days) => new Date(date.getTime() + days * 864e5);
  const iso = (date) => date.toISOString().slice(0, 10);
  const long = (date) => `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]} ${date.getUTCFullYear()}`;
  const brief = (date) => `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]}`;
  const weekday = (date) => (date.getUTCDay() + 6) % 7;
  const FIRST = D.first_day ? utc(D.first_day) : null;
  const WEEK = D.first_week ? utc(D.first_week) : null;
  const dateOf = (day) => plus(FIRST, day);
  const weekOf = (week) => plus(WEEK, 7 * week);
  const dayIndex = (date) => Math.round((date - FIRST) / 864e5);

  // ------------------------------------------------------------------------------------- what is chosen

  const chosen = { scope: D.scopes[0], from: 0, to: D.days - 1, toDate: false };
  const PERIODS = [[28, "4 weeks"], [91, "13 weeks"], [182, "26 weeks"], [364, "52 weeks"]].filter(([days]) => days < D.days);
  PERIODS.push([D.days, "All"]);

  function choosePeriod(days) {
    chosen.from = Math.max(0, D.days - days);
    chosen.to = D.days - 1;
  }

  function recall() {
    const wish = new URLSearchParams(location.hash.slice(1));
    if (D.scopes.includes(wish.get("scope"))) chosen.scope = wish.get("scope");
    choosePeriod(91);
    const [from, to] = ["from", "to"].map((name) => (/^\d{4}-\d\d-\d\d$/.test(wish.get(name)) ? dayIndex(utc(wish.get(name))) : NaN));
    if (from >= 0 && to < D.days && from <= to) Object.assign(chosen, { from, to });
  }

  function remember() {
    const wish = new URLSearchParams({ scope: chosen.scope, from: iso(dateOf(chosen.from)), to: iso(dateOf(chosen.to)) });
    try { history.replaceState(null, "", `#${wish}`); } catch { /* some viewers of local files forbid it */ }
  }

  // ------------------------------------------------------------------------------------- series

  const has = (...names) => names.every((name) => D.series[name] || D.rows[name]);
  const nothing = [];
  // A language may be called `constructor`: only what an object has of its own counts.
  const own = (object, key) => (object && Object.hasOwn(object, key) ? object[key] : undefined);
  const column = (name, field, key = "", scope = chosen.scope) => own(own(own(D.series[name]?.scopes, scope), key), field) || nothing;
  const keys = (name, scope = chosen.scope) => Object.keys(own(D.series[name]?.scopes, scope) || {});
  const label = (name, key) => own(D.series[name].labels, key) || key || "(no name)";
  const rows = (name) => own(D.rows[name]?.scopes, chosen.scope) || [];
  const pick = (values, from, to) => Array.from({ length: to - from + 1 }, (_, n) => values[from + n] ?? null);
  const days = (name, field, key) => pick(column(name, field, key), chosen.from, chosen.to);

  // A row that is not there is zero only where its day was reported and its key had been reported before.
  function filled(name, field, key, present, from, to) {
    const values = column(name, field, key);
    const everywhere = D.scopes.map((scope) => column(name, field, key, scope).findIndex(known)).filter((at) => at >= 0);
    const begun = Math.min(...everywhere);
    return Array.from({ length: to - from + 1 }, (_, n) => values[from + n] ?? (present(from + n) && from + n >= begun ? 0 : null));
  }
  const reported = (day) => known(column("adoption", "daily_active_users")[day]);

  // The day that single numbers speak of: the last in the period of which every organization is loaded, if any is.
  function asOf() {
    const active = column("adoption", "daily_active_users");
    const covered = column("adoption", "is_covered");
    for (let day = chosen.to; day >= chosen.from; day--) if (covered[day] && known(active[day])) return day;
    for (let day = chosen.to; day >= chosen.from; day--) if (known(active[day])) return day;
    return null;
  }
  const provisional = (day) => Boolean(column("adoption", "is_provisional")[day]);

  // Weeks that lie at least partly in the period.
  function weeks() {
    const from = Math.max(0, Math.floor((dateOf(chosen.from) - WEEK) / (7 * 864e5)));
    const to = Math.min(D.weeks - 1, Math.floor((dateOf(chosen.to) - WEEK) / (7 * 864e5)));
    return { from, to };
  }

  // Changes of meaning in the period that touch what a chart shows; of those that touch all, only breaks of the series.
  function changes(...subjects) {
    return D.changes
      .map(([day, affects, text, kind]) => ({ date: utc(day), affects, text, kind }))
      .filter((each) => each.date > dateOf(chosen.from) && each.date <= dateOf(chosen.to))
      .filter((each) => subjects.includes(each.affects) && (each.affects !== "all" || each.kind === "series_break"))
      .map((each, n) => ({ ...each, letter: String.fromCharCode(97 + (n % 26)) }));
  }

  // ------------------------------------------------------------------------------------- a panel and its table

  let numbered = 0;

  // The frame of a chart: what it is, what it says, what it counts, the chart itself, and its numbers as a table.
  function panel(wide, { title, finding, what, mart, body, table, empty, aside, pickable }) {
    const id = `panel-${++numbered}`;
    const frame = el("figure", { class: `panel ${wide}`, role: "group", "aria-labelledby": id, "aria-describedby": `${id}-what`, "data-panel": mart });
    frame.append(el("h3", { id }, title));
    if (!empty && finding) frame.append(el("p", { class: "finding" }, finding));
    frame.append(el("p", { class: "what", id: `${id}-what` }, what));
    if (empty) {
      frame.append(el("p", { class: "message" }, empty));
      return frame;
    }
    if (pickable) frame.append(pickable);
    if (aside) frame.append(el("p", { class: "message" }, aside));
    else frame.append(...body(title).flat().filter(Boolean));
    if (table) frame.append(numbers(title, mart, table));
    return frame;
  }

  // Made when it is opened: a year of days is long, and few look.
  function numbers(title, mart, { head, lines, note, source, meanings }) {
    const fold = el("details", { "aria-label": `Numbers: ${title}` }, el("summary", {}, "Table of the numbers"));
    fold.addEventListener("toggle", () => {
      if (fold.querySelector("table")) return;
      const box = el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": `Table: ${title}` });
      box.append(plainTable(head, lines(), el("caption", {}, "From ", el("code", {}, `marts.${source || mart}`), `, ${chosen.scope}.`, note ? ` ${note}` : "")));
      box.querySelectorAll("thead th").forEach((cell, at) => meanings?.[at] && cell.setAttribute("title", meanings[at]));
      fold.append(box);
    });
    return fold;
  }

  const numeric = (name) => name.startsWith("#");
  function plainTable(head, lines, caption) {
    return el("table", {},
      caption || null,
      el("thead", {}, el("tr", {}, head.map((name) => el("th", { scope: "col", class: numeric(name) ? "n" : null }, name.replace(/^#/, ""))))),
      el("tbody", {}, lines.map((line) => el("tr", {}, line.map((cell, at) =>
        at ? el("td", { class: numeric(head[at]) ? "n" : String(cell).length > 40 ? "text" : null }, cell ?? "no data") : el("th", { scope: "row" }, cell))))));
  }

  const byDay = (lines) => pick([], chosen.from, chosen.to).map((_, n) => lines(chosen.from + n, n)).reverse();

  // ------------------------------------------------------------------------------------- a chart along time

  // Round values from below the lowest (or zero) to above the highest.
  function steps(highest, lowest = 0) {
    const raw = (highest - lowest) / 4;
    const unit = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 2.5, 5, 10].map((n) => n * unit).find((each) => each >= raw) || unit;
    const first = Math.floor(lowest / step + 1e-9);
    return Array.from({ length: Math.ceil(highest / step - 1e-9) - first + 1 }, (_, n) => (first + n) * step);
  }

  function ticks(dates, room) {
    const few = Math.max(2, Math.floor(room / 68));
    const span = (dates[dates.length - 1] - dates[0]) / 864e5;
    let wanted = dates.map((date, at) => ({ date, at }));
    if (span > 75) wanted = wanted.filter(({ date, at }) => (at ? date.getUTCMonth() !== dates[at - 1].getUTCMonth() : date.getUTCDate() < 8));
    else if (span > 13 && dates.length > 12) wanted = wanted.filter(({ date }) => weekday(date) === 0);
    const every = Math.ceil(wanted.length / few);
    return wanted.filter((_, n) => n % every === 0).map(({ date, at }, n) => ({
      at,
      text: span > 75 ? MONTHS[date.getUTCMonth()] + (n === 0 || date.getUTCMonth() === 0 ? ` ${date.getUTCFullYear()}` : "") : brief(date),
    }));
  }

  // marks: bars, lines, dots, parts stacked upwards and bars that hang down, each an array along `dates`; `weak` says of
  // which values to be careful.
  function timeChart({ title, dates, marks, format, tip, keys: entries, breaks = [], fresh = () => false, top = 0, height = 236, ending = null, summary }) {
    const plot = el("div", { class: "plot", tabindex: 0, role: "group", "aria-roledescription": "chart", "aria-label": `${title}. Arrow keys read the values.` });
    const stacked = marks.filter((mark) => mark.kind === "stack");
    const sums = dates.map((_, at) => total(stacked.map((mark) => mark.values[at])));
    const highest = Math.max(top, ...marks.filter((mark) => !["stack", "down"].includes(mark.kind)).flatMap((mark) => mark.values.filter(known)), ...sums.filter(known), 0) || 1;
    const lowest = -Math.max(0, ...marks.filter((mark) => mark.kind === "down").flatMap((mark) => mark.values.filter(known)));
    const scale = steps(top || highest, lowest);
    const ceiling = top || scale[scale.length - 1];
    let place = null;

    function paint() {
      const width = Math.max(260, Math.round(plot.clientWidth || 600));
      const direct = width >= 430 ? marks.filter((mark) => mark.direct) : [];
      const right = width - (direct.length ? 10 + Math.max(...direct.map((mark) => widthOf(mark.direct, 600))) : 1);
      const left = 8 + Math.max(...scale.map((value) => widthOf(format(Math.abs(value)), 400)));
      const above = breaks.length ? 22 : 8;
      const floor = height - 24;
      const band = (right - left) / dates.length;
      const x = (at) => left + (at + 0.5) * band;
      const y = (value) => floor - ((value - scale[0]) / (ceiling - scale[0])) * (floor - above);
      const picture = draw("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": summary });
      const from = dates.findIndex((_, at) => fresh(at));
      if (from >= 0) picture.append(draw("rect", { class: "fresh", x: left + from * band, y: above, width: right - left - from * band, height: floor - above }));
      for (const value of scale.filter((each) => each <= ceiling)) {
        picture.append(draw("path", { class: value ? "grid" : "grid base", d: `M${left} ${Math.round(y(value))}H${right}` }),
          draw("text", { x: left - 7, y: y(value) + 4, "text-anchor": "end" }, format(Math.abs(value))));
      }
      for (const { at, text } of ticks(dates, right - left)) {
        const half = widthOf(text, 400) / 2;
        picture.append(draw("text", { x: Math.max(half, Math.min(right - half, x(at))), y: height - 6, "text-anchor": "middle" }, text));
      }
      const gap = band > 4 ? Math.min(3, band * 0.18) : 0;
      const box = (at, low, up) => `M${(left + at * band + gap / 2).toFixed(2)} ${y(up).toFixed(2)}h${(band - gap).toFixed(2)}V${y(low).toFixed(2)}h${(gap - band).toFixed(2)}z`;
      const below = dates.map(() => 0);
      for (const mark of marks) {
        const weak = (at) => Boolean(mark.weak && mark.weak(at));
        const group = draw("g", { class: mark.tone });
        if (["bars", "stack", "down"].includes(mark.kind)) {
          const parts = ["", ""];
          mark.values.forEach((value, at) => {
            if (!known(value)) return;
            const low = mark.kind === "stack" ? below[at] : 0;
            if (value) parts[weak(at) ? 1 : 0] += mark.kind === "down" ? box(at, -value, 0) : box(at, low, low + value);
            if (mark.kind === "stack") below[at] += value;
          });
          if (parts[0]) group.append(draw("path", { class: "fill", d: parts[0] }));
          if (parts[1]) group.append(draw("path", { class: "fill weak", d: parts[1] }));
        } else if (mark.kind === "dots") {
          const size = Math.max(1.2, Math.min(2.6, band / 3));
          mark.values.forEach((value, at) => known(value) && group.append(draw("circle", { class: "point", cx: x(at), cy: y(value), r: size })));
        } else {
          const parts = ["", ""];
          mark.values.forEach((value, at) => {
            if (!known(value)) return;
            const before = mark.values[at - 1];
            if (at && known(before) && !mark.starts?.(at)) parts[weak(at) || weak(at - 1) ? 1 : 0] += `M${x(at - 1).toFixed(1)} ${y(before).toFixed(1)}L${x(at).toFixed(1)} ${y(value).toFixed(1)}`;
            else if (!known(mark.values[at + 1]) || mark.starts?.(at + 1)) group.append(draw("circle", { class: "point", cx: x(at), cy: y(value), r: 3 }));
          });
          if (parts[0]) group.append(draw("path", { class: "line", d: parts[0] }));
          if (parts[1]) group.append(draw("path", { class: "line weak", d: parts[1] }));
        }
        picture.append(group);
      }
      for (const each of breaks) {
        const at = Math.max(0, dates.findLastIndex((date) => date <= each.date)); // in the middle of a week's bar, where it was
        const edge = left + (at + (dates.length > 1 ? Math.max(0, each.date - dates[at]) / (dates[1] - dates[0]) : 0)) * band;
        picture.append(draw("path", { class: "break", d: `M${edge} 14V${floor}` }), draw("text", { x: edge, y: 10, "text-anchor": "middle" }, each.letter));
      }
      const labels = direct
        .map((mark) => {
          const at = known(ending) && known(mark.values[ending]) ? ending : mark.values.findLastIndex(known);
          const middle = mark.kind === "stack" && at >= 0
            ? total(stacked.slice(0, stacked.indexOf(mark)).map((other) => other.values[at])) + mark.values[at] / 2
            : mark.values[at];
          return at < 0 ? null : { text: mark.direct, y: y(middle) + 4, tone: mark.tone };
        })
        .filter(Boolean)
        .sort((one, other) => one.y - other.y);
      labels.forEach((each, n) => { if (n) each.y = Math.max(each.y, labels[n - 1].y + 15); });
      for (let n = labels.length - 1, limit = floor + 4; n >= 0; n--, limit -= 15) labels[n].y = Math.min(labels[n].y, limit);
      for (const each of labels) picture.append(draw("text", { class: `direct ${each.tone === "s-accent" ? "" : "other"}`, x: right + 8, y: each.y }, each.text));
      const marker = draw("g", {});
      picture.append(marker);
      plot.querySelector("svg")?.remove();
      plot.prepend(picture);
      place = { band, left, right, x, y, above, floor, marker, width };
    }

    const bubble = el("div", { class: "tip", hidden: true });
    plot.append(bubble);
    let current = null;
    function show(at, aloud) {
      current = Math.max(0, Math.min(dates.length - 1, at));
      const { head, lines } = tip(current);
      bubble.replaceChildren(el("b", {}, head), el("dl", {}, lines.flatMap(([name, text]) => [el("dt", {}, name), el("dd", {}, text)])));
      bubble.hidden = false;
      place.marker.replaceChildren(draw("path", { class: "hover", d: `M${place.x(current)} ${place.above}V${place.floor}` }));
      for (const mark of marks) {
        if (mark.kind === "line" && known(mark.values[current])) {
          place.marker.append(draw("g", { class: mark.tone }, draw("circle", { class: "dot", cx: place.x(current), cy: place.y(mark.values[current]), r: 4 })));
        }
      }
      const left = place.x(current) + 14;
      const wide = bubble.offsetWidth;
      bubble.style.transform = `translate(${Math.max(0, left + wide > place.width ? Math.max(0, place.x(current) - wide - 14) : left)}px, ${place.above}px)`;
      if (aloud) say(`${head}: ${lines.map((line) => line.join(" ")).join(", ")}`);
    }
    function hide() {
      bubble.hidden = true;
      place?.marker.replaceChildren();
    }
    const point = (event) => {
      const at = event.clientX - plot.getBoundingClientRect().left;
      if (at > place.left - 8 && at < place.right + 8) show(Math.floor((at - place.left) / place.band));
      else hide();
    };
    plot.addEventListener("pointermove", point);
    plot.addEventListener("pointerdown", point);
    plot.addEventListener("pointerleave", hide);
    plot.addEventListener("blur", hide);
    plot.addEventListener("keydown", (event) => {
      const start = current ?? dates.length;
      const moves = { ArrowLeft: start - 1, ArrowRight: start + 1, Home: 0, End: dates.length - 1, PageUp: start - 7, PageDown: start + 7 };
      if (event.key === "Escape") hide();
      else if (event.key in moves) {
        event.preventDefault();
        show(moves[event.key], true);
      }
    });
    painters.push([plot, paint]);
    return [plot, legend(entries), notes(breaks)];
  }

  const notes = (breaks) => breaks.length
    ? el("ul", { class: "notes", "aria-label": "Changes of meaning" }, breaks.map((each) => el("li", {}, el("b", {}, each.letter), `${long(each.date)}: ${each.text}`)))
    : null;

  const remarks = (breaks) => (breaks.length
    ? el("ul", { class: "notes", "aria-label": "Changes of meaning" }, breaks.map((each) => el("li", {}, `Since ${long(each.date)}: ${each.text}`)))
    : null);

  function legend(entries) {
    return el("ul", { class: "keys" }, entries.map(([tone, name, kind]) => el("li", {}, draw("svg", { viewBox: "0 0 14 10", "aria-hidden": "true", class: tone },
      kind === "line" ? draw("path", { class: "line", d: "M0 5H14" })
        : kind === "weak" ? draw("path", { class: "line weak", d: "M0 5H14" })
          : kind === "dot" ? draw("circle", { class: "point", cx: 7, cy: 5, r: 3 })
            : kind === "hollow" ? draw("rect", { class: "fill weak", x: 1, y: 1, width: 11, height: 8 })
              : kind === "band" ? draw("rect", { class: "fresh", x: 0, y: 0, width: 14, height: 10 })
                : draw("rect", { class: "fill", width: 14, height: 10 })), name)));
  }

  const freshKey = () => (datesShown().some((_, n) => freshAt(n)) ? [["", "grey ground: provisional", "band"]] : []);
  const spark = (values) => {
    const shown = values.filter(known);
    if (shown.length < 2) return null;
    const top = Math.max(...shown) || 1;
    const step = 60 / (values.length - 1);
    let path = "";
    values.forEach((value, at) => {
      if (known(value)) path += `${known(values[at - 1]) ? "L" : "M"}${(at * step + 1).toFixed(1)} ${(15 - (value / top) * 13).toFixed(1)}`;
    });
    return draw("svg", { viewBox: "0 0 62 16", "aria-hidden": "true", class: "s-n2" }, draw("path", { class: "line", d: path, "vector-effect": "non-scaling-stroke" }));
  };

  // Names with a bar each; the bar is drawn for the eye, its share and counts are cells.
  // `length` is what a bar shows where that is not the share, `part` how much of it is dark.
  function rank(caption, lines, { unit, measure, trend, share = "Share" }) {
    const long = (line) => line.length ?? line.share ?? 0;
    const longest = Math.max(...lines.map(long), 1e-9);
    const bars = [];
    const body = el("table", { class: "rank" },
      el("caption", { class: "unseen" }, caption),
      el("thead", {}, el("tr", {}, el("th", { scope: "col" }, unit), el("td", { "aria-hidden": "true" }), el("th", { scope: "col", class: "n" }, share),
        el("th", { scope: "col", class: "n" }, measure), trend ? el("th", { scope: "col", class: "trend" }, trend) : null)),
      el("tbody", {}, lines.map((line) => {
        const bar = el("div", {}, known(line.part) ? el("i", {}) : null);
        bars.push([bar, line]);
        return el("tr", {}, el("th", { scope: "row" }, line.name), el("td", { class: `bar ${line.tone || ""} ${line.lit ? "lit" : ""}`, "aria-hidden": "true" }, bar),
          el("td", { class: "n" }, percent(line.share)), el("td", { class: "n" }, line.of), trend ? el("td", { class: "trend" }, spark(line.trend || []) || "") : null);
      })));
    for (const [bar, line] of bars) {
      bar.style.width = `${(long(line) / longest) * 100}%`;
      if (bar.firstChild) bar.firstChild.style.width = `${(ratio(line.part, line.length) ?? 0) * 100}%`;
    }
    return body;
  }

  // ------------------------------------------------------------------------------------- panels: who

  const period = () => `${long(dateOf(chosen.from))} to ${long(dateOf(chosen.to))}`;
  const NOT_LOADED = "Nothing is loaded for this scope in this period.";
  const anyDay = () => days("adoption", "daily_active_users").some(known);
  const datesShown = () => pick([], chosen.from, chosen.to).map((_, n) => dateOf(chosen.from + n));
  const freshAt = (n) => provisional(chosen.from + n);
  const dayHead = (n) => `${WEEKDAYS[weekday(dateOf(chosen.from + n))].slice(0, 3)} ${long(dateOf(chosen.from + n))}${freshAt(n) ? ", provisional" : ""}`;

  function activePanel(day) {
    const daily = days("adoption", "daily_active_users");
    const lines = [["monthly_active_users_28d", "28 days", "s-accent"], ["weekly_active_users_7d", "7 days", "s-a2"]];
    if (chosen.toDate) lines.push(["monthly_active_users_mtd", "month to date", "s-ink"], ["weekly_active_users_wtd", "week to date", "s-n2"]);
    const covered = { monthly_active_users_28d: ["days_covered_28d", 28], weekly_active_users_7d: ["days_covered_7d", 7] };
    const weak = (field) => (n) => field in covered && (column("adoption", covered[field][0])[chosen.from + n] ?? 0) < covered[field][1];
    const starts = { monthly_active_users_mtd: (n) => dateOf(chosen.from + n).getUTCDate() === 1, weekly_active_users_wtd: (n) => dateOf(chosen.from + n).getUTCDay() === 0 };
    const partial = (n) => !column("adoption", "is_covered")[chosen.from + n];
    const marks = [
      { kind: "bars", values: daily, tone: "s-n1", weak: partial },
      ...lines.map(([field, name, tone]) => {
        const values = days("adoption", field);
        return { kind: "line", field, name, values, tone, weak: weak(field), starts: starts[field], direct: `${name} ${count(column("adoption", field)[day])}` };
      }),
    ];
    const box = el("input", { type: "checkbox", id: "to-date" });
    box.checked = chosen.toDate;
    box.addEventListener("change", () => { chosen.toDate = box.checked; render("to-date"); });
    const at = (field) => column("adoption", field)[day];
    return panel("", {
      title: "Active people",
      finding: known(day) && `${people(at("daily_active_users"))} on ${brief(dateOf(day))}, ${count(at("weekly_active_users_7d"))} within 7 days, ${count(at("monthly_active_users_28d"))} within 28.`,
      what: "Counts distinct people with a row in GitHub's report: on the day, and in the trailing 7 and 28 days, which can never be added up.",
      mart: "adoption_daily",
      empty: !anyDay() && NOT_LOADED,
      pickable: el("label", { class: "pick" }, box, "Week and month to date, as GitHub's API counts"),
      body: (title) => [
        timeChart({
          title, marks, dates: datesShown(), format: short.format.bind(short), fresh: freshAt, breaks: changes("all", "active_users"), height: 290, ending: day - chosen.from,
          summary: `Active people by day, ${period()}. ${marks.slice(1).map((mark) => mark.direct).join(", ")} at the end.`,
          tip: (n) => ({ head: dayHead(n), lines: [
            ["on the day", daily[n] === null ? "no report" : count(daily[n]) + (partial(n) ? ", not all organizations" : "")],
            ...marks.slice(1).map((mark) => [mark.name, count(mark.values[n])]),
            ...(weak("monthly_active_users_28d")(n) ? [["days loaded of 28", count(column("adoption", "days_covered_28d")[chosen.from + n])]] : []),
          ] }),
          keys: [["s-n1", "on the day"], ...lines.map(([, name, tone]) => [tone, name, "line"]), ["s-accent", "dotted: days of the window are not loaded, so it may be too low", "weak"],
            ...(daily.some((value, n) => known(value) && partial(n)) ? [["s-n1", "pale: not every organization is loaded", "hollow"]] : []), ...freshKey()],
        }),
      ],
      table: {
        head: ["Day", "#On the day", "#7 days", "#28 days", "#Week to date", "#Month to date", "#Days loaded of 28", "Provisional"],
        lines: () => byDay((at) => [iso(dateOf(at)), ...["daily_active_users", "weekly_active_users_7d", "monthly_active_users_28d", "weekly_active_users_wtd",
          "monthly_active_users_mtd", "days_covered_28d"].map((field) => count(column("adoption", field)[at])), provisional(at) ? "yes" : "no"]),
      },
    });
  }

  const STATES = [["retained", "stayed", "s-n1"], ["resurrected", "came back", "s-a3"], ["new", "new", "s-accent"], ["churned", "left", "s-n2"]];

  // Until a whole week is loaded, everybody seems to be new.
  const firstWhole = () => Math.min(...STATES.map(([key]) => column("lifecycle", "is_complete", key).indexOf(1)).map((at) => (at < 0 ? Infinity : at)));

  function lifecyclePanel() {
    const { from, to } = weeks();
    const dates = Array.from({ length: to - from + 1 }, (_, n) => weekOf(from + n));
    const series = STATES.map(([key, name, tone]) => ({ key, name, tone, values: pick(column("lifecycle", "users", key), from, to) }));
    const complete = (n) => series.some((each) => column("lifecycle", "is_complete", each.key)[from + n]);
    const last = dates.findLastIndex((_, n) => complete(n));
    const whole = firstWhole();
    // And until a week is complete, those who have not come yet seem to have left.
    const shown = (values, left) => values.map((value, n) => (from + n > whole && (complete(n) || !left) ? value : null));
    const settled = to > whole;
    const stayed = series[0].values[last];
    const left = series[3].values[last];
    return panel("half", {
      title: "Who comes and who leaves",
      finding: last >= 0 && `${outOf(stayed, (stayed || 0) + (left || 0))} people of the week before were back in the week of ${brief(dates[last])}.`,
      what: "Counts people by ISO week: up, those never seen before and those back after a pause; down, those seen the week before only.",
      mart: "user_lifecycle_weekly",
      empty: !series.some((each) => each.values.some(known)) && "No week of this period is loaded.",
      aside: settled ? null : "Until a whole week is loaded everybody seems to be new, so nothing is drawn yet.",
      body: (title) => [
        timeChart({
          title, dates, format: short.format.bind(short), breaks: changes("all", "active_users"),
          marks: [2, 1, 3].map((at) => ({ ...series[at], values: shown(series[at].values, at === 3), kind: at === 3 ? "down" : "stack", weak: (n) => !complete(n) })),
          summary: `People by week and state, ${dates.length} weeks.`,
          tip: (n) => ({ head: `Week of ${long(dates[n])}${complete(n) ? "" : ", not complete"}`, lines: series.map((each) => [each.name, count(each.values[n])]) }),
          keys: [...[2, 1, 3].map((at) => [series[at].tone, series[at].name]), ["s-n2", "pale: week not complete, so nobody is told to have left", "hollow"]],
        }),
      ],
      table: {
        head: ["Week of", ...series.map((each) => `#${each.name}`), "Complete"],
        lines: () => dates.map((date, n) => [iso(date), ...series.map((each) => count(each.values[n])), complete(n) ? "yes" : "no"]).reverse(),
      },
    });
  }

  function retentionPanel() {
    const begun = has("lifecycle") && Number.isFinite(firstWhole()) ? iso(weekOf(firstWhole())) : "";
    const cells = rows("retention").map(([week, since, size, kept, first]) => ({ week, since, size, kept, first: first || week <= begun }));
    const inside = cells.filter((each) => utc(each.week) >= plus(dateOf(chosen.from), -6) && utc(each.week) <= dateOf(chosen.to));
    const cohorts = [...new Set(inside.map((each) => each.week))].slice(-14);
    const widest = Math.max(0, ...inside.filter((each) => cohorts.includes(each.week)).map((each) => each.since));
    const later = [4, 3, 2, 1].find((since) => inside.some((each) => each.since === since && !each.first));
    const pool = inside.filter((each) => each.since === later && !each.first);
    const kept = total(pool.map((each) => each.kept));
    const size = total(pool.map((each) => each.size));
    return panel("half", {
      title: "Do newcomers stay?",
      finding: later ? `${percent(ratio(kept, size))} were seen again ${later} week${later > 1 ? "s" : ""} after their first: ${outOf(kept, size)} newcomers.` : null,
      what: "Of the people first seen in a week, the percentage seen again so many weeks later; an empty cell could not be observed yet.",
      mart: "retention_cohorts",
      empty: !inside.length && "Nobody was first seen in this period in a week that is complete.",
      body: () => {
        const head = el("tr", {}, el("th", { scope: "col" }, "First seen"), el("th", { scope: "col" }, "People"),
          Array.from({ length: widest + 1 }, (_, n) => el("th", { scope: "col" }, n ? `+${n}` : "0")));
        const shaded = [];
        const lines = cohorts.map((week) => {
          const own = inside.filter((each) => each.week === week);
          return el("tr", {}, el("th", { scope: "row" }, brief(utc(week)), own[0].first ? "*" : ""), el("td", {}, count(own[0].size)),
            Array.from({ length: widest + 1 }, (_, n) => {
              const cell = own.find((each) => each.since === n);
              if (!cell) return el("td", {});
              const share = ratio(cell.kept, cell.size);
              const ink = el("i", {});
              shaded.push([ink, share]);
              return el("td", { class: `cell ${share > 0.6 ? "deep" : ""}`, title: `${outOf(cell.kept, cell.size)} people` }, ink, whole.format(share * 100));
            }));
        });
        for (const [ink, share] of shaded) ink.style.opacity = String(share > 0.6 ? 0.55 + 0.45 * share : 0.08 + share * 0.6);
        return [el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Retention by first week" },
          el("table", { class: "cohorts" }, el("caption", { class: "unseen" }, "Share seen again, by first week and weeks since"), el("thead", {}, head), el("tbody", {}, lines))),
          inside.some((each) => cohorts.includes(each.week) && each.first) ? el("p", { class: "what" }, "* The loaded history begins here: these people may have been there for long.") : null];
      },
      table: {
        head: ["First week", "#Weeks since", "#People first seen", "#Seen again", "#Share"],
        lines: () => inside.map((each) => [each.week, count(each.since), count(each.size), count(each.kept), percent(ratio(each.kept, each.size))]),
      },
    });
  }

  // ------------------------------------------------------------------------------------- panels: how far

  const STAGES = {
    active: "Active at all", engaged: "Engaged: did something", code_completion: "Code completion", chat: "Chat", agent: "Agent mode",
    github_agent_surface: "CLI, app, cloud agent or code review", two_or_more_surfaces: "Two or more surfaces",
  };

  function funnelPanel(day) {
    const of = column("funnel_total", "active_users_28d")[day];
    const lines = keys("funnel").sort().map((key) => ({ key, stage: label("funnel", key), users: column("funnel", "users", key)[day] ?? null }));
    const agent = lines.find((each) => each.stage === "agent");
    return panel("half", {
      title: "Stages people reached",
      finding: agent && known(day) && `${percent(ratio(agent.users, of))} use agent mode: ${outOf(agent.users, of)} people.`,
      what: "Counts people who reached a stage on two or more of the trailing 28 days (the first two: on one); stages overlap.",
      mart: "feature_adoption_funnel",
      empty: (!known(day) || !lines.some((each) => known(each.users))) && NOT_LOADED,
      body: () => [rank("People by stage", lines.map((each) => ({ name: STAGES[each.stage] || each.stage, share: ratio(each.users, of), of: outOf(each.users, of), lit: each === agent })), { unit: "Stage", measure: "People" })],
      table: {
        head: ["Day", ...lines.map((each) => `#${STAGES[each.stage] || each.stage}`)],
        lines: () => byDay((at) => [iso(dateOf(at)), ...lines.map((each) => count(column("funnel", "users", each.key)[at]))]),
      },
    });
  }

  const PHASE_TONES = ["s-n3", "s-a3", "s-a2", "s-accent"];

  function phasesPanel(day) {
    const all = days("phases_total", "users_with_phase");
    const series = keys("phases").sort((one, other) => Number(one) - Number(other)).map((key) => {
      const users = filled("phases", "users", key, (at) => Boolean(column("phases_total", "users_with_phase")[at]), chosen.from, chosen.to);
      const name = key === "0" ? "No phase yet" : label("phases", key);
      return { key, name, users, tone: PHASE_TONES[Number(key)] || "s-ink", kind: "stack" };
    });
    const bins = binned([all, ...series.map((each) => each.users)]);
    const [of, ...parts] = bins.series;
    const daily = bins.unit === "day";
    const unit = daily ? "people" : "person-days";
    series.forEach((each, at) => {
      each.parts = parts[at];
      each.values = parts[at].map((value, n) => (of[n] ? ratio(value, of[n]) : null));
      each.weak = (n) => !bins.whole(n);
      const end = daily && known(day) ? each.values[day - chosen.from] : null;
      each.direct = known(end) ? `${each.name} ${percent(end)}` : each.name;
    });
    const advanced = known(day) ? total(series.filter((each) => Number(each.key) >= 2).map((each) => each.users[day - chosen.from])) : null;
    const then = known(day) ? all[day - chosen.from] : null;
    return panel("half", {
      title: "Adoption phases",
      finding: then ? `${percent(ratio(advanced, then))} are in phase 2 or 3: ${outOf(advanced, then)} people of ${brief(dateOf(day))}.` : null,
      what: daily
        ? "Shares of the people of each day by GitHub's AI adoption phase, which looks at their trailing 28 days; weekends have other people."
        : "Shares of the person-days of each week (one for each person and day) by GitHub's AI adoption phase, which looks at the trailing 28 days.",
      mart: "adoption_phase_daily",
      empty: !all.some((value) => value) && "GitHub reports adoption phases from 29 May 2026 on; none is in this period.",
      body: (title) => [
        timeChart({
          title, dates: bins.dates, marks: series, format: (value) => `${whole.format(value * 100)}%`, top: 1, fresh: bins.fresh, ending: daily ? day - chosen.from : null, breaks: changes("adoption_phase"),
          summary: `Shares of ${unit} by adoption phase, ${period()}. On ${known(day) ? brief(dateOf(day)) : "no day"} ${series.map((each) => each.direct).join(", ")}.`,
          tip: (n) => ({ head: bins.head(n), lines: of[n] ? [...series].reverse().map((each) => [each.name, `${percent(each.values[n])}, ${outOf(each.parts[n], of[n])} ${unit}`]) : [["phases", "no data"]] }),
          keys: [...series.map((each) => [each.tone, each.name]), ...(daily ? [] : [["s-n2", "pale: not all seven days", "hollow"]]), ...freshKey()],
        }),
      ],
      table: {
        head: ["Day", ...series.map((each) => `#${each.name}`), "#People with a phase"],
        lines: () => byDay((at, n) => [iso(dateOf(at)), ...series.map((each) => count(each.users[n])), count(all[n])]),
      },
    });
  }

  // ------------------------------------------------------------------------------------- panels: what is used

  function featuresPanel() {
    const active = total(days("adoption", "daily_active_users"));
    const lines = keys("features").map((key) => {
      const users = filled("features", "users", key, reported, chosen.from, chosen.to);
      return { key, name: label("features", key), users, sum: total(users), prompts: total(days("features", "interactions", key)), generations: total(days("features", "generations", key)) };
    }).filter((each) => each.sum).sort((one, other) => other.sum - one.sum);
    const first = lines[0];
    return panel("", {
      title: "Features",
      finding: first && `${first.name} leads: it was used on ${percent(ratio(first.sum, active))} of all person-days.`,
      what: "Counts person-days: one for each person and day with that feature, out of all person-days of the period; features overlap, so shares do not add up.",
      mart: "feature_usage_daily",
      empty: !first && NOT_LOADED,
      body: () => [rank("Features by person-days", lines.map((each) => ({ name: each.name, share: ratio(each.sum, active), of: outOf(each.sum, active), trend: weekly(each.users), lit: each === first })),
        { unit: "Feature", measure: "Person-days", trend: "By week" }), remarks(changes("all", "feature"))],
      table: {
        note: "Prompts and generations are sums of the period.",
        head: ["Feature", "#Person-days", "#of all", "#Prompts", "#Generations"],
        lines: () => lines.map((each) => [each.name, count(each.sum), count(active), count(each.prompts), count(each.generations)]),
      },
    });
  }

  function weekly(values) {
    const sums = [];
    for (let at = 0; at + 7 <= values.length; at += 7) sums.push(total(values.slice(at, at + 7)));
    return sums;
  }

  const EDITORS = { vscode: "VS Code", visualstudio: "Visual Studio", intellij: "JetBrains (intellij)", xcode: "Xcode", eclipse: "Eclipse", neovim: "Neovim", vim: "Vim" };
  const MOST_BARS = 9;
  const UNNAMED = ["unknown", "others", "auto"];

  function mixPanel(name, { title, unit, what, mart, measure, without, none }) {
    const { from, to } = weeks();
    const base = pick(column(`${name}_total`, "amount"), from, to);
    const of = total(base);
    const all = keys(name).filter((key) => !without.includes(key)).map((key) => {
      const values = filled(name, "amount", key, (week) => known(column(`${name}_total`, "amount")[week]), from, to);
      return { key, name: (name === "ides" && own(EDITORS, key)) || label(name, key), values, sum: total(values), trend: values.map((value, n) => ratio(value, base[n])) };
    }).filter((each) => each.sum).sort((one, other) => (one.key === D.the_rest) - (other.key === D.the_rest) || other.sum - one.sum);
    const first = all.find((each) => !UNNAMED.includes(each.key) && each.key !== D.the_rest);
    const shown = all.slice(0, MOST_BARS).map((each) => ({ ...each, share: ratio(each.sum, of), of: count(each.sum), tone: UNNAMED.includes(each.key) ? "weak" : "", lit: each === first }));
    const rest = all.slice(MOST_BARS);
    if (rest.length) shown.push({ name: `${rest.length} more`, share: ratio(total(rest.map((each) => each.sum)), of), of: count(total(rest.map((each) => each.sum))), tone: "weak" });
    return panel("third", {
      title,
      finding: first && `${first.name} leads with ${percent(ratio(first.sum, of))}: ${outOf(first.sum, of)} ${measure.toLowerCase()}.`,
      what: `${what} Weeks that touch the period: ${from <= to && WEEK ? `${long(weekOf(from))} to ${long(plus(weekOf(to), 6))}` : "none"}.`,
      mart,
      empty: !all.length && none,
      body: () => [rank(title, shown, { unit, measure }), remarks(changes(name === "models" ? "model" : name))],
      table: {
        head: [`Week of`, unit, `#${measure}`, "#of all", "#Share", "#People"],
        lines: () => base.flatMap((sum, n) => all.filter((each) => known(column(name, "amount", each.key)[from + n])).map((each) => [iso(weekOf(from + n)), each.name, count(each.values[n]), count(sum), percent(ratio(each.values[n], sum)),
          count(column(name, "users", each.key)[from + n])])).reverse(),
      },
    });
  }

  // ------------------------------------------------------------------------------------- panels: what comes of it

  function acceptancePanel(day) {
    const [suggested, accepted, suggested28, accepted28] = ["suggested", "accepted", "suggested_28d", "accepted_28d"].map((field) => days("acceptance", field));
    const rates = suggested.map((of, n) => ratio(accepted[n], of));
    const long28 = suggested28.map((of, n) => ratio(accepted28[n], of));
    const end = long28.findLastIndex(known);
    const at = known(day) ? day - chosen.from : end;
    const weak = (n) => (column("adoption", "days_covered_28d")[chosen.from + n] ?? 0) < 28;
    const highest = Math.max(...long28.filter(known), ...rates.filter((rate, n) => known(rate) && suggested[n] >= 50), 0.1);
    return panel("half", {
      title: "Accepted completions",
      finding: at >= 0 && known(long28[at]) && `${percent(long28[at])} over 28 days: ${outOf(accepted28[at], suggested28[at])} suggestions.`,
      what: "Accepted out of suggested code completions, of the day (dots) and of the trailing 28 days (line); no other feature has such a rate.",
      mart: "completion_acceptance_daily",
      empty: end < 0 && "No completion was suggested in this period.",
      body: (title) => [
        timeChart({
          title, dates: datesShown(), format: (value) => `${whole.format(value * 100)}%`, top: Math.min(1, Math.ceil(highest * 20 + 0.5) / 20), fresh: freshAt, breaks: changes("code_completion", "completion_acceptance"),
          marks: [{ kind: "dots", values: rates.map((rate) => (known(rate) ? Math.min(rate, Math.min(1, Math.ceil(highest * 20 + 0.5) / 20)) : null)), tone: "s-n2" },
            { kind: "line", values: long28, tone: "s-accent", weak, direct: percent(long28[at]) }],
          ending: at, summary: `Acceptance of code completions, ${period()}: ${percent(long28[at])} over 28 days on ${brief(dateOf(chosen.from + at))}.`,
          tip: (n) => ({ head: dayHead(n), lines: [["on the day", known(rates[n]) ? `${percent(rates[n])}, ${outOf(accepted[n], suggested[n])}` : "no data"],
            ["28 days", known(long28[n]) ? `${percent(long28[n])}, ${outOf(accepted28[n], suggested28[n])}` : "no data"]] }),
          keys: [["s-accent", "28 days", "line"], ["s-n2", "on the day", "dot"], ["s-accent", "dotted: fewer than 28 days are loaded", "weak"], ...freshKey()],
        }),
      ],
      table: {
        head: ["Day", "#Accepted", "#Suggested", "#Rate", "#Accepted, 28 days", "#Suggested, 28 days", "#Rate, 28 days"],
        lines: () => byDay((at, n) => [iso(dateOf(at)), count(accepted[n]), count(suggested[n]), percent(rates[n]), count(accepted28[n]), count(suggested28[n]), percent(long28[n])]),
      },
    });
  }

  const ORIGINS = [["agent_initiated", "agents in editors", "s-accent"], ["cli", "Copilot CLI", "s-a2"], ["app", "Copilot app", "s-a3"], ["user_initiated", "people, with completions and chat", "s-n2"], ["unknown", "unknown", "s-n1"]];

  // Days of a long period are summed by week: lines and credits may be added up over days.
  function binned(series) {
    const dates = datesShown();
    if (dates.length <= 70) return { dates, unit: "day", series, head: dayHead, whole: () => true, fresh: freshAt };
    const starts = [];
    const groups = new Map();
    dates.forEach((date, n) => {
      const monday = iso(plus(date, -weekday(date)));
      if (!groups.has(monday)) { groups.set(monday, []); starts.push(monday); }
      if (series.some((values) => known(values[n]))) groups.get(monday).push(n);
    });
    const members = starts.map((monday) => groups.get(monday));
    return {
      dates: starts.map(utc), unit: "week", series: series.map((values) => members.map((group) => total(group.map((n) => values[n])))),
      head: (n) => `Week of ${long(utc(starts[n]))}${members[n].length < 7 ? `, ${members[n].length} of 7 days` : ""}`, whole: (n) => members[n].length === 7,
      fresh: (n) => members[n].some(freshAt),
    };
  }

  function linesPanel(day) {
    const present = keys("lines");
    const origins = ORIGINS.filter(([key]) => present.includes(key)).map(([key, name, tone]) => {
      const added = days("lines", "loc_added", key);
      const deleted = days("lines", "loc_deleted", key);
      return { key, name, tone, added, deleted, changed: added.map((value, n) => total([value, deleted[n]])) };
    }).filter((each) => each.changed.some((value) => value));
    const bins = binned(origins.map((each) => each.changed));
    const part = column("lines_total", "agent_loc_changed_28d")[day];
    const of = column("lines_total", "ide_loc_changed_28d")[day];
    return panel("half", {
      title: "Lines of code by who wrote them",
      finding: known(day) && of ? `Agents changed ${percent(ratio(part, of))} of the lines in editors over 28 days: ${outOf(part, of)}.` : null,
      what: `Counts lines added and deleted with Copilot, by ${bins.unit}; it says who wrote them, not whether they were kept.`,
      mart: "code_generation_daily",
      empty: !origins.length && "No lines were changed with Copilot in this period.",
      body: (title) => [
        timeChart({
          title, dates: bins.dates, format: short.format.bind(short), fresh: bins.fresh, breaks: changes("all", "lines"),
          marks: origins.map((each, at) => ({ kind: "stack", values: bins.series[at], tone: each.tone, weak: (n) => !bins.whole(n) })),
          summary: `Lines changed by origin and ${bins.unit}, ${period()}.`,
          tip: (n) => ({ head: bins.head(n), lines: origins.map((each, at) => [each.name, count(bins.series[at][n])]).reverse() }),
          keys: [...origins.map((each) => [each.tone, each.name]), ...(bins.unit === "week" ? [["s-n2", "pale: not all seven days", "hollow"]] : []), ...freshKey()],
        }),
      ],
      table: {
        head: ["Day", ...origins.flatMap((each) => [`#${each.name}: added`, `#${each.name}: deleted`])],
        lines: () => byDay((at, n) => [iso(dateOf(at)), ...origins.flatMap((each) => [count(each.added[n]), count(each.deleted[n])])]),
      },
    });
  }

  // ------------------------------------------------------------------------------------- panels: credits

  function creditsPanel() {
    const used = days("credits", "ai_credits_used");
    const users = days("credits", "users_with_credits");
    const bins = binned([used]);
    const sum = total(used);
    return panel("half", {
      title: "AI credits",
      finding: known(sum) && `${amount(sum)} credits in the period, ${money.format(sum * 0.01)} at list price.`,
      what: `Counts AI credits used, by ${bins.unit}; one is 0.01 USD at list price, which is not what you are billed.`,
      mart: "ai_credits_daily",
      empty: !known(sum) && "GitHub reports AI credits from 19 Jun 2026 on; none is in this period.",
      body: (title) => [
        timeChart({
          title, dates: bins.dates, format: short.format.bind(short), fresh: bins.fresh, breaks: changes("ai_credits"),
          marks: [{ kind: "bars", values: bins.series[0], tone: "s-accent", weak: (n) => !bins.whole(n) }], summary: `AI credits by ${bins.unit}, ${period()}: ${amount(sum)} in all.`,
          tip: (n) => ({ head: bins.head(n), lines: [["credits", amount(bins.series[0][n])], ["list value", known(bins.series[0][n]) ? money.format(bins.series[0][n] * 0.01) : "no data"]] }),
          keys: [["s-accent", "credits"], ...(bins.unit === "week" ? [["s-accent", "pale: not all seven days", "hollow"]] : []), ...freshKey()],
        }),
      ],
      table: { head: ["Day", "#Credits", "#People with credits"], lines: () => byDay((at, n) => [iso(dateOf(at)), amount(used[n]), count(users[n])]) },
    });
  }

  function creditMonthsPanel() {
    const first = plus(dateOf(chosen.from), 1 - dateOf(chosen.from).getUTCDate());
    const lines = rows("credit_months").filter(([month]) => utc(month) >= first && utc(month) <= dateOf(chosen.to)).slice(-8);
    const pooled = lines.some((line) => known(line[5]));
    const head = ["Month", "#Credits", "#List value", "#Per person"];
    if (pooled) head.splice(2, 0, "#of the included");
    const last = lines.findLast((line) => known(line[1]));
    return panel("half", {
      title: "Credits by month",
      finding: last && `${amount(last[1])} so far in ${MONTHS[utc(last[0]).getUTCMonth()]} by ${people(last[4])}: ${amount(ratio(last[1], last[3]))} for each of ${count(last[3])} active people.`,
      what: pooled ? "Counts AI credits of calendar months (UTC), and their share of those that your plans include." : "Counts AI credits of calendar months (UTC); fill in the seed credit_pool to see what is left of the included ones.",
      mart: "ai_credits_org_month",
      empty: !last && "No month of this period has AI credits.",
      body: () => [el("div", { class: "plot scroll", tabindex: 0, role: "region", "aria-label": "AI credits by month" }, plainTable(head, lines.filter((line) => known(line[1])).map(([month, used, value, active, , pool, loaded, of]) => {
        const line = [[`${MONTHS[utc(month).getUTCMonth()]} ${month.slice(0, 4)}`, loaded < of ? el("span", { class: "under" }, ` ${loaded} of ${of} days`) : ""], amount(used), known(value) ? money.format(value) : "no data", [amount(ratio(used, active)), el("span", { class: "under" }, people(active))]];
        if (pooled) line.splice(2, 0, known(pool) ? `${percent(ratio(used, pool))} of ${amount(pool)}` : "no pool set");
        return line;
      }).reverse(), el("caption", { class: "unseen" }, "AI credits by month")))],
    });
  }

  // ------------------------------------------------------------------------------------- panels: teams

  // Rows as objects, with their scope; of all scopes together, those of each.
  function named(name) {
    const { columns, scopes } = D.rows[name];
    return D.scopes.filter((scope) => own(scopes, scope) && (chosen.scope === D.all_scopes || scope === chosen.scope))
      .flatMap((scope) => scopes[scope].map((line) => Object.fromEntries([["scope", scope], ...columns.map((column, at) => [column, line[at]])])));
  }
  const several = (lines) => new Set(lines.map((line) => line.scope)).size > 1;

  const MOST_TEAM_BARS = 15;
  const FEWEST_OF_A_SHARE = 5;

  function teamsPanel() {
    const all = named("team_sizes").filter(({ scope }) => chosen.scope !== D.all_scopes || !isEnterprise(scope));
    const many = several(all);
    const teams = all.filter((line) => line.team).sort((one, other) => other.monthly_active_users_28d - one.monthly_active_users_28d);
    const name = (line) => (many ? `${line.scope} / ${line.team_slug}` : line.team_slug);
    const part = (line) => ratio(line.monthly_active_agent_users_28d, line.monthly_active_users_28d);
    const bar = (line) => ({
      name: name(line), length: line.monthly_active_users_28d, part: line.monthly_active_agent_users_28d, share: part(line), of: count(line.monthly_active_users_28d),
      tone: line.team ? "" : "weak", trend: days7("teams", "weekly", line.team, line.scope),
    });
    const shown = [...teams.slice(0, MOST_TEAM_BARS), ...all.filter((line) => !line.team)].map(bar);
    const ranked = teams.filter((line) => line.monthly_active_users_28d >= FEWEST_OF_A_SHARE && known(part(line))).sort((one, other) => part(one) - part(other));
    const [least, most] = [ranked[0], ranked[ranked.length - 1]];
    const last = all.map((line) => line.as_of_day).sort().pop();
    const inside = [...new Map(all.map((line) => [line.scope, line])).values()];
    const [within, of] = ["active_users_in_a_team_28d", "active_users_of_scope_28d"].map((field) => total(inside.map((line) => line[field])));
    const spread = ranked.length > 1 && part(least) < part(most)
      ? `Agent mode reaches from ${percent(part(least))} of the active people of ${name(least)} to ${percent(part(most))} of ${name(most)}.`
      : teams.length ? `${name(teams[0])} has the most active people: ${count(teams[0].monthly_active_users_28d)}.` : null;
    return panel("", {
      title: "Teams by active people",
      finding: spread,
      what: `Counts the people active in the 28 days to ${last ? long(utc(last)) : "the last day"}, whatever period is chosen, by the teams they were in on those days; the dark part used agent mode. `
        + `Somebody in two teams counts in both, so teams do not add up. GitHub reports teams of five seats or more${many ? "" : `: ${outOf(within, of)} active people were in one`}.`,
      mart: "team_sizes",
      empty: !teams.length && (all.length ? `GitHub reported no team for ${chosen.scope}.` : "The report user-teams-1-day is not loaded; name it in COPILOT_REPORTS to see teams."),
      body: (title) => [rank(title, shown, { unit: "Team", measure: "People", trend: "By week", share: "Agent mode" }),
        legend([["s-accent", "used agent mode"], ["s-a3", "active, without agent mode"]]),
        teams.length > MOST_TEAM_BARS ? el("p", { class: "what" }, `The ${MOST_TEAM_BARS} largest; the table has ${count(teams.length)}.`) : null],
      table: {
        source: "team_activity_28d",
        head: ["Team", "#Active people", "#With agent mode", "#Share", "#Reported members", "#Completions accepted", "#of suggested", "#Days loaded of 28", "Last day"],
        lines: () => [...teams, ...all.filter((line) => !line.team)].map((line) => [name(line), count(line.monthly_active_users_28d), count(line.monthly_active_agent_users_28d), percent(part(line)), count(line.reported_members),
          count(line.completions_accepted_28d), count(line.completions_suggested_28d), count(line.days_covered_28d), line.as_of_day]),
      },
    });
  }

  // Every seventh day of the period, the last one among them.
  function days7(name, field, key, scope) {
    const values = column(name, field, key, scope);
    const taken = [];
    for (let day = chosen.to; day >= chosen.from; day -= 7) taken.unshift(values[day] ?? null);
    return taken;
  }

  // ------------------------------------------------------------------------------------- panels: can I trust it

  // Counters of GitHub's record in words; one that is not here is shown by its own name.
  const MEASURES = {
    user_initiated_interaction_count: "prompts", code_generation_activity_count: "generations", code_acceptance_activity_count: "acceptances",
    loc_suggested_to_add_sum: "lines suggested", loc_suggested_to_delete_sum: "deletions suggested", loc_added_sum: "lines added", loc_deleted_sum: "lines deleted", ai_credits_used: "AI credits",
  };
  const measured = (name) => own(MEASURES, name) || name;
  const inPeriod = (day) => utc(day) >= dateOf(chosen.from) && utc(day) <= dateOf(chosen.to);
  const signed = (value) => `${value < 0 ? "\u2212" : "+"}${amount(Math.abs(value))}`;
  const REPORT_TONES = ["s-accent", "s-n2", "s-a3", "s-n1", "s-a2"];
  const MOST_LINES = 6;

  function restatementsPanel() {
    const scopes = D.scopes.filter((scope) => keys("restated", scope).length && (chosen.scope === D.all_scopes || scope === chosen.scope));
    const reports = [...new Set(scopes.flatMap((scope) => keys("restated", scope)))].sort((one, other) => (other === "users-1-day") - (one === "users-1-day") || one.localeCompare(other));
    const over = (field, report) => datesShown().map((_, n) => total(scopes.map((scope) => column("restated", field, report, scope)[chosen.from + n])));
    const series = reports.map((report, at) => ({ report, times: over("times", report), records: over("records", report), tone: REPORT_TONES[at % REPORT_TONES.length] })).filter((each) => each.times.some(known));
    const times = total(series.flatMap((each) => each.times));
    const touched = new Set(series.flatMap((each) => each.times.flatMap((value, n) => (known(value) ? [n] : [])))).size;
    const listed = named("restatements").filter((line) => inPeriod(line.day)).sort((one, other) => other.seen_at.localeCompare(one.seen_at) || other.day.localeCompare(one.day));
    const many = several(listed);
    const change = (line) => ratio(line.moved_to - line.moved_from, line.moved_from);
    const largest = listed.filter((line) => line.report === "users-1-day" && known(line.moved) && known(change(line))).sort((one, other) => Math.abs(change(other)) - Math.abs(change(one)))[0];
    const moved = (line) => (!known(line.moved) ? "nothing large" : `${measured(line.moved)}: ${amount(line.moved_from)} to ${amount(line.moved_to)}${known(change(line)) ? ` (${change(line) < 0 ? "\u2212" : "+"}${percent(Math.abs(change(line)))})` : ""}`);
    const size = (line) => (line.records_before === line.records_after ? count(line.records_after) : `${count(line.records_before)} to ${count(line.records_after)} (${signed(line.records_after - line.records_before)})`);
    const head = ["Day", ...(many ? ["Scope"] : []), "Report", "Seen", "#Records", "#New", "#Gone", "#Changed", "Moved most"];
    const line = (each) => [long(utc(each.day)), ...(many ? [each.scope] : []), each.report, `${long(utc(each.seen_at.slice(0, 10)))}, ${each.days_late} ${each.days_late === 1 ? "day" : "days"} on`,
      size(each), count(each.rows_added), count(each.rows_removed), count(each.rows_changed), moved(each)];
    return panel("", {
      title: "What GitHub changed afterwards",
      finding: known(times) && `${count(times)} ${times === 1 ? "restatement" : "restatements"} of ${count(touched)} ${touched === 1 ? "day" : "days"}${largest ? `; the largest changed the ${measured(largest.moved)} of ${brief(utc(largest.day))}${many ? ` in ${largest.scope}` : ""} by ${change(largest) < 0 ? "\u2212" : "+"}${percent(Math.abs(change(largest)))}` : ""}.`,
      what: "Counts the records (for users-1-day: people) that a newer version of a loaded day added, removed or changed, by the day that they speak of. All charts show the newest version.",
      mart: "restatements",
      empty: !known(times) && "GitHub changed no day of this period after it was loaded.",
      body: (title) => [
        timeChart({
          title, dates: datesShown(), format: short.format.bind(short), fresh: freshAt, height: 170,
          marks: series.map((each) => ({ kind: "stack", values: each.records, tone: each.tone })),
          summary: `Records that GitHub changed afterwards, by day, ${period()}: ${count(times)} restatements.`,
          tip: (n) => ({ head: dayHead(n), lines: series.some((each) => known(each.times[n])) ? series.filter((each) => known(each.times[n])).map((each) => [each.report, `${count(each.records[n])} records in ${count(each.times[n])} ${each.times[n] === 1 ? "restatement" : "restatements"}`]) : [["restatements", "none"]] }),
          keys: [...series.map((each) => [each.tone, each.report]), ...freshKey()],
        }),
        listed.length ? el("div", { class: "scroll told", tabindex: 0, role: "region", "aria-label": "The newest restatements" },
          plainTable(head, listed.slice(0, MOST_LINES).map(line), el("caption", {}, listed.length > MOST_LINES ? `The newest ${MOST_LINES} restatements.` : "Each restatement."))) : null,
      ],
      table: { note: `Up to ${MOST_LISTED} of the newest restatements a scope.`, head, lines: () => listed.map(line) },
    });
  }
  const MOST_LISTED = 100;

  function driftPanel() {
    const lines = named("drift");
    const many = several(lines);
    const told = ["appeared", "disappeared"].map((change) => new Set(lines.filter((line) => line.change === change && line.is_current).map((line) => `${line.report} ${line.path}`)).size);
    const fields = (value) => `${value || "no"} ${value === 1 ? "field" : "fields"}`;
    const head = ["Field", "Report", ...(many ? ["Scope"] : []), "What happened", "Type", "First day", "Last day", "#Days", "#Records", "Still so"];
    return panel("", {
      title: "Fields that came and went",
      finding: `On the newest day, ${fields(told[0])} that this version does not know, and ${fields(told[1])} that ceased to come.`,
      what: "Lists where GitHub's records differ from what this version of copilot_etl knows. What an unknown field holds is kept in unknown_fields of the raw tables; no chart here uses it.",
      mart: "schema_drift",
      empty: !lines.length && "GitHub's records have the fields that this version of copilot_etl knows: none is new, and none ceased to come.",
      body: (title) => [el("div", { class: "scroll told", tabindex: 0, role: "region", "aria-label": title },
        plainTable(head, lines.map((line) => [line.path, line.report, ...(many ? [line.scope] : []), { appeared: "new, unknown here", disappeared: "ceased to come" }[line.change] || line.change, line.json_type, line.first_day, line.last_day,
          count(line.days), count(line.records), line.is_current ? "yes" : "no"]), el("caption", { class: "unseen" }, title)))],
    });
  }

  // State of the mart: name for people, tone, whether hollow, sign.
  const COVER = {
    ok: ["loaded", "s-accent", false, ""], empty: ["no report, or nobody in it", "s-n1", false, ""], provisional: ["provisional", "s-a3", false, ""],
    missing: ["missing", "s-n2", true, ""], failed: ["failed", "s-bad", false, "x"], before_history: ["before GitHub's history", "s-n3", false, ""],
  };

  function coveragePanel() {
    const scopes = D.scopes.filter((scope) => keys("coverage", scope).length && (chosen.scope === D.all_scopes || scope === chosen.scope));
    const strips = scopes.flatMap((scope) => keys("coverage", scope).map((report) => ({
      scope, report, states: pick(column("coverage", "state", report, scope), chosen.from, chosen.to), loaded: pick(column("coverage", "is_loaded", report, scope), chosen.from, chosen.to),
      people: pick(column("coverage", "people", report, scope), chosen.from, chosen.to), reasons: pick(column("coverage", "reason", report, scope), chosen.from, chosen.to),
    })));
    const all = strips.flatMap((strip) => strip.states);
    const expected = all.filter((state) => known(state) && state !== "before_history").length;
    const loaded = strips.flatMap((strip) => strip.loaded).filter(Boolean).length;
    const bad = ["failed", "missing"].map((state) => [state, all.filter((each) => each === state).length]).filter(([, many]) => many);
    const words = (strip, n) => {
      const name = COVER[strip.states[n]]?.[0] || strip.states[n] || "not expected";
      return name + (strip.states[n] === "provisional" && !strip.loaded[n] ? ", not loaded yet" : "") + (strip.states[n] === "failed" && strip.loaded[n] ? ", an older version stands" : "");
    };
    return panel("", {
      title: "Coverage",
      finding: `${outOf(loaded, expected)} expected days are loaded${bad.length ? `; ${bad.map(([state, many]) => `${many} ${state}`).join(", ")}` : ""}.`,
      what: "Shows each organization's days, a column a week from Monday down to Sunday: a day that is not loaded leaves a gap in the charts above, never a zero.",
      mart: "data_coverage",
      empty: !expected && "No day of this period was asked for.",
      body: () => [
        calendars(strips, words),
        legend([["s-accent", "loaded"], ["s-a3", "provisional: younger than three days"], ["s-n1", "no report, or nobody in it"], ["s-n2", "missing, or not loaded yet", "hollow"], ["s-bad", "failed"]]),
      ],
      table: {
        head: ["Day", "Scope", "Report", "State", "#People", "Why"],
        lines: () => byDay((at, n) => strips.filter((strip) => known(strip.states[n])).map((strip) => [iso(dateOf(at)), strip.scope, strip.report, words(strip, n), known(strip.people[n]) ? count(strip.people[n]) : "none", strip.reasons[n] || ""])).flat(),
      },
    });
  }

  // As many beside each other as their weeks leave room for.
  function calendars(strips, words) {
    const box = el("div", { class: "calendars" }, strips.map((strip) => calendar(strip, words)));
    box.style.setProperty("--wide", `${Math.max(190, Math.ceil((chosen.to - chosen.from + 8) / 7) * 16)}px`);
    return box;
  }

  function calendar(strip, words) {
    const dates = datesShown();
    const shift = weekday(dates[0]);
    const wide = Math.ceil((dates.length + shift) / 7);
    const plot = el("div", { class: "plot", tabindex: 0, role: "group", "aria-roledescription": "chart", "aria-label": `Days of ${strip.scope}, ${strip.report}. Arrow keys read them.` });
    const bubble = el("div", { class: "tip", hidden: true });
    let size = 12, left = 0, above = 52, marker = null, current = null;
    const place = (n) => [left + Math.floor((n + shift) / 7) * size, above + ((n + shift) % 7) * size];
    function paint() {
      const width = Math.max(180, plot.clientWidth || 600);
      size = Math.max(4, Math.min(16, Math.floor((width - left) / wide)));
      const height = above + 7 * size + 2;
      const picture = draw("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img",
        "aria-label": `${strip.scope}, ${strip.report}: ${Object.entries(Object.groupBy ? Object.groupBy(strip.states.filter(known), (each) => COVER[each]?.[0] || each) : {}).map(([name, many]) => `${many.length} ${name}`).join(", ")}` });
      picture.append(draw("text", { class: "direct", x: 0, y: 12 }, strip.scope), draw("text", { x: 0, y: 28 }, strip.report));
      let last = -60;
      dates.forEach((date, n) => {
        const [x, y] = place(n);
        if ((date.getUTCDate() === 1 || n === 0) && x - last > 34 && x + 26 < width) {
          picture.append(draw("text", { x, y: above - 5 }, MONTHS[date.getUTCMonth()]));
          last = x;
        }
        const state = strip.states[n];
        if (!known(state)) return;
        const [, tone, hollow, sign] = COVER[state] || COVER.missing;
        const open = hollow || (state === "provisional" && !strip.loaded[n]);
        const inner = size - (size > 6 ? 2 : 1);
        picture.append(draw("g", { class: open ? "s-n2" : tone },
          draw("rect", { class: open ? "fill weak" : "fill", x: x + (open ? 0.5 : 0), y: y + (open ? 0.5 : 0), width: inner - (open ? 1 : 0), height: inner - (open ? 1 : 0) })));
        if (sign && size > 6) picture.append(draw("path", { d: `M${x + 2} ${y + 2}l${inner - 4} ${inner - 4}m0 ${4 - inner}l${4 - inner} ${inner - 4}`, stroke: "var(--paper)", "stroke-width": 1.5 }));
      });
      marker = draw("g", {});
      picture.append(marker);
      plot.querySelector("svg")?.remove();
      plot.prepend(picture);
    }
    function show(n, aloud) {
      current = Math.max(0, Math.min(dates.length - 1, n));
      const [x, y] = place(current);
      const head = `${WEEKDAYS[weekday(dates[current])].slice(0, 3)} ${long(dates[current])}`;
      const text = words(strip, current);
      bubble.replaceChildren(el("b", {}, head), text, ...(known(strip.people[current]) ? [`, ${people(strip.people[current])}`] : []), ...(strip.reasons[current] ? [el("div", {}, strip.reasons[current])] : []));
      bubble.hidden = false;
      marker.replaceChildren(draw("rect", { class: "hover", x: x - 1, y: y - 1, width: size, height: size }));
      bubble.style.transform = `translate(${Math.max(0, Math.min(x + size + 8, plot.clientWidth - bubble.offsetWidth))}px, ${y + size + 8}px)`;
      if (aloud) say(`${head}: ${text}`);
    }
    const hide = () => { bubble.hidden = true; marker?.replaceChildren(); };
    plot.append(bubble);
    const point = (event) => {
      const box = plot.getBoundingClientRect();
      const n = Math.floor((event.clientX - box.left - left) / size) * 7 + Math.floor((event.clientY - box.top - above) / size) - shift;
      if (event.clientY - box.top >= above && n >= 0 && n < dates.length) show(n);
      else hide();
    };
    plot.addEventListener("pointermove", point);
    plot.addEventListener("pointerdown", point);
    plot.addEventListener("pointerleave", hide);
    plot.addEventListener("blur", hide);
    plot.addEventListener("keydown", (event) => {
      const start = current ?? dates.length;
      const moves = { ArrowUp: start - 1, ArrowDown: start + 1, ArrowLeft: start - 7, ArrowRight: start + 7, Home: 0, End: dates.length - 1 };
      if (event.key === "Escape") hide();
      else if (event.key in moves) { event.preventDefault(); show(moves[event.key], true); }
    });
    painters.push([plot, paint]);
    return plot;
  }

  const AGREEMENT = [["equal", "equal", "s-n1"], ["cannot compare", "cannot be compared", "s-n3"], ["differs", "differ", "s-accent"]];

  function reconciliationPanel() {
    const scopes = D.scopes.filter((scope) => keys("reconciled", scope).length && (chosen.scope === D.all_scopes || scope === chosen.scope));
    const series = AGREEMENT.map(([status, name, tone]) => ({ name, tone, kind: "stack", values: datesShown().map((_, n) => total(scopes.map((scope) => column("reconciled", "values", status, scope)[chosen.from + n]))) }));
    const [equal, , differs] = series.map((each) => total(each.values));
    const compared = total([equal, differs]);
    const listed = named("differing").filter((line) => inPeriod(line.day));
    const many = several(listed);
    const head = ["Day", ...(many ? ["Scope"] : []), "Measure", "Of", "#Ours", "#GitHub's", "#Difference", "Reason"];
    const line = (each) => [each.day, ...(many ? [each.scope] : []), each.measure, [each.first_key, each.second_key].filter((key) => key && !key.startsWith("(")).join(" / ") || "the whole", amount(each.our_value), amount(each.github_value),
      signed(each.difference), each.reason || "not known"];
    return panel("", {
      title: "Our sums against GitHub's own totals",
      finding: compared ? `${outOf(equal, compared)} values that can be compared are equal${differs ? `; ${count(differs)} ${differs === 1 ? "differs" : "differ"}` : ""}.` : null,
      what: "Counts values of GitHub's own report of each organization and day that our sums of people were held against; without that report, or where GitHub cut a list, there is nothing to compare.",
      mart: "reconciliation",
      empty: !series.some((each) => each.values.some(known)) && "The report organization-1-day is not loaded; name it in COPILOT_REPORTS to hold our sums against GitHub's.",
      body: (title) => [
        timeChart({
          title, dates: datesShown(), format: short.format.bind(short), fresh: freshAt, height: 170, marks: series,
          summary: `Values held against GitHub's own, by day, ${period()}: ${series.map((each) => `${count(total(each.values))} ${each.name}`).join(", ")}.`,
          tip: (n) => ({ head: dayHead(n), lines: [...series].reverse().map((each) => [each.name, count(each.values[n])]) }),
          keys: [...series.map((each) => [each.tone, each.name]), ...freshKey()],
        }),
      ],
      table: listed.length && { source: "reconciliation_daily", note: "The values that differ, up to 100 of the newest a scope.", head, lines: () => listed.map(line) },
    });
  }

  // A mart in its own words, its latest day folded away.
  function familyPanel({ mart, title, about, columns, rows: all, cut }) {
    const scoped = columns.findIndex(([name]) => name === "scope");
    const mine = all.filter((line) => line[scoped] === chosen.scope);
    const lines = scoped < 0 || (chosen.scope === D.all_scopes && !mine.length) ? all : mine;
    return panel("half", {
      title: `${title}: ${mart.replaceAll("_", " ")}`,
      what: about || "Its latest day.",
      mart,
      empty: !lines.length && `It has no rows for ${chosen.scope}.`,
      body: () => [],
      table: {
        note: cut ? `Only the first ${count(lines.length)} rows of its latest day; the mart has all.` : "Its latest day.",
        head: columns.map(([name], at) => (at && lines.every((line) => line[at] === null || typeof line[at] === "number") ? "#" : "") + name.replaceAll("_", " ")),
        meanings: columns.map(([, meaning]) => meaning),
        lines: () => lines.map((line) => line.map((cell) => (typeof cell === "number" ? amount(cell) : cell === null ? "no data" : String(cell)))),
      },
    });
  }

  // ------------------------------------------------------------------------------------- panels: people

  const MOST_PEOPLE = 200;
  const alphabet = new Intl.Collator("en");

  function peoplePanel() {
    const names = D.rows.people.columns;
    const at = (name) => names.indexOf(name);
    const shown = [["user_login", "Login"], ["usage_tier", "Use"], ["adoption_phase_number", "#Phase"], ["last_active_day", "Last active"], ["active_days_28d", "#Active days"], ["engaged_days_28d", "#Engaged days"],
      ["surface_names_28d", "Where"], ["top_language_28d", "Language"], ["top_ide_28d", "Editor"], ["top_model_28d", "Model"], ["interactions_28d", "#Prompts"], [null, "#Completions accepted"], ["loc_added_28d", "#Lines added"], ["ai_credits_used_28d", "#Credits"]];
    const all = rows("people");
    const state = { sort: 0, up: true, find: "", most: MOST_PEOPLE };
    const raw = (line, n) => (shown[n][0] ? line[at(shown[n][0])] : ratio(line[at("completions_accepted_28d")], line[at("completions_suggested_28d")]));
    const cell = (line, n) => {
      if (!shown[n][0]) return known(raw(line, n)) ? `${percent(raw(line, n))} (${outOf(line[at("completions_accepted_28d")], line[at("completions_suggested_28d")])})` : "none suggested";
      const value = raw(line, n);
      return !known(value) ? "–" : typeof value === "number" ? amount(value) : Array.isArray(value) ? value.join(", ") : String(value);
    };
    const box = el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "People" });
    const more = el("button", { type: "button", class: "more" });
    const told = el("p", { class: "what", "aria-live": "polite" });
    function fill() {
      const lines = all.filter((line) => String(line[0]).toLowerCase().includes(state.find)).sort((one, other) => {
        const [a, b] = [raw(one, state.sort), raw(other, state.sort)];
        if (!known(a) || !known(b)) return known(b) - known(a);
        return (typeof a === "number" ? a - b : alphabet.compare(String(a), String(b))) * (state.up ? 1 : -1);
      });
      const first = lines.slice(0, state.most);
      const table = plainTable(shown.map(([, name]) => name), first.map((line) => shown.map((_, n) => cell(line, n))), el("caption", {}, "From ", el("code", {}, "marts.user_activity"), `, ${chosen.scope}.`));
      table.querySelectorAll("thead th").forEach((head, n) => {
        const button = el("button", { type: "button" }, head.textContent);
        button.addEventListener("click", () => { state.up = state.sort === n ? !state.up : true; state.sort = n; fill(); box.querySelectorAll("th button")[n].focus(); });
        head.replaceChildren(button);
        if (state.sort === n) head.setAttribute("aria-sort", state.up ? "ascending" : "descending");
      });
      box.replaceChildren(table);
      told.textContent = `${people(lines.length)}${state.find ? ` of ${count(all.length)} found` : ""}${first.length < lines.length ? `, the first ${count(first.length)} shown` : ""}.`;
      more.hidden = first.length === lines.length;
      more.textContent = `Show ${count(Math.min(MOST_PEOPLE, lines.length - first.length))} more`;
    }
    more.addEventListener("click", () => { state.most += MOST_PEOPLE; fill(); });
    const search = el("input", { type: "search", "aria-label": "Find a login", placeholder: "Find a login" });
    search.addEventListener("input", () => { Object.assign(state, { find: search.value.toLowerCase(), most: MOST_PEOPLE }); fill(); });
    fill();
    return panel("", {
      title: "People in the last 28 days",
      what: `What each person does with Copilot as of ${all.length ? long(utc(all[0][at("as_of_day")])) : "no day"}, everybody ever seen in the scope: for finding who could use help, not for appraising people.`,
      mart: "user_activity",
      empty: !all.length && "Nobody was ever seen in this scope.",
      body: () => [el("p", { class: "banner", role: "note" }, "This page names people. Whoever gets the file can read it: pass it on only to those who may, and leave --include-users away for everybody else."), el("div", { class: "plot" }, search), told, box, more],
    });
  }

  // ------------------------------------------------------------------------------------- the head

  function lead(day) {
    const at = (name, field, when = day) => column(name, field)[when] ?? null;
    const month = at("adoption", "monthly_active_users_28d");
    const before = day >= 28 && at("adoption", "days_covered_28d") === 28 && at("adoption", "days_covered_28d", day - 28) === 28 ? at("adoption", "monthly_active_users_28d", day - 28) : null;
    const weekBefore = day >= 7 && at("adoption", "days_covered_7d") === 7 && at("adoption", "days_covered_7d", day - 7) === 7 ? at("adoption", "weekly_active_users_7d", day - 7) : null;
    const change = known(before) ? month - before : null;
    const covered = at("adoption", "days_covered_28d");
    const box = el("div", { class: "lead" });
    const verb = change > 0 ? `, ${count(change)} more than four weeks before.` : change < 0 ? `, ${count(-change)} fewer than four weeks before.` : change === 0 ? ", as many as four weeks before." : ".";
    box.append(el("h1", {}, el("b", {}, people(month)), ` used Copilot in the 28 days to ${brief(dateOf(day))}${verb}`));
    const loose = provisional(day) ? el("span", { class: "badge", title: "Younger than three complete UTC days: GitHub may still restate it." }, "provisional") : null;
    const scopes = chosen.scope === D.all_scopes ? `${D.scopes.filter((scope) => scope !== D.all_scopes && !isEnterprise(scope)).length} organizations, each person counted once` : chosen.scope;
    box.append(el("p", { class: "asof" }, el("span", {}, `As of ${WEEKDAYS[weekday(dateOf(day))]}, ${long(dateOf(day))} · ${scopes}`), loose,
      day < chosen.to ? el("span", {}, `The days after it are not loaded for ${chosen.scope === D.all_scopes ? "every organization" : "it"}.`) : null,
      at("adoption", "is_covered") ? null : el("span", { class: "badge" }, "not every organization is loaded")));
    const tiles = [];
    const tile = (name, value, of) => tiles.push(el("div", { class: "kpi" }, el("dt", {}, name), el("dd", { class: "value" }, value), el("dd", { class: "of" }, of)));
    tile("Active people, 28 days", count(month), covered < 28 ? `${covered} of 28 days loaded: may be too low` : known(before) ? `${count(before)} on ${brief(dateOf(day - 28))}` : "no full window four weeks before");
    tile("Active people, 7 days", count(at("adoption", "weekly_active_users_7d")), at("adoption", "days_covered_7d") < 7 ? `${at("adoption", "days_covered_7d")} of 7 days loaded: may be too low` : known(weekBefore) ? `${count(weekBefore)} on ${brief(dateOf(day - 7))}` : "no full window a week before");
    tile("Active people on the day", count(at("adoption", "daily_active_users")), `${WEEKDAYS[weekday(dateOf(day))]}, ${brief(dateOf(day))}`);
    const [agents, mtd] = [at("adoption", "monthly_active_agent_users_mtd"), at("adoption", "monthly_active_users_mtd")];
    tile("Used agent mode, month to date", percent(ratio(agents, mtd)), known(ratio(agents, mtd)) ? `${outOf(agents, mtd)} active people` : "not reported");
    if (has("acceptance")) {
      const [part, of] = [at("acceptance", "accepted_28d"), at("acceptance", "suggested_28d")];
      tile("Completions accepted, 28 days", percent(ratio(part, of)), known(ratio(part, of)) ? `${outOf(part, of)} suggested` : "none was suggested");
    }
    if (has("lines_total")) {
      const [part, of] = [at("lines_total", "agent_loc_changed_28d"), at("lines_total", "ide_loc_changed_28d")];
      tile("Lines changed by agents, 28 days", percent(ratio(part, of)), known(ratio(part, of)) ? `${outOf(part, of)} in editors` : "no lines were changed");
    }
    if (has("credits")) {
      const used = at("credits", "ai_credits_used_mtd");
      tile("AI credits, month to date", amount(used), known(used) ? `${money.format(used * 0.01)} at list price` : "not reported");
    }
    box.append(el("dl", { class: "kpis", "aria-label": "Key numbers" }, tiles));
    return box;
  }

  // ------------------------------------------------------------------------------------- the page

  let painters = [];
  const said = document.getElementById("said");
  const say = (text) => { said.textContent = text; };

  const tables = (ofTeams) => D.tables.filter((each) => each.rows.length && each.mart.startsWith("team") === ofTeams);

  // Each question with the panels that answer it; those whose marts are not in the file are not there.
  function questions(day) {
    return [
      ["Who uses it?", [
        has("adoption") && (() => activePanel(day)), has("lifecycle") && lifecyclePanel, has("retention") && retentionPanel]],
      ["How far have people come?", [has("funnel") && (() => funnelPanel(day)), has("phases") && (() => phasesPanel(day))]],
      ["What do they use?", [
        has("features", "adoption") && featuresPanel,
        has("languages") && (() => mixPanel("languages", { title: "Languages", unit: "Language", measure: "Generations", mart: "language_mix", without: ["unknown"],
          what: "Shares of what Copilot generated in editors in a known language (CLI and app have none).", none: "Nothing was generated in a known language in this period." })),
        has("models") && (() => mixPanel("models", { title: "Models", unit: "Model", measure: "Chat prompts", mart: "model_mix", without: [],
          what: "Shares of chat prompts in editors; completions name no model.", none: "Nobody chatted in this period." })),
        has("ides") && (() => mixPanel("ides", { title: "Editors", unit: "Editor", measure: "Generations", mart: "ide_mix", without: [],
          what: "Shares of what Copilot generated in editors; CLI and app are none.", none: "Nothing was generated in an editor in this period." }))]],
      ["What comes of it?", [has("acceptance", "adoption") && (() => acceptancePanel(day)), has("lines") && (() => linesPanel(day))]],
      ["What does it use of our credits?", [has("credits") && creditsPanel, has("credit_months") && creditMonthsPanel]],
      ["Which teams?", [has("team_sizes") && teamsPanel, ...tables(true).map((each) => () => familyPanel(each))]],
      ["Who does what?", [D.include_users && has("people") && peoplePanel]],
      ["Can I trust it?", [has("coverage") && coveragePanel, has("restated", "restatements") && restatementsPanel, has("drift") && driftPanel, has("reconciled", "differing") && reconciliationPanel, ...tables(false).map((each) => () => familyPanel(each))]],
    ].map(([title, list]) => [title, list.filter(Boolean)]).filter(([, list]) => list.length);
  }

  function render(focus) {
    const open = [...main.querySelectorAll("details[open]")].map((each) => each.closest("[data-panel]").dataset.panel);
    painters = [];
    numbered = 0;
    const day = asOf();
    const parts = [known(day) ? lead(day) : el("p", { class: "message" }, `Nothing is loaded for ${chosen.scope} from ${period()}. Choose another period or scope.`)];
    if (D.days_loaded === 1) parts.push(el("p", { class: "message" }, "One day is loaded so far: trends, windows and retention need more."));
    for (const [title, list] of questions(day)) {
      parts.push(el("section", {}, el("h2", {}, title), el("div", { class: "panels" }, list.map((make) => make()))));
    }
    main.replaceChildren(...parts);
    document.querySelector(".top").dataset.chosen = `${chosen.scope}, ${period()}`;
    paintAll();
    for (const each of main.querySelectorAll("[data-panel]")) if (open.includes(each.dataset.panel) && each.querySelector("details")) each.querySelector("details").open = true;
    if (focus) document.getElementById(focus)?.focus({ preventScroll: true });
  }
  const paintAll = () => painters.forEach(([, paint]) => paint());

  function choices() {
    const form = document.getElementById("choices");
    const scope = el("select", { id: "scope", name: "scope" }, D.scopes.map((name) => el("option", { value: name }, name)));
    const from = el("input", { type: "date", id: "from", min: iso(dateOf(0)), max: iso(dateOf(D.days - 1)), "aria-label": "From" });
    const to = el("input", { type: "date", id: "to", min: iso(dateOf(0)), max: iso(dateOf(D.days - 1)), "aria-label": "To" });
    const radios = PERIODS.map(([length, name]) => [length, el("input", { type: "radio", name: "period", value: length, id: `period-${length}` }), name]);
    const settle = () => {
      scope.value = chosen.scope;
      from.value = iso(dateOf(chosen.from));
      to.value = iso(dateOf(chosen.to));
      for (const [length, radio] of radios) radio.checked = chosen.to === D.days - 1 && chosen.to - chosen.from + 1 === length;
    };
    const changed = () => { settle(); remember(); render(); say(`${chosen.scope}, ${period()}`); };
    scope.addEventListener("change", () => { chosen.scope = scope.value; changed(); });
    for (const [length, radio] of radios) radio.addEventListener("change", () => { choosePeriod(length); changed(); });
    for (const input of [from, to]) {
      input.addEventListener("change", () => {
        const at = dayIndex(utc(input.value));
        if (!(at >= 0 && at < D.days)) return settle();
        if (input === from) Object.assign(chosen, { from: at, to: Math.max(at, chosen.to) });
        else Object.assign(chosen, { to: at, from: Math.min(at, chosen.from) });
        changed();
      });
    }
    form.addEventListener("submit", (event) => event.preventDefault());
    form.append(el("label", {}, "Scope", scope), el("fieldset", {}, el("legend", { class: "unseen" }, "Period"), radios.map(([, radio, name]) => el("label", {}, radio, el("span", {}, name)))),
      el("div", { class: "dates" }, el("label", {}, "From", from), el("label", {}, "to", to)));
    settle();
  }

  function start() {
    const foot = document.getElementById("foot");
    const made = D.published_at ? `${D.published_at.slice(0, 16).replace(" ", ", ")} UTC` : "unknown";
    foot.append(el("p", {}, `Made from the published marts of ${made} by copilot_etl ${D.version}. Days are UTC days. Nothing in this file is sent anywhere.`),
      el("p", {}, "It tells who uses Copilot and how, and what that takes of the credits; it cannot tell what the code is worth. Chat on github.com, mobile, and editors with telemetry off are not in GitHub's report."));
    if (!D.days || !D.scopes.length) {
      main.replaceChildren(el("h1", { class: "unseen" }, "Copilot adoption"), el("p", { class: "message" }, "No day is loaded yet. Run copilot-etl load, then copilot-etl report."));
      return;
    }
    recall();
    choices();
    render();
    let width = window.innerWidth;
    window.addEventListener("resize", () => {
      if (window.innerWidth !== width) { width = window.innerWidth; requestAnimationFrame(paintAll); }
    });
    window.addEventListener("beforeprint", paintAll);
    window.addEventListener("afterprint", paintAll);
  }

  start();
})();

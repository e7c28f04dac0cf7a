// Draws every plot of the page as SVG from the JSON block, with one cursor for all.
// Colours are CSS variables, so a change of theme needs no new drawing.
(() => {
  "use strict";
  const root = document.documentElement;
  window.addEventListener("error", (event) => {
    root.dataset.error = String(event.message);
  });

  const data = JSON.parse(document.getElementById("plots").textContent);
  const HEIGHT = 190;
  const PAD = { left: 54, right: 10, top: 16, bottom: 22 };

  // Names in the data are meanings; some share a class's name in the style sheet.
  const colour = (name) => `var(--${name})`;

  const svg = (name, attributes, text) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const key in attributes) element.setAttribute(key, attributes[key]);
    if (text !== undefined) element.textContent = text;
    return element;
  };

  // Numbers as people read them.

  const digits = (value) => {
    const size = Math.abs(value);
    if (size >= 1000) return Math.round(value).toLocaleString("en-US");
    if (size >= 100 || Number.isInteger(value)) return value.toFixed(0);
    if (size >= 10) return value.toFixed(1);
    return value.toFixed(2);
  };

  const prefixed = (value, scales) => {
    if (value === 0) return "0";
    const size = Math.abs(value) * 1.0005;
    const [scale, name] = scales.find((entry) => size >= entry[0]) || scales[scales.length - 1];
    // Ticks are round, values are not: drop zeros that say nothing.
    const text = digits(value / scale);
    return (text.includes(".") ? text.replace(/\.?0+$/, "") : text) + name;
  };

  const SCALES = {
    count: [[1e9, "G"], [1e6, "M"], [1, ""]],
    seconds: [[1, " s"], [1e-3, " ms"], [1e-6, " µs"]],
    bytes: [[1e9, " GB"], [1e6, " MB"], [1e3, " kB"], [1, " B"]],
  };

  const FORMATS = {
    count: (value) => (Math.abs(value) >= 1e6 ? prefixed(value, SCALES.count) : digits(value)),
    per_second: (value) => FORMATS.count(value) + "/s",
    seconds: (value) => prefixed(value, SCALES.seconds),
    bytes: (value) => prefixed(value, SCALES.bytes),
    bytes_per_second: (value) => (value === 0 ? "0" : prefixed(value, SCALES.bytes) + "/s"),
    cores: (value) => digits(value),
    percent: (value) => digits(value) + " %",
  };

  // `per_second` on every tick is noise: the title says it.
  const tickText = (unit, value) => (unit === "per_second" ? FORMATS.count(value) : FORMATS[unit](value));

  const percentile = (nines) => {
    const percent = 100 * (1 - Math.pow(10, -nines));
    return percent.toFixed(Math.max(0, Math.ceil(nines) - 2)) + " %";
  };

  // Places on the horizontal axis.
  const ACROSS = {
    time: (x) => digits(x) + " s",
    nines: (x) => percentile(x),
    rate: (x) => FORMATS.per_second(x),
    runs: (x) => (x < 1 ? "" : "run " + Math.round(x)),
  };

  // Axes.

  const niceStep = (span, wanted) => {
    const raw = span / wanted;
    const magnitude = Math.pow(10, Math.floor(Math.log10(raw)));
    return [1, 2, 5, 10].map((m) => m * magnitude).find((step) => step >= raw);
  };

  const linearTicks = (from, to, wanted) => {
    const step = niceStep(to - from, wanted);
    const ticks = [];
    for (let i = Math.ceil(from / step); i * step <= to + step * 1e-6; i++) ticks.push(i * step);
    return ticks;
  };

  const shownLines = (plot) => plot.lines.filter((line) => !line.hidden);

  const valueAxis = (plot) => {
    const lines = shownLines(plot);
    const values = (lines.length ? lines : plot.lines).flatMap((line) =>
      line.points.map((point) => point[1]).filter((y) => y !== null));
    const bottom = PAD.top, top = HEIGHT - PAD.bottom;
    if (plot.log) {
      const positive = values.filter((value) => value > 0);
      const low = Math.floor(Math.log10(Math.min(...positive, 1e9)));
      const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...positive, 1e-9))));
      const ticks = [];
      for (let power = low; power <= high; power++) ticks.push(Math.pow(10, power));
      const scale = (y) => {
        const share = (Math.log10(Math.max(y, Math.pow(10, low))) - low) / (high - low);
        return top - share * (top - bottom);
      };
      return { ticks, scale };
    }
    const most = Math.max(...values, plot.unit === "percent" ? 10 : 0) || 1;
    const step = niceStep(most, 4);
    const high = Math.ceil(most / step) * step;
    const scale = (y) => top - (y / high) * (top - bottom);
    return { ticks: linearTicks(0, high, 4), scale };
  };

  const xEnd = (plot) =>
    plot.x === "time"
      ? data.end_s
      : Math.max(1, ...plot.lines.map((line) => line.points[line.points.length - 1][0]));

  // Drawing.

  const drawShades = (target, scaleX) => {
    // Names stand above their shades; one that would run into the last is left out.
    let free = 0;
    for (const shade of data.shades) {
      const x = scaleX(shade.start_s);
      const width = Math.max(1, scaleX(shade.end_s) - x);
      const quiet = shade.name === "steady";
      if (!quiet) {
        target.append(svg("rect", {
          class: shade.fault ? "fault" : "phase", x, y: PAD.top, width, height: HEIGHT - PAD.top - PAD.bottom,
        }));
      }
      const room = shade.name.length * 5.8;
      if (x >= free && (shade.fault || room <= width)) {
        target.append(svg("text", { class: "shade-name" + (shade.fault ? " of-fault" : ""), x: x + 2, y: PAD.top - 5 }, shade.name));
        free = x + room + 6;
      }
    }
  };

  const drawAxes = (target, plot, axis, scaleX, width) => {
    for (const tick of axis.ticks) {
      const y = axis.scale(tick);
      target.append(svg("line", { class: "grid", x1: PAD.left, x2: width - PAD.right, y1: y, y2: y }));
      target.append(svg("text", { x: PAD.left - 7, y: y + 4, "text-anchor": "end" }, tickText(plot.unit, tick)));
    }
    const end = xEnd(plot);
    const ticks = plot.x === "time"
      ? linearTicks(0, end, Math.max(3, Math.floor(width / 80)))
      : plot.x === "rate" || plot.x === "runs"
        ? linearTicks(0, end, Math.max(2, Math.floor(width / 90)))
        : linearTicks(0, end, end).filter(Number.isInteger);
    for (const tick of ticks) {
      const text = ACROSS[plot.x](tick);
      const x = scaleX(tick);
      const anchor = x > width - PAD.right - 16 ? "end" : "middle";
      target.append(svg("text", { x, y: HEIGHT - 6, "text-anchor": anchor }, text));
    }
  };

  const pathOf = (points, scaleX, scaleY) => {
    let path = "";
    let pen = false;
    points.forEach(([x, y], index) => {
      if (y === null) { pen = false; return; }
      const at = `${scaleX(x).toFixed(1)} ${scaleY(y).toFixed(1)}`;
      const next = points[index + 1];
      if (pen) path += "L" + at;
      // A lone point between two gaps is a dot.
      else path += "M" + at + (!next || next[1] === null ? "h.1" : "");
      pen = true;
    });
    return path;
  };

  const draw = (view) => {
    const { plot, canvas } = view;
    const width = canvas.clientWidth;
    if (width === 0) return;
    const end = xEnd(plot);
    const scaleX = (x) => PAD.left + (x / end) * (width - PAD.left - PAD.right);
    const axis = valueAxis(plot);
    const image = svg("svg", { viewBox: `0 0 ${width} ${HEIGHT}` });
    if (plot.x === "time") drawShades(image, scaleX);
    drawAxes(image, plot, axis, scaleX, width);
    // Dashes go on top: where two lines are one, both are seen.
    const lines = shownLines(plot).sort((a, b) => a.dashed - b.dashed);
    for (const line of lines) {
      const path = svg("path", { d: pathOf(line.points, scaleX, axis.scale), class: line.dashed ? "dashed" : "" });
      path.style.stroke = colour(line.colour);
      image.append(path);
    }
    view.cursor = svg("line", { class: "cursor", y1: PAD.top, y2: HEIGHT - PAD.bottom, visibility: "hidden" });
    view.cursorText = svg("text", { class: "cursor-text", y: PAD.top + 11, visibility: "hidden" });
    image.append(view.cursor, view.cursorText);
    view.scaleX = scaleX;
    view.width = width;
    view.end = end;
    canvas.replaceChildren(image);
  };

  // The shared cursor: every plot of one axis shows its values at the same place.

  const nearest = (points, x) => {
    let low = 0, high = points.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (points[middle][0] < x) low = middle + 1; else high = middle;
    }
    const before = points[Math.max(0, low - 1)];
    return x - before[0] < points[low][0] - x ? before : points[low];
  };

  const phaseAt = (x) => {
    const inside = data.shades.filter((shade) => shade.start_s <= x && x < shade.end_s);
    const shade = inside.find((candidate) => candidate.fault) || inside[0];
    return shade ? " · " + shade.name : "";
  };

  const showCursor = (views, axis, x) => {
    for (const view of views) {
      if (view.plot.x !== axis || !view.cursor) continue;
      const visible = x !== null && x <= view.end;
      view.cursor.setAttribute("visibility", visible ? "visible" : "hidden");
      view.cursorText.setAttribute("visibility", visible ? "visible" : "hidden");
      view.values.forEach((value, index) => {
        const point = visible ? nearest(view.plot.lines[index].points, x) : null;
        value.textContent = point && point[1] !== null ? FORMATS[view.plot.unit](point[1]) : "";
      });
      if (!visible) continue;
      const at = view.scaleX(x);
      const left = at < view.width / 2;
      view.cursor.setAttribute("x1", at);
      view.cursor.setAttribute("x2", at);
      view.cursorText.setAttribute("x", at + (left ? 5 : -5));
      view.cursorText.setAttribute("text-anchor", left ? "start" : "end");
      view.cursorText.textContent = axis === "time" ? x.toFixed(1) + " s" + phaseAt(x) : ACROSS[axis](x);
    }
  };

  // A click on a name in a legend hides its line.
  const addLegend = (view, legend) => {
    for (const line of view.plot.lines) {
      const button = document.createElement("button");
      const swatch = document.createElement("i");
      const value = document.createElement("b");
      swatch.style.borderColor = colour(line.colour);
      swatch.className = line.dashed ? "dashed" : "";
      button.type = "button";
      button.append(swatch, line.label, value);
      button.addEventListener("click", () => {
        line.hidden = !line.hidden;
        button.classList.toggle("off", line.hidden);
        draw(view);
      });
      legend.append(button);
      view.values.push(value);
    }
  };

  const views = [...document.querySelectorAll("figure.plot")].map((figure) => {
    const plot = data.groups[figure.dataset.group].plots[figure.dataset.plot];
    const view = { plot, canvas: figure.querySelector(".canvas"), values: [] };
    addLegend(view, figure.querySelector(".legend"));
    return view;
  });

  const follow = (view, event) => {
    const box = view.canvas.getBoundingClientRect();
    const share = (event.clientX - box.left - PAD.left) / (view.width - PAD.left - PAD.right);
    showCursor(views, view.plot.x, Math.min(1, Math.max(0, share)) * view.end);
  };

  for (const view of views) {
    view.canvas.addEventListener("pointermove", (event) => follow(view, event));
    view.canvas.addEventListener("pointerleave", () => showCursor(views, view.plot.x, null));
    new ResizeObserver(() => draw(view)).observe(view.canvas);
    draw(view);
  }

  document.getElementById("theme").addEventListener("click", () => {
    const systemDark = matchMedia("(prefers-color-scheme: dark)").matches;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : systemDark;
    root.dataset.theme = dark ? "light" : "dark";
  });

  // What the browser test reads.
  root.dataset.plots = String(views.filter((view) => view.canvas.querySelector("path[d^=M]")).length);
})();

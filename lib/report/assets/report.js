"use strict";
(function () {
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const words = { found: "found", missed: "missed defect", alarm: "false alarm", passed: "passed" };
  const PAGE = 120;
  const state = { category: -1, threshold: data.threshold, shown: [], rendered: 0, open: -1 };

  /* ---- What a threshold decides ---- */

  function verdict(item) {
    const called = item.score >= state.threshold;
    return item.anomalous ? (called ? "found" : "missed") : called ? "alarm" : "passed";
  }

  function itemsOf(category) {
    return category < 0 ? data.items : data.items.filter((item) => item.category === category);
  }

  function count(items) {
    const counts = { found: 0, missed: 0, alarm: 0, passed: 0 };
    for (const item of items) counts[verdict(item)]++;
    return counts;
  }

  function share(part, all) {
    return all > 0 ? (part / all).toFixed(4) : "\u2013";
  }

  function number(value) {
    return value === null || value === undefined ? "\u2013" : String(Number(value.toPrecision(4)));
  }

  function element(tag, attributes, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  }

  function shape(tag, attributes, ...children) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  }

  function showCounts() {
    const c = count(itemsOf(state.category));
    byId("slider").setAttribute("aria-valuetext",
      `${number(state.threshold)}: ${c.found} found, ${c.missed} missed, ${c.alarm} false alarms, ${c.passed} passed`);
    byId("tp").textContent = c.found;
    byId("fn").textContent = c.missed;
    byId("fp").textContent = c.alarm;
    byId("tn").textContent = c.passed;
    byId("precision").textContent = share(c.found, c.found + c.alarm);
    byId("recall").textContent = share(c.found, c.found + c.missed);
    byId("false-alarm-rate").textContent = share(c.alarm, c.alarm + c.passed);
  }

  /* ---- Histogram and slider: they share the range of scores ---- */

  let range = [0, 1];
  const W = 600, H = 230, EDGE = 12, MIDDLE = 105, HALF = 95; /* half a thumb of the slider at both ends */
  let histogramWidth = W;

  function xOf(score) {
    return EDGE + ((score - range[0]) / (range[1] - range[0])) * (histogramWidth - 2 * EDGE);
  }

  function findRange(items) {
    let low = data.threshold, high = data.threshold;
    for (const item of items) {
      low = Math.min(low, item.score);
      high = Math.max(high, item.score);
    }
    const margin = (high - low) * 0.02 || Math.abs(high) * 0.02 || 1;
    return [low - margin, high + margin];
  }

  function drawHistogram() {
    const items = itemsOf(state.category);
    const bins = 48, counts = [new Array(bins).fill(0), new Array(bins).fill(0)], totals = [0, 0];
    range = findRange(items);
    for (const item of items) {
      const bin = Math.floor(((item.score - range[0]) / (range[1] - range[0])) * bins);
      counts[+item.anomalous][Math.min(Math.max(bin, 0), bins - 1)]++;
      totals[+item.anomalous]++;
    }
    /* As many units as there are pixels, so that letters are not scaled. */
    histogramWidth = Math.max(240, byId("histogram").clientWidth || W);
    const label = `Histogram of image scores: ${totals[0]} good pictures above the axis, ${totals[1]} defective ones below it`;
    const svg = shape("svg", { viewBox: `0 0 ${histogramWidth} ${H}`, role: "img", "aria-label": label });
    for (const kind of [0, 1]) {
      const most = Math.max(...counts[kind]) || 1;
      counts[kind].forEach((value, bin) => {
        if (value === 0) return;
        const step = (histogramWidth - 2 * EDGE) / bins, height = Math.max(1.5, (value / most) * HALF);
        const low = range[0] + ((range[1] - range[0]) * bin) / bins, high = low + (range[1] - range[0]) / bins;
        const text = `${number(low)} to ${number(high)}: ${value} ${kind ? "defective" : "good"}`;
        svg.append(shape("rect", { class: kind ? "bar-defective" : "bar-good", x: EDGE + bin * step + 0.5, width: Math.max(step - 1, 1),
          y: kind ? MIDDLE + 1 : MIDDLE - height - 1, height }, shape("title", {}, text)));
      });
    }
    svg.append(shape("line", { class: "axis", x1: 0, x2: histogramWidth, y1: MIDDLE, y2: MIDDLE }));
    const ticks = histogramWidth < 420 ? 4 : 6;
    for (let i = 0; i <= ticks; i++) {
      const score = range[0] + ((range[1] - range[0]) * i) / ticks;
      const anchor = i === 0 ? "start" : i === ticks ? "end" : "middle";
      const x = anchor === "start" ? 0 : anchor === "end" ? histogramWidth : xOf(score);
      svg.append(shape("text", { x, y: H - 8, "text-anchor": anchor }, String(Number(score.toPrecision(3)))));
    }
    svg.append(shape("line", { class: "own", x1: xOf(data.threshold), x2: xOf(data.threshold), y1: 0, y2: H - 24 }));
    svg.append(shape("line", { class: "mark", id: "histogram-mark", y1: 0, y2: H - 24 }));
    byId("histogram").replaceChildren(svg);
    const slider = byId("slider");
    slider.min = range[0];
    slider.max = range[1];
    moveMark();
  }

  function moveMark() {
    const x = Math.min(Math.max(xOf(state.threshold), 1), histogramWidth - 1);
    const mark = byId("histogram-mark"), slider = byId("slider");
    mark.setAttribute("x1", x);
    mark.setAttribute("x2", x);
    slider.value = state.threshold;
  }

  /* ---- Curves ---- */

  const PLOT = { size: 260, left: 46, bottom: 34, top: 8, right: 10 };
  const px = (x) => PLOT.left + x * PLOT.size;
  const py = (y) => PLOT.top + (1 - y) * PLOT.size;

  function path(curve, kind) {
    const parts = [];
    const at = (x, y) => `${px(x).toFixed(2)} ${py(y).toFixed(2)}`;
    for (let i = 0; i < curve.fpr.length; i++) {
      if (kind === "roc") {
        parts.push(`${i ? "L" : "M"}${at(curve.fpr[i], curve.tpr[i])}`);
      } else if (i > 0) {
        /* Average precision takes each point's precision for all the recall it adds: steps. */
        parts.push(`${i > 1 ? "L" : "M"}${at(curve.tpr[i - 1], curve.precision[i])}L${at(curve.tpr[i], curve.precision[i])}`);
      }
    }
    return parts.join("");
  }

  function coordinates(curve, i, kind) {
    return kind === "roc" ? [curve.fpr[i], curve.tpr[i]] : [curve.tpr[i], curve.precision[i]];
  }

  function describe(category, curve, i, kind) {
    const [x, y] = coordinates(curve, i, kind);
    const name = data.categories.length > 1 ? category.name + ": " : "";
    const names = kind === "roc" ? ["false positive rate", "true positive rate"] : ["recall", "precision"];
    const where = `${names[0]} ${x.toFixed(4)}, ${names[1]} ${y.toFixed(4)}`;
    return `${name}${where}, threshold ${curve.threshold[i] === null ? "above all" : number(curve.threshold[i])}`;
  }

  function plot(level, kind) {
    const title = `${level === "image" ? "Image" : "Pixel"} ${kind === "roc" ? "ROC" : "precision and recall"}`;
    const chosen = data.categories.filter((category, i) => (state.category < 0 || i === state.category) && category[level + "_curve"].fpr.length > 0);
    const value = (category) => category[`${level}_${kind === "roc" ? "auroc" : "ap"}`];
    const mean = chosen.length ? chosen.reduce((sum, category) => sum + value(category), 0) / chosen.length : null;
    const found = mean === null ? "" : `${kind === "roc" ? "AUROC" : "AP"} ${mean.toFixed(4)}${chosen.length > 1 ? " (mean)" : ""}`;
    const area = found || "no curve: only one kind of label";
    const width = PLOT.left + PLOT.size + PLOT.right, height = PLOT.top + PLOT.size + PLOT.bottom;
    const svg = shape("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${title} curve, ${area}` });
    for (const tick of [0, 0.25, 0.5, 0.75, 1]) {
      svg.append(shape("path", { class: "axis", d: `M${px(tick)} ${py(0)}V${py(1)}M${px(0)} ${py(tick)}H${px(1)}` }));
      svg.append(shape("text", { x: px(tick), y: py(0) + 14, "text-anchor": tick === 1 ? "end" : "middle" }, String(tick)));
      if (tick > 0) svg.append(shape("text", { x: px(0) - 5, y: py(tick) + 4, "text-anchor": "end" }, String(tick)));
    }
    const names = kind === "roc" ? ["false positive rate", "true positive rate"] : ["recall", "precision"];
    svg.append(shape("text", { x: px(0.5), y: height - 4, "text-anchor": "middle" }, names[0]));
    svg.append(shape("text", { "text-anchor": "middle", transform: `translate(11 ${py(0.5)}) rotate(-90)` }, names[1]));
    if (kind === "roc") svg.append(shape("path", { class: "chance", d: `M${px(0)} ${py(0)}L${px(1)} ${py(1)}` }));
    for (const category of chosen) {
      const line = { class: chosen.length > 1 ? "line many" : "line", d: path(category[level + "_curve"], kind) };
      svg.append(shape("path", line, shape("title", {}, category.name)));
    }
    for (const category of level === "image" ? chosen : [])
      svg.append(shape("circle", { class: "point", r: 4, "data-category": data.categories.indexOf(category), "data-kind": kind }));
    const probe = shape("circle", { class: "probe", r: 4, visibility: "hidden" });
    svg.append(probe);
    const output = element("output", {});
    svg.addEventListener("pointermove", (event) => {
      const box = svg.getBoundingClientRect(), scale = width / box.width;
      const x = ((event.clientX - box.left) * scale - PLOT.left) / PLOT.size, y = 1 - ((event.clientY - box.top) * scale - PLOT.top) / PLOT.size;
      let best = null, nearest = Infinity;
      for (const category of chosen) {
        const curve = category[level + "_curve"];
        for (let i = 0; i < curve.fpr.length; i++) {
          const [u, v] = coordinates(curve, i, kind), distance = (u - x) ** 2 + (v - y) ** 2;
          if (distance < nearest) {
            nearest = distance;
            best = [category, curve, i];
          }
        }
      }
      if (best === null) return;
      const [u, v] = coordinates(best[1], best[2], kind);
      probe.setAttribute("cx", px(u));
      probe.setAttribute("cy", py(v));
      probe.setAttribute("visibility", "visible");
      output.textContent = describe(...best, kind);
    });
    svg.addEventListener("pointerleave", () => {
      probe.setAttribute("visibility", "hidden");
      output.textContent = "";
    });
    const heading = element("h3", {}, title + " ", element("span", { class: "area" }, area));
    return element("figure", {}, heading, svg, output);
  }

  function drawCurves() {
    byId("curves").replaceChildren(plot("image", "roc"), plot("image", "pr"), plot("pixel", "roc"), plot("pixel", "pr"));
    movePoints();
  }

  /* Where the threshold lies on the image curves. */
  function movePoints() {
    const points = document.querySelectorAll("#curves .point");
    const counts = {};
    for (const point of points) {
      const category = Number(point.dataset.category);
      const c = (counts[category] = counts[category] || count(itemsOf(category)));
      const recall = c.found / (c.found + c.missed), called = c.found + c.alarm;
      const [x, y] = point.dataset.kind === "roc" ? [c.alarm / (c.alarm + c.passed), recall] : [recall, called ? c.found / called : 1];
      point.setAttribute("cx", px(x));
      point.setAttribute("cy", py(y));
    }
  }

  /* ---- Gallery ---- */

  const source = (kind, base64) => `data:image/${kind};base64,${base64}`;

  /* How far on the wrong side of the threshold; below 0: on the right one. */
  function wrongness(item) {
    return item.anomalous ? state.threshold - item.score : item.score - state.threshold;
  }

  const orders = {
    worst: (a, b) => isWrong(b) - isWrong(a) || wrongness(b) - wrongness(a),
    high: (a, b) => b.score - a.score,
    low: (a, b) => a.score - b.score,
    name: (a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0),
  };

  function isWrong(item) {
    const is = verdict(item);
    return +(is === "missed" || is === "alarm");
  }

  const lazy = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      lazy.unobserve(entry.target);
      entry.target.src = source("jpeg", entry.target.item.image);
    }
  }, { rootMargin: "400px" });

  function label(item) {
    const is = verdict(item);
    return `${item.name}, ${item.defect || (item.anomalous ? "defective" : "good")}, score ${number(item.score)}, ${words[is]}`;
  }

  function markTile(tile) {
    const item = tile.item, is = verdict(item);
    tile.className = "tile " + is;
    tile.setAttribute("aria-label", label(item));
    const mark = tile.querySelector(".verdict");
    mark.className = "verdict " + is;
    mark.textContent = words[is];
  }

  function makeTile(item, place) {
    const image = element("img", { alt: "" });
    image.item = item;
    const text = element("span", { class: "text" }, element("span", { class: "name", title: item.name }, item.name),
      element("span", { class: "verdict" }), ` ${number(item.score)}`);
    const tile = element("button", { type: "button" }, element("span", { class: "frame" }, image), text);
    tile.item = item;
    tile.addEventListener("click", () => openViewer(place));
    markTile(tile);
    lazy.observe(image);
    return element("div", { role: "listitem" }, tile);
  }

  function showMore() {
    const end = Math.min(state.rendered + PAGE, state.shown.length);
    const tiles = document.createDocumentFragment();
    for (let i = state.rendered; i < end; i++) tiles.append(makeTile(state.shown[i], i));
    byId("gallery").append(tiles);
    state.rendered = end;
    byId("more").hidden = end === state.shown.length;
  }

  function drawGallery() {
    const filter = byId("filter").value;
    const keep = filter === "all" ? () => true : filter === "wrong" ? isWrong : (item) => verdict(item) === filter;
    state.shown = itemsOf(state.category).filter(keep).sort(orders[byId("order").value]);
    state.rendered = 0;
    lazy.disconnect();
    byId("gallery").replaceChildren();
    byId("shown").textContent = `${state.shown.length} ${state.shown.length === 1 ? "picture" : "pictures"}`;
    showMore();
  }

  /* ---- One picture ---- */

  const viewer = byId("viewer");

  function showPicture(id, url, text, item) {
    const image = byId(id);
    image.src = url;
    image.alt = text;
    image.style.setProperty("--ratio", item.width / item.height);
  }

  function showItem(place) {
    if (place < 0 || place >= state.shown.length) return;
    const item = state.shown[place], is = verdict(item);
    state.open = place;
    const category = data.categories[item.category].name;
    byId("viewer-name").textContent = item.name;
    const facts = ["", `score ${number(item.score)} at threshold ${number(state.threshold)}`,
      `normalised ${item.normalized.toFixed(3)} by the model's own`,
      `truth: ${item.anomalous ? item.defect || "defective" : "good"}`,
      ...(data.categories.length > 1 ? [category] : []),
      `${item.width} \u00d7 ${item.height} pixels`];
    byId("viewer-facts").replaceChildren(
      element("span", { class: "verdict " + is, id: "viewer-verdict" }, words[is]), facts.join(" \u00b7 "));
    showPicture("viewer-image", source("jpeg", item.image), "the picture", item);
    showPicture("viewer-map", source("jpeg", item.map), "the map of anomaly", item);
    const masked = item.mask !== "";
    byId("viewer-mask").hidden = !masked;
    byId("viewer-nomask").hidden = masked;
    byId("viewer-nomask").style.setProperty("--ratio", item.width / item.height);
    byId("viewer-nomask").textContent = item.anomalous ? "no mask" : "good: no mask";
    if (masked) showPicture("viewer-mask", source("png", item.mask), "the mask of the true defect", item);
    byId("viewer-place").textContent = `${place + 1} of ${state.shown.length}`;
    byId("previous").disabled = place === 0;
    byId("next").disabled = place === state.shown.length - 1;
  }

  function openViewer(place) {
    showItem(place);
    viewer.showModal();
  }

  viewer.addEventListener("keydown", (event) => {
    const before = state.open - 1, after = state.open + 1, last = state.shown.length - 1;
    const to = { ArrowRight: after, ArrowDown: after, ArrowLeft: before, ArrowUp: before, Home: 0, End: last }[event.key];
    if (to === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    showItem(to);
  });
  viewer.addEventListener("close", () => {
    while (state.rendered <= state.open && state.rendered < state.shown.length) showMore();
    const tile = byId("gallery").children[state.open];
    if (tile) tile.firstChild.focus();
  });
  viewer.addEventListener("click", (event) => {
    if (event.target === viewer) viewer.close(); /* beside the page */
  });
  byId("close").addEventListener("click", () => viewer.close());
  byId("previous").addEventListener("click", () => showItem(state.open - 1));
  byId("next").addEventListener("click", () => showItem(state.open + 1));

  /* ---- Wiring ---- */

  /* While the slider moves the tiles stay where they are and change their verdicts; they are put in order when it rests. */
  function setThreshold(value, settled, from) {
    if (!Number.isFinite(value)) return;
    state.threshold = value;
    if (from !== "number") byId("threshold").value = Number(value.toPrecision(9));
    moveMark();
    showCounts();
    movePoints();
    if (settled) drawGallery();
    else for (const tile of document.querySelectorAll(".tile")) markTile(tile);
  }

  function setCategory(category) {
    state.category = category;
    drawHistogram();
    drawCurves();
    showCounts();
    drawGallery();
  }

  const slider = byId("slider"), exact = byId("threshold");
  slider.addEventListener("input", () => setThreshold(slider.valueAsNumber, false));
  slider.addEventListener("change", () => setThreshold(slider.valueAsNumber, true));
  exact.addEventListener("input", () => setThreshold(exact.valueAsNumber, false, "number"));
  exact.addEventListener("change", () => setThreshold(exact.valueAsNumber, true, "number"));
  byId("reset").addEventListener("click", () => setThreshold(data.threshold, true));
  byId("filter").addEventListener("change", drawGallery);
  byId("order").addEventListener("change", drawGallery);
  byId("more").addEventListener("click", showMore);
  new IntersectionObserver((entries) => {
    if (entries.some((entry) => entry.isIntersecting) && state.rendered < state.shown.length) showMore();
  }, { rootMargin: "600px" }).observe(byId("more"));
  let resizing = 0;
  addEventListener("resize", () => {
    cancelAnimationFrame(resizing);
    resizing = requestAnimationFrame(drawHistogram);
  });

  byId("category-control").hidden = data.categories.length < 2;
  byId("category").append(element("option", { value: -1 }, "all"));
  data.categories.forEach((category, i) => byId("category").append(element("option", { value: i }, category.name)));
  byId("category").addEventListener("change", (event) => setCategory(Number(event.target.value)));
  byId("scale").style.background = `linear-gradient(90deg, ${data.scale.join(", ")})`;
  byId("scale-text").textContent = `0 to ${number(2 * data.map_threshold)}`;
  for (const section of document.querySelectorAll(".scripted")) section.hidden = false;
  setCategory(-1);
  setThreshold(data.threshold, true);
})();

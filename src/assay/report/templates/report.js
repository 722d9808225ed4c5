// The viewer: one picture, one map over or beside it, zoom, regions. No library, no network.
"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const root = document.documentElement;
  root.classList.add("js");
  const maps = JSON.parse($("maps").textContent);
  const [W, H] = [Number(root.dataset.width), Number(root.dataset.height)];
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const canvases = [...document.querySelectorAll(".canvas")];
  const state = { map: "", mode: "overlay", opacity: { heat: 0.75, view: 1 }, boxes: true, finding: "", region: 0, view: [0, 0, W, H] };
  let timer = 0;

  /** Heat lies thinly over the picture; a view is a picture itself. */
  function kind() {
    return maps[state.map]?.heat ? "heat" : "view";
  }

  function show() {
    const map = maps[state.map];
    const both = state.mode === "side" && Boolean(map);
    $("panes").classList.toggle("two", both);
    $("pane-b").hidden = !both;
    $("layer").setAttribute("href", map && !both ? "#" + state.map : "#nothing");
    const opacity = state.opacity[kind()];
    $("layer").setAttribute("opacity", String(opacity));
    $("layer-b").setAttribute("href", both ? "#" + state.map : "#nothing");
    $("caption-a").textContent = !map ? "The picture" : both ? "The picture" : (map.loose ? "" : "The picture with ") + map.name;
    $("caption-b").textContent = map ? map.name : "";
    $("choose").value = state.map;
    $("opacity").disabled = !map || both;
    $("opacity").value = String(Math.round(opacity * 100));
    $("opacity-out").textContent = Math.round(opacity * 100) + " %";
    $("marks").hidden = !document.querySelector(`.viewer .boxes[data-finding="${CSS.escape(state.finding)}"]`);
    for (const input of document.querySelectorAll("input[name=mode]")) {
      input.checked = input.value === state.mode;
      input.disabled = !map;
    }
    $("legend-map").hidden = !map;
    if (map) {
      $("legend-title").textContent = map.title + ": " + map.name;
      $("legend-meaning").textContent = map.meaning;
      $("legend-ignore").textContent = map.ignore;
      $("ignore").hidden = !map.ignore;
      $("ramp").hidden = !map.heat;
      map.ramp.forEach((opacity, i) => $("ramp-colours").children[i].setAttribute("stop-opacity", String(opacity)));
      $("low").textContent = map.low;
      $("high").textContent = map.high;
      $("unknown").hidden = !map.unknown;
    }
    $("legend-none").hidden = Boolean(map);
    for (const thumb of document.querySelectorAll(".thumb")) {
      thumb.setAttribute("aria-pressed", String(thumb.dataset.map === state.map));
    }
    for (const group of document.querySelectorAll(".viewer .boxes")) {
      group.toggleAttribute("hidden", !state.boxes || map?.loose || group.dataset.finding !== state.finding);
      for (const box of group.children) {
        box.classList.toggle("here", Number(box.dataset.region) === state.region);
      }
    }
    for (const card of document.querySelectorAll(".finding")) {
      card.classList.toggle("current", card.dataset.finding === state.finding);
    }
    blink(state.mode === "blink" && Boolean(map));
    look();
  }

  function blink(on) {
    clearInterval(timer);
    $("swap").hidden = !on;
    $("layer").removeAttribute("visibility");
    if (on && !calm.matches) {
      timer = setInterval(swap, 600);
    }
  }

  function swap() {
    const hidden = $("layer").getAttribute("visibility") === "hidden";
    $("layer").setAttribute("visibility", hidden ? "visible" : "hidden");
  }

  function look() {
    const [x, y, w, h] = state.view;
    for (const canvas of canvases) {
      canvas.setAttribute("viewBox", [x, y, w, h].join(" "));
    }
    $("viewer").classList.toggle("zoomed", w < W);
    for (const text of document.querySelectorAll(".viewer .boxes text")) {
      text.setAttribute("font-size", String(Math.max(w / 38, h / 38)));
    }
  }

  /** Zoom by a factor about a point of the picture. */
  function zoom(factor, cx = state.view[0] + state.view[2] / 2, cy = state.view[1] + state.view[3] / 2) {
    const [x, y, w] = state.view;
    const width = Math.min(W, Math.max(W / 64, 16, w / factor));
    const k = width / w;
    place(cx - (cx - x) * k, cy - (cy - y) * k, width);
  }

  function place(x, y, width) {
    const w = Math.min(width, W);
    const h = (w * H) / W;
    state.view = [Math.min(Math.max(0, x), W - w), Math.min(Math.max(0, y), H - h), w, h];
    look();
  }

  function pan(dx, dy) {
    place(state.view[0] + dx, state.view[1] + dy, state.view[2]);
  }

  function fit() {
    place(0, 0, W);
  }

  function choose(key) {
    state.map = key;
    const map = maps[key];
    const finding = map ? map.finding : "";
    if (finding !== state.finding) {
      state.region = 0;
    }
    state.finding = finding;
    show();
  }

  function focusRegion(finding, region) {
    const box = document.querySelector(`.viewer .boxes[data-finding="${CSS.escape(finding)}"] [data-region="${region}"]`);
    const card = document.querySelector(`.finding[data-finding="${CSS.escape(finding)}"]`);
    if (maps[state.map]?.finding !== finding || maps[state.map].loose) {
      state.map = card.dataset.telling;
    }
    state.finding = finding;
    state.region = region;
    state.boxes = true;
    $("regions").checked = true;
    const [x, y, w, h] = ["x", "y", "width", "height"].map((name) => Number(box.dataset[name]));
    const width = Math.min(W, Math.max(w * 2.5, ((h * 2.5) * W) / H, W / 6));
    place(x + w / 2 - width / 2, y + h / 2 - (width * H) / W / 2, width);
    show();
    bring();
  }

  /** On a narrow screen the viewer is not beside the findings: scroll to it. */
  function bring() {
    const box = $("viewer").getBoundingClientRect();
    if (box.top < -40 || box.top > innerHeight * 0.6) {
      $("viewer").scrollIntoView({ block: "start" });
    }
  }

  function step(by) {
    const keys = ["", ...Object.keys(maps)];
    choose(keys[(keys.indexOf(state.map) + by + keys.length) % keys.length]);
  }

  $("choose").addEventListener("change", (event) => choose(event.target.value));
  $("opacity").addEventListener("input", (event) => {
    state.opacity[kind()] = Number(event.target.value) / 100;
    show();
  });
  $("regions").addEventListener("change", (event) => {
    state.boxes = event.target.checked;
    show();
  });
  for (const input of document.querySelectorAll("input[name=mode]")) {
    input.addEventListener("change", () => {
      state.mode = input.value;
      show();
    });
  }
  $("swap").addEventListener("click", swap);
  $("zoom-in").addEventListener("click", () => zoom(1.6));
  $("zoom-out").addEventListener("click", () => zoom(1 / 1.6));
  $("zoom-fit").addEventListener("click", fit);
  $("full").hidden = !document.fullscreenEnabled;
  $("full").addEventListener("click", () => {
    if (document.fullscreenElement) {
      document.exitFullscreen();
    } else {
      $("viewer").requestFullscreen();
    }
  });
  calm.addEventListener("change", show);

  for (const thumb of document.querySelectorAll(".thumb")) {
    thumb.addEventListener("click", () => {
      choose(thumb.dataset.map);
      bring();
    });
  }
  for (const button of document.querySelectorAll(".places button")) {
    button.addEventListener("click", () => focusRegion(button.dataset.finding, Number(button.dataset.region)));
  }

  // Dragging, pinching, the wheel (with Ctrl, so that the page still scrolls) and keys.
  const held = new Map();
  function toPicture(canvas, event) {
    const matrix = canvas.getScreenCTM();
    return new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix.inverse());
  }
  for (const canvas of canvases) {
    canvas.addEventListener("pointerdown", (event) => {
      held.set(event.pointerId, event);
      if (state.view[2] < W || held.size > 1) {
        canvas.setPointerCapture(event.pointerId);
      }
    });
    canvas.addEventListener("pointermove", (event) => {
      const before = held.get(event.pointerId);
      if (!before) {
        return;
      }
      const scale = canvas.getScreenCTM().a;
      if (held.size === 1 && state.view[2] < W) {
        pan((before.clientX - event.clientX) / scale, (before.clientY - event.clientY) / scale);
      } else if (held.size === 2) {
        const other = [...held.values()].find((e) => e.pointerId !== event.pointerId);
        const apart = (e) => Math.hypot(e.clientX - other.clientX, e.clientY - other.clientY);
        const centre = { clientX: (event.clientX + other.clientX) / 2, clientY: (event.clientY + other.clientY) / 2 };
        const at = toPicture(canvas, centre);
        zoom(apart(event) / Math.max(1, apart(before)), at.x, at.y);
      }
      held.set(event.pointerId, event);
    });
    for (const end of ["pointerup", "pointercancel", "pointerleave"]) {
      canvas.addEventListener(end, (event) => held.delete(event.pointerId));
    }
    canvas.addEventListener("dblclick", (event) => {
      const at = toPicture(canvas, event);
      zoom(2.2, at.x, at.y);
    });
    canvas.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) {
        return;
      }
      event.preventDefault();
      const at = toPicture(canvas, event);
      zoom(Math.exp(-event.deltaY / 240), at.x, at.y);
    }, { passive: false });
  }
  const mode = (name) => () => {
    state.mode = name;
    show();
  };
  const keys = {
    "+": () => zoom(1.6), "=": () => zoom(1.6), "-": () => zoom(1 / 1.6), 0: fit,
    ArrowLeft: () => pan(-state.view[2] / 8, 0), ArrowRight: () => pan(state.view[2] / 8, 0),
    ArrowUp: () => pan(0, -state.view[3] / 8), ArrowDown: () => pan(0, state.view[3] / 8),
    "[": () => step(-1), "]": () => step(1), o: mode("overlay"), s: mode("side"), b: mode("blink"), x: swap,
  };
  for (const canvas of canvases) {
    canvas.addEventListener("keydown", (event) => {
      const act = keys[event.key];
      if (act && !event.ctrlKey && !event.metaKey && !event.altKey) {
        event.preventDefault();
        act();
      }
    });
  }

  // Paper has no controls: everything is open and the picture stands whole.
  let closed = [];
  let kept = state.view;
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open])")];
    closed.forEach((d) => { d.open = true; });
    kept = state.view;
    fit();
  });
  addEventListener("afterprint", () => {
    closed.forEach((d) => { d.open = false; });
    place(kept[0], kept[1], kept[2]);
  });

  choose($("choose").dataset.first);
})();

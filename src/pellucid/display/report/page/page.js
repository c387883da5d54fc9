(() => {
  "use strict";
  const root = document.documentElement;
  const button = document.getElementById("theme");
  const views = new Map();

  // Charts are made for light paper; in the dark each colour of the palette gives way to its other.
  function recoloured(text) {
    const pairs = PELLUCID_THEMES.recolour;
    return text.replace(/#[0-9a-f]{6}/gi, (colour) => pairs[colour.toLowerCase()] || colour);
  }

  async function draw(element, text, theme) {
    const previous = views.get(element);
    if (previous) previous.finalize();
    const spec = JSON.parse(theme === "dark" ? recoloured(text) : text);
    spec.description = element.getAttribute("aria-label");
    const config = fit(spec, PELLUCID_THEMES[theme], element.clientWidth);
    const result = await vegaEmbed(element, spec, {
      actions: false, renderer: "svg", config, tooltip: { theme: "custom" },
    });
    views.set(element, result);
    element.dataset.drawn = theme;
    const svg = element.querySelector("svg");
    if (svg) { svg.setAttribute("aria-hidden", "true"); svg.setAttribute("focusable", "false"); }
  }

  async function drawAll(theme) {
    for (const script of document.querySelectorAll("script.spec")) {
      await draw(document.getElementById(script.dataset.for), script.textContent, theme);
    }
    root.dataset.ready = theme;
  }

  function setTheme(theme) {
    root.dataset.theme = theme;
    button.setAttribute("aria-pressed", String(theme === "dark"));
    return drawAll(theme);
  }

  button.addEventListener("click", () => setTheme(root.dataset.theme === "dark" ? "light" : "dark"));

  function key(row, column) {
    const cell = row.cells[column];
    return cell.dataset.sort === undefined ? cell.textContent.trim() : Number(cell.dataset.sort);
  }

  for (const sorter of document.querySelectorAll("button.sort")) {
    sorter.addEventListener("click", () => {
      const head = sorter.closest("th");
      const table = head.closest("table");
      const direction = head.getAttribute("aria-sort") === "descending" ? "ascending" : "descending";
      for (const other of table.tHead.querySelectorAll("th")) other.setAttribute("aria-sort", "none");
      head.setAttribute("aria-sort", direction);
      const sign = direction === "ascending" ? 1 : -1;
      const rows = [...table.tBodies[0].rows];
      rows.sort((a, b) => {
        const x = key(a, head.cellIndex), y = key(b, head.cellIndex);
        if (typeof x === "number" && typeof y === "number") {
          if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y);
          return sign * (x - y);
        }
        return sign * String(x).localeCompare(String(y), undefined, { numeric: true });
      });
      table.tBodies[0].append(...rows);
    });
  }

  for (const box of document.querySelectorAll("input[type=search][data-table]")) {
    const table = document.getElementById(box.dataset.table);
    const count = box.parentElement.querySelector(".count"), noun = box.dataset.noun;
    const rows = [...table.tBodies[0].rows];
    const text = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));
    const filter = () => {
      const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const row of rows) {
        row.hidden = !words.every((word) => text.get(row).includes(word));
        shown += !row.hidden;
      }
      count.textContent = `${shown} of ${rows.length} ${noun}${rows.length === 1 ? "" : "s"}`;
    };
    box.addEventListener("input", filter);
    filter();
  }

  // The section being read is marked in the list of sections.
  const links = new Map([...document.querySelectorAll("nav a")].map((a) => [a.hash.slice(1), a]));
  const watch = new IntersectionObserver((seen) => {
    for (const one of seen) {
      if (!one.isIntersecting) continue;
      for (const [id, link] of links) {
        if (id === one.target.id) link.setAttribute("aria-current", "true");
        else link.removeAttribute("aria-current");
      }
    }
  }, { rootMargin: "-20% 0px -75% 0px" });
  for (const section of document.querySelectorAll("main > section[id]")) watch.observe(section);

  let width = innerWidth, waiting;
  window.addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      if (innerWidth !== width) { width = innerWidth; drawAll(root.dataset.theme); }
    }, 200);
  });

  // A printed page is light and shows every table.
  let before;
  window.addEventListener("beforeprint", () => {
    before = root.dataset.theme;
    for (const box of document.querySelectorAll("details")) box.open = true;
    if (before === "dark") setTheme("light");
  });
  window.addEventListener("afterprint", () => { if (before === "dark") setTheme("dark"); });

  setTheme(matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
})();

"use strict";
(() => {
  const root = document.documentElement;
  const only = document.getElementById("only");
  const map = document.querySelector(".map");
  const kinds = { "+": "up", "-": "down", "±": "both" };
  const edges = map ? [...map.querySelectorAll(".edge")] : [];
  const usual = new Map(edges.map((edge) => [edge, edge.getAttribute("class")]));

  // One hypothesis: its lines in every chart, and its own signs on the map.
  function choose(name) {
    if (name) root.dataset.only = name; else delete root.dataset.only;
    for (const edge of edges) {
      const sign = name ? JSON.parse(edge.dataset.signs)[name] : null;
      const rest = usual.get(edge).split(" ").filter((one) => !["up", "down", "both"].includes(one));
      const kind = sign === "0" ? "off" : kinds[sign];
      edge.setAttribute("class", sign === null ? usual.get(edge) : [...rest, kind].join(" "));
    }
  }
  only.addEventListener("change", () => choose(only.value));

  // A box and its neighbours, for pointer and keyboard alike.
  function light(node) {
    map.classList.toggle("lit", Boolean(node));
    for (const one of map.querySelectorAll(".near")) one.classList.remove("near");
    if (!node) return;
    const near = new Set([node.dataset.id]);
    for (const edge of edges) {
      if (edge.dataset.source === node.dataset.id || edge.dataset.target === node.dataset.id) {
        edge.classList.add("near");
        near.add(edge.dataset.source).add(edge.dataset.target);
      }
    }
    for (const one of map.querySelectorAll(".node")) if (near.has(one.dataset.id)) one.classList.add("near");
  }
  for (const node of map ? map.querySelectorAll(".node") : []) {
    node.addEventListener("pointerenter", () => light(node));
    node.addEventListener("focus", () => light(node));
    node.addEventListener("pointerleave", () => light(null));
    node.addEventListener("blur", () => light(null));
  }

  // Paper cannot be unfolded; a link into a folded part unfolds it.
  window.addEventListener("beforeprint", () => {
    for (const part of document.querySelectorAll("details")) part.open = true;
  });
  function unfold() {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let part = target && target.closest("details"); part; part = part.parentElement.closest("details")) part.open = true;
    if (target) target.scrollIntoView();
  }
  window.addEventListener("hashchange", unfold);
  if (location.hash) unfold();
})();

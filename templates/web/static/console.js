// Keys, drafts, and going on to the next item without a reload. Everything works without it.
const root = document.documentElement;
const $ = (what, from = document) => from.querySelector(what);
const typing = (node) => node.matches?.("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]");

const wide = matchMedia("(max-width: 1180px)");
const fold = () => { const menu = $(".menu-fold"); if (menu) menu.open = !wide.matches; };
fold();
wide.addEventListener("change", fold);

// The newest page that was asked for is shown, whichever comes first. Until it is there a key decides
// nothing: it was meant for what comes; and one that is held down was meant once. What was decided is
// told before anything else is opened.
let asked = 0, coming = false, deciding = false;

async function show(address, options = {}) {
  keep();
  const mine = ++asked;
  [coming, deciding] = [true, options.method === "POST"];
  try {
    const answer = await fetch(address, { ...options, headers: { Accept: "text/html" }, redirect: "follow" });
    const text = await answer.text();
    if (mine === asked) put(new DOMParser().parseFromString(text, "text/html"), answer);
  } finally {
    if (mine === asked) coming = deciding = false;
  }
}

function put(page, answer) {
  if (!$("main", page) || page.body.className.includes("gate")) { location.assign(answer.url); return; }
  const scrolled = $("#bag")?.scrollTop ?? 0;
  document.title = page.title;
  document.body.className = page.body.className;
  for (const part of ["main", ".list", ".menu"]) {
    const [old, made] = [$(part), $(part, page)];
    if (old && made) old.replaceWith(document.adoptNode(made));
    else if (old && part === ".list") old.remove();
    else if (made && part === ".list") $("main").before(document.adoptNode(made));
  }
  history.pushState({}, "", answer.url);
  here = location.pathname + location.search;
  fold();
  if ($("#bag")) $("#bag").scrollTop = scrolled;
  $(".list .current")?.scrollIntoView({ block: "nearest" });
  $("main").scrollTop = 0;
  ready();
  ($(".item h1") ?? $("main")).focus({ preventScroll: true });
}

function ready() {
  const more = $("#more-why[data-load]");
  if (more) fetch(more.dataset.load).then((a) => (a.ok ? a.text() : "")).then((html) => { if (html && more.isConnected) more.innerHTML = html; });
  for (const frame of document.querySelectorAll("iframe.message")) {
    frame.addEventListener("load", () => {
      const page = frame.contentDocument?.documentElement;
      if (page) frame.style.setProperty("height", `${Math.min(Math.max(page.scrollHeight, 240), 1400)}px`);
    });
  }
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form === unsaved) unsaved = undefined;
  if (!form.closest(".item") || form.method !== "post") return;
  event.preventDefault();
  const button = event.submitter;
  if (form.dataset.sent || deciding) return;
  form.dataset.sent = "yes";
  if (button) button.disabled = true;
  const body = new URLSearchParams(new FormData(form));
  show(form.action, { method: "POST", body }).catch(() => {
    delete form.dataset.sent;
    if (button) button.disabled = false;
    form.submit();
  });
});

document.addEventListener("click", (event) => {
  const link = event.target.closest(".list ol a, .tabs a[href^='?'], .to-list");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  if (!deciding) show(link.href).catch(() => location.assign(link.href));
});
// A link within the page is no other page.
let here = location.pathname + location.search;
addEventListener("popstate", () => { if (location.pathname + location.search !== here) location.reload(); });

// What is typed is kept for the item of its own form: another one may be on the page by then.
let later, unsaved;
function keep() {
  clearTimeout(later);
  const form = unsaved;
  unsaved = undefined;
  if (!form) return;
  const body = new URLSearchParams(new FormData(form));
  body.set("form", form.dataset.draft);
  fetch(form.action.replace(/[^/]*$/, "draft"), { method: "POST", body, keepalive: true }).catch(() => {});
}
document.addEventListener("input", (event) => {
  const form = event.target.closest("form[data-draft]");
  margin(event.target);
  if (!form) return;
  if (form !== unsaved) keep();
  clearTimeout(later);
  unsaved = form;
  later = setTimeout(keep, 600);
});
addEventListener("pagehide", keep);

function margin(field) {
  if (!field.matches("[data-margin]")) return;
  const told = $("[data-margin-told]"), known = $("#margin");
  const fee = Number(field.value.replace(",", "."));
  if (!known || !told || !field.value || Number.isNaN(fee)) { if (told) told.textContent = ""; return; }
  const year = Number(known.dataset.profit) + 12 * (fee - Number(known.dataset.fee));
  told.textContent = `≈ ${new Intl.NumberFormat(root.lang, { maximumFractionDigits: 0 }).format(year).replace("-", "−")} / 12`;
}

const go = (id) => { if (id && !deciding) show(`/queue/${id}${location.search}`).catch(() => location.assign(`/queue/${id}`)); };
const keys = {
  j: () => go($("#item")?.dataset.next || (!$("#item") && $(".list ol a")?.pathname.split("/")[2])),
  k: () => go($("#item")?.dataset.previous),
  o: () => ($(".list .current a") ?? $(".list ol a"))?.click(),
  x: () => { const box = $(".list .current input") ?? $(".list ol input"); if (box) box.checked = !box.checked; },
  "/": () => $("#q")?.focus(),
  m: () => $("#comment-text")?.focus(),
  "?": () => $("#help").showModal(),
};
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") { for (const open of document.querySelectorAll(".deed[open]")) { open.open = false; $("summary", open).focus(); } return; }
  if (!("keys" in root.dataset) || event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || $("dialog[open]")) return;
  const deed = $(`.deeds [data-key="${CSS.escape(event.key)}"]`);
  if (deed) {
    event.preventDefault();
    if (coming || event.repeat) return;
    if (deed.tagName !== "DETAILS") { deed.click(); return; }
    deed.open = !deed.open;
    if (deed.open) $("select, textarea, input:not([type=hidden]), button", deed)?.focus();
  } else if (keys[event.key]) {
    event.preventDefault();
    keys[event.key]();
  }
});
ready();

// The desk's script makes the loop fast: keys, and the next task in the same frame. Every action is a form that works
// without it; with it, the same form is sent behind the page, and the answer is the piece of the page that comes next.

const IDLE_MS = 60_000; // whoever does nothing for this long isn't at it
const SETTLE_MS = 150; // nobody reads faster: a key that falls so soon after a task appeared was meant for the one before
const MOST_WAIT_S = 30;
const AWAY = [502, 503, 504];

const stage = document.getElementById("stage");
const state = document.getElementById("state");
const notice = document.getElementById("notice");
const held = []; // the task articles this page holds, the first to do first; those whose answer is on its way included
let shownAt = 0;
let sending = Promise.resolve(); // one request after another, so that they arrive as they were made
let waiting = 0; // requests that are not through yet
let polling = null;

document.documentElement.classList.add("has-script");

// ---- time somebody really looks at a task

const clock = { active: 0, last: performance.now(), isVisible: true };
function tick() {
  const now = performance.now();
  if (clock.isVisible) clock.active += Math.min(now - clock.last, IDLE_MS);
  clock.last = now;
  clock.isVisible = document.visibilityState === "visible";
}
for (const kind of ["keydown", "pointermove", "wheel"]) addEventListener(kind, tick, { passive: true });
document.addEventListener("visibilitychange", () => {
  tick();
  if (document.visibilityState === "visible") beat().then(lookOut);
  else polling?.abort();
});

// ---- what the page shows

function say(what, text) {
  state.dataset.state = what;
  state.textContent = text;
}

function piece(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content.querySelector("article");
}

function show(article) {
  stage.replaceChildren(article);
  article.removeAttribute("aria-busy");
  scrollTo(0, 0);
  article.querySelector("h1").focus({ preventScroll: true });
  shownAt = performance.now();
  tick();
  clock.active = 0;
}

function showNext() {
  const next = held.find((article) => !article.sent);
  if (!next) stage.firstElementChild.setAttribute("aria-busy", "true");
  else if (next !== stage.firstElementChild) show(next);
}

function tell(article) {
  notice.replaceChildren(...(article ? [article] : []));
}

function allowUndo(isPossible) {
  for (const article of [stage, ...held]) {
    for (const button of article.querySelectorAll('[data-does="undo"]')) button.disabled = !isPossible;
  }
}

function count(header) {
  for (const pair of (header ?? "").split(" ").filter(Boolean)) {
    const [name, number] = pair.split("=");
    for (const place of document.querySelectorAll(`[data-count="${name}"]`)) place.textContent = number;
    if (name === "undoable") allowUndo(number !== "0");
  }
}

// ---- what it asks for

const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

async function ask(path, { form, besides = 0, signal } = {}) {
  const headers = { "HX-Request": "true", "Desk-In-Hand": String(besides) };
  const reply = await fetch(path, { method: form ? "POST" : "GET", body: form, headers, signal, keepalive: !!form });
  count(reply.headers.get("Desk-Counts"));
  return reply;
}

// Sends until it is heard; what is heard twice is done once.
async function insist(path, about) {
  for (let wait = 1; ; wait = Math.min(2 * wait, MOST_WAIT_S)) {
    try {
      const reply = await ask(path, { ...about, besides: about.besides?.() });
      if (!AWAY.includes(reply.status)) return reply;
    } catch { /* the network or the desk is away: try again */ }
    say("retry", `${about.form ? "Not saved yet" : "The desk is away"}: trying again in ${wait} s`);
    await pause(wait);
  }
}

function queue(work) {
  polling?.abort();
  waiting += 1;
  const broken = () => say("retry", "This page is broken: load it again");
  sending = sending.then(work).catch(broken).finally(() => { waiting -= 1; });
  return sending;
}

function drop(article) {
  const at = held.indexOf(article);
  if (at >= 0) held.splice(at, 1);
}

// Takes in what a reply brings: a task to hold, that there is none, or what went wrong. Says whether it went well.
async function take(reply, at = held.length) {
  const article = reply.status === 204 ? null : piece(await reply.text());
  if (reply.status >= 400) {
    tell(article);
    say("", "");
  } else if (article?.dataset.kind === "task") {
    held.splice(at, 0, article);
  } else if (article) {
    show(article);
  }
  return reply.status < 400;
}

// Sees to it that there is something to do, or that the page says why not.
async function goOn() {
  if (!held.some((article) => !article.sent)) {
    const isWell = await take(await insist("/label", { besides: () => held.length }));
    if (!isWell) show(notice.firstElementChild);
  }
  if (stage.firstElementChild.dataset.kind !== "nothing" || held.length) showNext();
  setTimeout(lookOut);
}

function submit(form, button) {
  const article = form.closest("article");
  const does = form.dataset.loop;
  if (article.sent && does !== "undo") return;
  tick();
  const data = new FormData(form, button);
  if (does === "answer") data.set("active_ms", String(Math.round(clock.active)));
  const body = new URLSearchParams(data);
  tell(null);
  if (does === "undo") {
    say("saving", "Taking it back…");
    queue(() => undo(form.action, body));
  } else {
    say("saving", "Saving…");
    article.sent = true;
    showNext();
    if (does === "answer") allowUndo(true);
    queue(() => finish(article, form.action, body, does === "answer" ? `Saved ${button.value}` : "Skipped"));
  }
}

async function finish(article, path, body, done) {
  const reply = await insist(path, { form: body, besides: () => held.length - 1 });
  drop(article);
  if (await take(reply)) say("saved", done);
  await goOn();
}

async function undo(path, body) {
  if (await take(await insist(path, { form: body }), 0)) say("saved", "Taken back");
  await goOn();
}

// ---- staying in touch

// Says that somebody is at the tasks that the page holds, and lets go of those that are lost.
async function beat() {
  if (document.visibilityState !== "visible" || waiting) return;
  for (const article of [...held]) await queue(() => keep(article));
}

async function keep(article) {
  if (article.sent || !held.includes(article)) return;
  const form = new URLSearchParams(new FormData(article.querySelector("form.labels")));
  const reply = await ask("/label/heartbeat", { form }).catch(() => null);
  if (!reply || reply.status < 400 || reply.status >= 500) return;
  drop(article);
  if (stage.firstElementChild === article) await take(reply);
  await goOn();
}

// Leases one task ahead, so that it is there when the one that is shown is answered.
async function leaseAhead() {
  if (held.length === 1) await take(await insist("/label", { besides: () => held.length }));
  if (stage.firstElementChild.sent) showNext();
}

// Waits, while there is nothing to do, for something to come up.
async function lookOut() {
  const isIdle = () => !waiting && document.visibilityState === "visible" && stage.querySelector('[data-kind="nothing"]');
  while (!polling && isIdle()) {
    polling = new AbortController();
    const reply = await ask("/label?wait_s=20", { signal: polling.signal }).catch(() => null);
    const isOver = polling.signal.aborted;
    polling = null;
    if (isOver) return;
    if (!reply || AWAY.includes(reply.status)) {
      say("retry", "The desk is away: trying again");
      await pause(2);
    } else if (reply.status === 204) {
      say("", "");
      await pause(1);
    } else {
      say("", "");
      if (!(await take(reply))) return;
      showNext();
      queue(leaseAhead);
    }
  }
}

// ---- keys

function keys() {
  const table = stage.querySelector("script.keys");
  return table ? JSON.parse(table.textContent) : [];
}

function isTyping(target) {
  return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
}

addEventListener("keydown", (event) => {
  const isChord = (event.ctrlKey || event.metaKey || event.altKey) && !event.getModifierState("AltGraph");
  if (isChord || event.repeat || event.isComposing || event.defaultPrevented) return;
  if (isTyping(event.target) || document.querySelector("dialog[open]")) return;
  const scope = stage.querySelector("details.skip[open]") ? "skip" : "loop";
  const pressed = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const key = keys().find((one) => one.scope === scope && (one.key === pressed || one.also === pressed));
  if (!key) return;
  event.preventDefault();
  if (performance.now() - shownAt < SETTLE_MS) return;
  for (const control of stage.querySelectorAll(`[data-does="${CSS.escape(key.does)}"]`)) {
    control.classList.add("pressed");
    setTimeout(() => control.classList.remove("pressed"), 160);
    control.click();
  }
});

document.addEventListener("submit", (event) => {
  if (!event.target.dataset.loop) return;
  event.preventDefault();
  submit(event.target, event.submitter);
});

document.addEventListener("click", (event) => {
  if (event.target.closest('[data-does="help"]')) stage.querySelector("dialog.help").showModal();
  const skip = stage.querySelector("details.skip[open]");
  if (skip && !skip.contains(event.target)) skip.open = false;
});

// ---- begin

addEventListener("pageshow", (event) => event.persisted && location.reload()); // what it held may be gone

const first = stage.querySelector("article");
if (first?.dataset.kind === "task") {
  held.push(first);
  show(first);
  queue(leaseAhead);
}
if (first?.dataset.heartbeatS) setInterval(beat, Number(first.dataset.heartbeatS) * 1000);
lookOut();

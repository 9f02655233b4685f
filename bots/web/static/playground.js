// The playground: follows the stream of its conversation, and sends forms without leaving the page.

const rooms = document.getElementById("rooms");
const posts = document.getElementById("posts");
const text = document.getElementById("text");
const composer = document.getElementById("composer");
const token = document.querySelector('meta[name="form-token"]').content;
const place = { channel: rooms.dataset.channel, thread: rooms.dataset.thread, as: rooms.dataset.as };
const draft = `confab draft ${place.channel} ${place.thread}`;

const query = (more = {}) => new URLSearchParams({ ...place, ...more }).toString();

function parse(html) {
  const holder = document.createElement("template");
  holder.innerHTML = html.trim();
  return holder.content.firstElementChild;
}

// The words at an address; null where Confab is away, which the stream finds out too.
async function read(address, options) {
  try {
    const answer = await fetch(address, options);
    return answer.ok ? await answer.text() : null;
  } catch {
    return null;
  }
}

// What is shown

const isAtEnd = (box) => box.scrollHeight - box.scrollTop - box.clientHeight < 80;
const scroller = () => (posts.scrollHeight > posts.clientHeight + 1 ? posts : document.scrollingElement);

function showPost({ name, html }) {
  const shown = parse(html);
  const box = scroller();
  const follows = !reading && isAtEnd(box);
  const held = document.getElementById(`post-${name}`);
  if (!held) insert(shown);
  else if (held.dataset.shape === shown.dataset.shape) grow(held, shown);
  else replace(held, shown);
  document.getElementById("nothing-yet").hidden = true;
  if (follows) box.scrollTop = box.scrollHeight;
  tellBusy();
  if (shown.dataset.whole === "yes") refreshPanel();
}

function insert(shown) {
  const next = [...posts.querySelectorAll(".post")].find((one) => one.dataset.order > shown.dataset.order);
  posts.insertBefore(shown, next ?? null);
}

// Only its words: whoever is at one of its buttons stays there.
function grow(held, shown) {
  held.querySelector(".words").replaceWith(shown.querySelector(".words"));
  const [was, is] = [held.querySelector(".activity"), shown.querySelector(".activity")];
  was.hidden = is.hidden;
  was.querySelector(".what").textContent = is.querySelector(".what").textContent;
}

function replace(held, shown) {
  const focused = held.contains(document.activeElement);
  held.replaceWith(shown);
  if (focused) (shown.querySelector("footer button") ?? text).focus();
}

function removePost({ name }) {
  const held = document.getElementById(`post-${name}`);
  if (held?.contains(document.activeElement)) text.focus();
  held?.remove();
  document.getElementById("nothing-yet").hidden = posts.querySelector(".post") !== null;
  tellBusy();
  refreshPanel();
}

function tellBusy() {
  document.getElementById("stop-all").hidden = posts.querySelector('.post[data-whole="no"]') === null;
}

async function readAnew() {
  const found = await read(location.href);
  if (found === null) return;
  const page = new DOMParser().parseFromString(found, "text/html");
  posts.replaceChildren(...page.getElementById("posts").childNodes);
  document.getElementById("sidebar").replaceChildren(...page.getElementById("sidebar").childNodes);
  tellBusy();
  refreshPanel();
}

let refreshing = 0;

let filling = false; // whether somebody fills in the form of the persona

// What stands beside is read anew, but for a form that somebody fills in.
function refreshPanel() {
  clearTimeout(refreshing);
  refreshing = setTimeout(async () => {
    const found = await read(`/playground/panel?${query({ panel: rooms.dataset.panel })}`);
    if (found !== null && !filling) replacePanel(parse(found));
  }, 150);
}

// What somebody has opened or closed stays so.
function replacePanel(shown) {
  const held = document.getElementById("panel");
  const open = new Map([...held.querySelectorAll("details[data-block]")].map((one) => [one.dataset.block, one.open]));
  for (const one of shown.querySelectorAll("details[data-block]")) one.open = open.get(one.dataset.block) ?? one.open;
  const focused = held.contains(document.activeElement) ? document.activeElement.id : "";
  held.replaceWith(shown);
  if (focused) document.getElementById(focused)?.focus();
}

function follow() {
  const stream = new EventSource(`/playground/events?${query({ after: rooms.dataset.newest })}`);
  const on = (kind, act) => stream.addEventListener(kind, (event) => act(JSON.parse(event.data)));
  on("post", showPost);
  on("gone", removePost);
  on("rewritten", readAnew);
  on("threads", ({ html }) => {
    const sidebar = document.getElementById("sidebar");
    if (!sidebar.contains(document.activeElement)) sidebar.innerHTML = html;
  });
  // A browser gives up on a server that is away and answers with an error; we do not.
  stream.addEventListener("error", () => {
    if (stream.readyState === EventSource.CLOSED) setTimeout(() => { readAnew().finally(follow); }, 1000);
  });
}

// What is sent

// Both are sentences of ours as HTML, which the server has drawn.
function tell(note, problem = "") {
  document.getElementById("note").innerHTML = note;
  document.getElementById("note").classList.toggle("unseen", !note);
  const box = document.getElementById("problem");
  box.innerHTML = problem;
  box.hidden = !problem;
}

async function send(address, fields) {
  const headers = { Accept: "application/json", "X-Form-Token": token };
  try {
    const answer = await fetch(address, { method: "POST", headers, body: new URLSearchParams(fields) });
    if (answer.ok) return await answer.json();
    if (answer.status === 422) return await answer.json();
    return { problem: answer.status === 403 ? "This page is too old. Reload it, then try again." : "That did not arrive. Try again." };
  } catch {
    return { problem: "Confab can't be reached. Is confab web still running?" };
  }
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (form === composer) {
    event.preventDefault();
    await say();
  } else if ("act" in form.dataset) {
    event.preventDefault();
    await act(form, event.submitter);
  }
});

async function act(form, button) {
  const fields = new FormData(form, button);
  if (button) button.disabled = true;
  const { note = "", problem = "" } = await send(form.getAttribute("action"), fields);
  if (button) button.disabled = false;
  const own = form.querySelector("[data-problem]");
  if (own) {
    own.innerHTML = problem;
    own.hidden = !problem;
  }
  tell(note, own ? "" : problem);
  if (form.id === "persona" && !problem && button?.value !== "try") {
    filling = false;
    refreshPanel();
  }
}

let sending = false;

async function say() {
  if (sending || (!text.value.trim() && !files.length)) return;
  sending = true;
  document.getElementById("send").disabled = true;
  const sent = { words: text.value, files: [...files] };
  document.getElementById("file-tokens").value = sent.files.map((one) => one.token).join(" ");
  const { note = "", problem = "" } = await send("/playground/say", new FormData(composer));
  sending = false;
  document.getElementById("send").disabled = false;
  tell(note, problem);
  if (problem) return;
  // What somebody wrote or attached meanwhile is not sent yet.
  text.value = text.value.startsWith(sent.words) ? text.value.slice(sent.words.length).trimStart() : text.value;
  sessionStorage.setItem(draft, text.value);
  files.splice(0, files.length, ...files.filter((one) => !sent.files.includes(one)));
  drawChips();
  showHints();
  text.focus();
  scroller().scrollTop = scroller().scrollHeight;
}

async function stopAll() {
  const { note = "", problem = "" } = await send("/playground/press", { ...place, control: "stop" });
  tell(note, problem);
}

text.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    say();
  }
});
text.addEventListener("input", () => {
  sessionStorage.setItem(draft, text.value);
  showHints();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !document.getElementById("stop-all").hidden) stopAll();
});
document.getElementById("stop-all").addEventListener("click", stopAll);

// Files

const files = [];

function drawChips() {
  const list = document.getElementById("chips");
  list.replaceChildren(...files.map((one) => {
    const chip = document.createElement("li");
    const remove = document.createElement("button");
    remove.type = "button";
    remove.textContent = "×";
    remove.setAttribute("aria-label", `Take off ${one.name}`);
    remove.addEventListener("click", () => {
      files.splice(files.indexOf(one), 1);
      drawChips();
      text.focus();
    });
    chip.append(one.name, remove);
    return chip;
  }));
  list.hidden = !files.length;
}

async function attach(chosen) {
  for (const file of chosen) {
    const headers = { "Content-Type": file.type || "application/octet-stream", "X-Form-Token": token };
    try {
      const address = `/playground/files?${new URLSearchParams({ name: file.name })}`;
      const answer = await fetch(address, { method: "POST", headers: { ...headers, Accept: "application/json" }, body: file });
      const told = answer.ok || answer.status === 422 ? await answer.json() : { problem: "That file can't be attached." };
      if (told.problem) tell("", told.problem);
      else files.push(told);
    } catch {
      tell("", "Confab can't be reached. Is confab web still running?");
    }
  }
  drawChips();
}

document.getElementById("attach").hidden = false;
document.getElementById("file").addEventListener("change", async (event) => {
  await attach([...event.target.files]);
  event.target.value = "";
  text.focus();
});
for (const kind of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    composer.classList.toggle("over", kind === "dragover");
    if (kind === "drop") attach([...event.dataTransfer.files]);
  });
}
text.addEventListener("paste", (event) => {
  if (event.clipboardData.files.length) {
    event.preventDefault();
    attach([...event.clipboardData.files]);
  }
});

// Commands

const commands = [...document.querySelectorAll("#commands option")].map((one) => ({ words: one.value, about: one.textContent }));

function showHints() {
  const list = document.getElementById("hints");
  const typed = text.value.toLowerCase();
  const fitting = typed.startsWith("/") ? commands.filter((one) => one.words.startsWith(typed) && one.words !== typed) : [];
  list.replaceChildren(...fitting.slice(0, 30).map(({ words, about }) => {
    const item = document.createElement("li");
    const choose = document.createElement("button");
    const [name, what] = [document.createElement("b"), document.createElement("span")];
    choose.type = "button";
    name.textContent = words;
    what.textContent = about;
    choose.append(name, what);
    choose.addEventListener("click", () => {
      text.value = `${words} `;
      list.hidden = true;
      text.focus();
    });
    item.append(choose);
    return item;
  }));
  list.hidden = !fitting.length;
}

// The persona

let comparing = 0;

document.addEventListener("input", (event) => {
  if (event.target.closest("#persona")) filling = true;
  if (event.target.id !== "persona-text") return;
  clearTimeout(comparing);
  comparing = setTimeout(async () => {
    const headers = { "X-Form-Token": token };
    const fields = new URLSearchParams({ ...place, text: document.getElementById("persona-text")?.value ?? "" });
    const found = await read("/playground/difference", { method: "POST", headers, body: fields });
    const box = document.getElementById("difference");
    if (found === null || !box) return;
    box.innerHTML = found;
    box.hidden = box.querySelector("ins, del") === null;
  }, 200);
});

const narrow = matchMedia("(max-width: 899px)").matches;
const reading = narrow && rooms.closest(".panel-chosen") !== null; // what stands beside, and not the conversation

document.getElementById("without-scripts").remove();
document.getElementById("how-to-send").hidden = false;
text.value = sessionStorage.getItem(draft) ?? text.value;
if (!reading) scroller().scrollTop = scroller().scrollHeight;
if (narrow) document.querySelector(".channels")?.removeAttribute("open");
tellBusy();
showHints();
follow();
if (!reading) text.focus();

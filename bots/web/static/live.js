// Live figures: while a page is looked at, what changes is written into it. Without this it stands as it was loaded.

const AGAIN = 30_000; // milliseconds after which a stream is tried that was refused

let stream = null;
let later = 0;

function follow() {
  clearTimeout(later);
  const address = document.querySelector("[data-live]")?.dataset.live;
  if (!address || stream || document.hidden) return;
  stream = new EventSource(address);
  stream.addEventListener("figures", (event) => write(JSON.parse(event.data)));
  stream.addEventListener("ended", () => location.reload());
  stream.addEventListener("error", () => {
    if (stream?.readyState !== EventSource.CLOSED) return;
    leave();
    later = setTimeout(follow, AGAIN);
  });
}

function leave() {
  stream?.close();
  stream = null;
}

function write(figures) {
  const held = document.querySelector('[data-figure="reread"]');
  if (held && "reread" in figures && figures.reread !== held.textContent) readAnew();
  for (const [name, words] of Object.entries(figures).filter(([name]) => name !== "reread"))
    for (const box of document.querySelectorAll(`[data-figure="${CSS.escape(name)}"]`))
      if (box.textContent !== words) box.textContent = words;
}

// More has changed than figures. Where there are buttons nothing moves below somebody's hand: a line offers it.
async function readAnew() {
  const main = document.getElementById("main");
  if (main.querySelector("form")) {
    document.getElementById("more-changed").hidden = false;
    return;
  }
  const answer = await fetch(location.href).catch(() => null);
  if (!answer?.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  main.replaceChildren(...page.getElementById("main").childNodes);
}

// A window that nobody sees holds no connection: a browser opens few to one host.
document.addEventListener("visibilitychange", () => (document.hidden ? leave() : follow()));
addEventListener("pagehide", leave);
addEventListener("pageshow", follow);
follow();

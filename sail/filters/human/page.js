"use strict";
// Plays one episode after the other, and sends what is said of each at once: nothing is lost when this page
// is closed, and it goes on with the first episode that has no label.
const FRAMES_A_SECOND = 15;
const HOLD = 8; // frames that the end is held
const KEYS = { s: "success", f: "failure", k: "skip" };
const find = (id) => document.getElementById(id);
const canvas = find("film");
const answers = [...document.querySelectorAll("[data-label]")];
let episodes = [];
let current = 0;
let film = null;
let frame = 0;

async function send(path, content) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(content),
  });
  if (!answer.ok) throw new Error(`the loop answered ${answer.status}`);
}

async function attempt(action) {
  try {
    find("error").textContent = "";
    await action();
  } catch (error) {
    find("error").textContent = `Not saved (${error.message}): is the loop still running?`;
  }
}

function show(number) {
  current = number;
  const episode = episodes[current];
  const left = episodes.filter((one) => one.label === null).length;
  find("prompt").textContent = episode.prompt;
  find("place").textContent = `Episode ${current + 1} of ${episodes.length}, ${left} without a label`;
  for (const button of answers) {
    button.setAttribute("aria-pressed", String(button.dataset.label === episode.label));
  }
  find("back").disabled = current === 0;
  find("finish").hidden = left > 0;
  film = null;
  const loading = new Image();
  loading.onload = () => {
    if (current === number) [film, frame] = [loading, 0];
  };
  loading.src = `films/${number}`;
}

function label(name) {
  return attempt(async () => {
    const number = current;
    await send("labels", { episode: String(number), label: name });
    episodes[number].label = name;
    const next = episodes.findIndex((one, place) => place > number && one.label === null);
    const first = episodes.findIndex((one) => one.label === null);
    show(next >= 0 ? next : first >= 0 ? first : number);
  });
}

function finish() {
  return attempt(async () => {
    await send("finish", {});
    document.querySelector("main").textContent = "Thank you. The loop goes on; this page can be closed.";
  });
}

function draw() {
  if (film === null || !canvas.isConnected) return;
  const count = episodes[current].frames;
  const side = film.width / count;
  const shown = Math.min(frame, count - 1);
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = false;
  context.drawImage(film, shown * side, 0, side, film.height, 0, 0, canvas.width, canvas.height);
  find("time").value = shown / Math.max(1, count - 1);
  frame = (frame + 1) % (count + HOLD);
}

document.addEventListener("keydown", (event) => {
  if (event.repeat || event.ctrlKey || event.metaKey || event.altKey || episodes.length === 0) return;
  const key = event.key.toLowerCase();
  if (key in KEYS) label(KEYS[key]);
  else if (key === "b" && current > 0) show(current - 1);
  else if (key === "enter" && !find("finish").hidden && event.target === document.body) finish();
});
for (const button of answers) button.addEventListener("click", () => label(button.dataset.label));
find("back").addEventListener("click", () => show(current - 1));
find("finish").addEventListener("click", finish);
setInterval(draw, 1000 / FRAMES_A_SECOND);
attempt(async () => {
  episodes = await (await fetch("episodes")).json();
  show(Math.max(0, episodes.findIndex((one) => one.label === null)));
});

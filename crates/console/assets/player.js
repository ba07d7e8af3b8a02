// The recording of a call: both voices drawn, played and sought; the line that is being said is lit.
"use strict";

const STEP_S = 5;
const player = document.querySelector("[data-player]");
const audio = player?.querySelector("audio");

if (audio) {
  const wave = player.querySelector(".wave");
  const canvas = wave.querySelector("canvas");
  const lines = [...document.querySelectorAll(".transcript li")];
  let peaks = null;

  const length = () => (Number.isFinite(audio.duration) ? audio.duration : 0);

  // What the robot says is what both say without the customer: both files are of one length, from the answer on.
  async function load() {
    const context = new OfflineAudioContext(1, 1, 8000);
    const decode = async (address) => {
      const response = await fetch(address);
      if (!response.ok) throw new Error(`the recording was answered with ${response.status}`);
      return (await context.decodeAudioData(await response.arrayBuffer())).getChannelData(0);
    };
    const both = await decode(player.dataset.both);
    const customer = player.dataset.customer ? await decode(player.dataset.customer) : new Float32Array(both.length);
    const columns = Math.max(1, Math.min(1200, Math.floor(both.length / 80)));
    const each = Math.ceil(both.length / columns);
    peaks = { robot: new Float32Array(columns), customer: new Float32Array(columns) };
    for (let at = 0; at < both.length; at++) {
      const column = Math.floor(at / each);
      const theirs = customer[at] ?? 0;
      peaks.customer[column] = Math.max(peaks.customer[column], Math.abs(theirs));
      peaks.robot[column] = Math.max(peaks.robot[column], Math.abs(both[at] - theirs));
    }
    draw();
  }

  function draw() {
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [wave.clientWidth, 96];
    [canvas.width, canvas.height] = [width * ratio, height * ratio];
    const colours = getComputedStyle(document.documentElement);
    const paint = canvas.getContext("2d");
    paint.scale(ratio, ratio);
    paint.fillStyle = colours.getPropertyValue("--line");
    paint.fillRect(0, height / 2, width, 1);
    const played = length() ? (audio.currentTime / length()) * width : 0;
    for (const [name, middle] of [["robot", height / 4], ["customer", (height * 3) / 4]]) {
      const values = peaks?.[name] ?? [];
      const step = width / Math.max(1, values.length);
      paint.fillStyle = colours.getPropertyValue(`--${name}`);
      values.forEach((value, at) => {
        const tall = Math.max(1, Math.sqrt(value) * (height / 2 - 6));
        paint.globalAlpha = at * step <= played ? 1 : 0.55;
        paint.fillRect(at * step, middle - tall / 2, Math.max(1, step - 0.4), tall);
      });
    }
    paint.globalAlpha = 1;
    paint.fillStyle = colours.getPropertyValue("--text");
    paint.fillRect(Math.min(width - 1, played), 0, 1.5, height);
  }

  function follow() {
    draw();
    const now = audio.currentTime * 1000;
    for (const line of lines) {
      const lit = !audio.paused && now >= Number(line.dataset.from) && now < Number(line.dataset.until);
      if (lit && !line.classList.contains("lit")) line.scrollIntoView({ block: "nearest" });
      line.classList.toggle("lit", lit);
    }
    wave.setAttribute("aria-valuenow", String(Math.round(audio.currentTime)));
    if (!audio.paused) requestAnimationFrame(follow);
  }

  function seek(seconds) {
    audio.currentTime = Math.max(0, Math.min(length(), seconds));
    follow();
  }

  const toggle = () => (audio.paused ? audio.play() : audio.pause());
  const at = (event) => ((event.clientX - canvas.getBoundingClientRect().left) / canvas.clientWidth) * length();

  wave.addEventListener("pointerdown", (event) => {
    wave.setPointerCapture(event.pointerId);
    seek(at(event));
  });
  wave.addEventListener("pointermove", (event) => {
    if (event.buttons) seek(at(event));
  });
  wave.addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: -STEP_S, ArrowRight: STEP_S };
    if (event.key === " ") toggle();
    else if (event.key in moves) seek(audio.currentTime + moves[event.key]);
    else if (event.key === "Home") seek(0);
    else return;
    event.preventDefault();
  });
  document.addEventListener("click", (event) => {
    const line = event.target.closest("[data-seek]");
    if (!line) return;
    seek(Number(line.dataset.seek) / 1000);
    document.getElementById(line.dataset.show ?? "")?.scrollIntoView({ block: "center" });
    audio.play();
  });
  for (const event of ["play", "pause", "seeked", "timeupdate", "ended"]) audio.addEventListener(event, follow);
  audio.addEventListener("loadedmetadata", () => wave.setAttribute("aria-valuemax", String(Math.ceil(length()))));
  new ResizeObserver(draw).observe(wave);
  load().catch((error) => {
    wave.hidden = true;
    console.info(error.message);
  });
}

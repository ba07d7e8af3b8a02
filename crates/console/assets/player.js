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

  const length = () => (Number.isFinite(audio.duration) ? audio.duration : (peaks?.seconds ?? 0));

  // How loud both voices are: the sound itself is loaded when it is played.
  async function load() {
    const response = await fetch(player.dataset.wave);
    if (!response.ok) throw new Error(`the recording was answered with ${response.status}`);
    peaks = await response.json();
    wave.setAttribute("aria-valuemax", String(Math.ceil(length())));
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
        const tall = Math.max(1, Math.sqrt(value / 255) * (height / 2 - 6));
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

  // A place that is asked for before the sound is there is gone to once it is.
  function seek(seconds) {
    const place = Math.max(0, Math.min(length(), seconds));
    if (audio.readyState === 0) {
      audio.addEventListener("loadedmetadata", () => seek(place), { once: true });
      audio.load();
      return;
    }
    audio.currentTime = place;
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
  new ResizeObserver(draw).observe(wave);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  load().catch((error) => {
    wave.hidden = true;
    console.info(error.message);
  });
}

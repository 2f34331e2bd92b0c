// The page: takes what the daemon tells, shows it, and tells the daemon what people press.

import { showFailures, showUsage } from "./accounts.js";
import { Cards } from "./cards.js";
import { listenToKeys } from "./keyboard.js";
import { Link } from "./link.js";
import { keep, kept, SESSION } from "./memory.js";
import { BrowserSound } from "./sound.js";
import { after, blank, disconnected, phase, wantsStatus } from "./state.js";
import { TalkButton } from "./talk.js";
import { Transcript } from "./transcript.js";
import { choose, LANGUAGES, words } from "./words.js";

const NOTICE_MS = 12000;
/** A page that is opened, or a daemon that comes up at once, shows no banner. */
const BANNER_AFTER_MS = 700;
const STATUS_AT_MOST_EVERY_MS = 500;
const VOLUME_AT_MOST_EVERY_MS = 150;
/** While a finger turns it, what the daemon tells of the volume is older than what is seen. */
const VOLUME_SETTLES_MS = 1000;
const QUIETEST_DBFS = -60;

const $ = (id) => document.getElementById(id);
const query = new URLSearchParams(location.search);

let state = blank();
let version = "";
let volumeSettles = 0;
let language = choose([query.get("lang"), kept("language"), ...navigator.languages]);
const translate = (key, values) => words(language, key, values);

const link = new Link({ heard, sounded: (pcm) => sound.play(pcm), lost, token: takeToken() });
const sound = new BrowserSound({ captured: (pcm) => link.sendSound(pcm), ended: soundEnded });
const transcript = new Transcript({
  box: $("transcript"),
  list: $("entries"),
  nothing: $("nothing-yet"),
  pending: $("pending"),
  newest: $("newest"),
});
const cards = new Cards({
  section: $("cards-section"),
  list: $("cards"),
  over: (title) => announce(translate("card.is_over", { title: title || translate("cards") })),
});
const talk = new TalkButton($("talk"), {
  move: (action) => link.send({ do: "ptt", action }),
  held: () => state.talking,
});

/**
 * For tests, and for who looks for a fault: `window.voiced.sound` counts what this browser played and captured,
 * `window.voiced.state` is what the page knows.
 */
window.voiced = {
  get sound() {
    return sound.told;
  },
  get state() {
    return state;
  },
};

const banner = { timer: 0, shown: "", reason: "" };
const notice = { timer: 0 };
const soundShown = { name: "off", reason: "" };

// From the daemon.

function heard(message) {
  if ("level" in message) {
    showLevel(message.level);
    return;
  }
  if (message.flush) sound.flush();
  if (message.error) notify(message.error);
  if (message.sound) soundAnswered(message);
  if (message.fact === "TurnFailed") notify(translate("turn_failed", { reason: message.reason }));
  const before = state;
  state = after(state, message);
  if (message.hello) greeted(message.hello);
  else if (wantsStatus(message)) askStatus();
  if (state !== before) render(before, Boolean(message.hello));
}

function greeted(hello) {
  if (version && version !== hello.version) location.reload(); // this page is of an older voiced
  version = hello.version;
  if (banner.shown) announce(translate("announce.back"));
  showBanner("");
  if (hello.language && !query.get("lang") && !kept("language")) speakIn(choose([hello.language]));
  if (sound.running && !hello.sound) {
    sound.stop();
    showSound("off");
  } else if (sound.running) {
    if (state.muted) sendSound(); // else it is sent when the microphone is open
    followMute();
  } else if (hello.sound && (query.get("sound") === "on" || kept("sound") === "on")) {
    useSound();
  }
}

function lost({ token, reason }) {
  const before = state;
  talk.cancel();
  sound.flush();
  state = disconnected(state);
  showLevel(QUIETEST_DBFS);
  if (token) askToken();
  else if (reason) showBanner("banner.refused", reason);
  else if (!banner.timer && !banner.shown) {
    const key = before.connected ? "banner.lost" : "banner.connecting";
    banner.timer = setTimeout(() => showBanner(key), BANNER_AFTER_MS);
  }
  render(before);
}

const askStatus = atMostEvery(STATUS_AT_MOST_EVERY_MS, () => link.send({ do: "status" }));

// What is shown.

function render(before, quiet = false) {
  const now = phase(state);
  document.documentElement.dataset.phase = now;
  $("state-word").textContent = translate(`phase.${now}`);
  $("state-hint").textContent = hint(now);
  $("state-icon").setAttribute("href", `#icon-${now}`);
  const waitsFor = { listening: "user", thinking: "assistant", speaking: "assistant" }[now] ?? "";
  transcript.render(state.entries, waitsFor, translate, quiet);
  if (state.cards !== before?.cards) cards.render(state.cards, translate);
  named($("talk"), state.talking, translate(state.talking ? "talk.held" : "talk"));
  named($("mute"), state.muted, translate(state.muted ? "mute.on" : "mute"));
  for (const id of ["talk", "mute", "stop", "volume", "sound-switch", "send"]) $(id).disabled = !state.connected;
  showVolume();
  $("failures-count").textContent = showFailures($("failures-list"), state.failures, language, translate);
  $("failures").classList.toggle("some", state.failures.length > 0);
  $("usage-today").textContent = showUsage($("usage-list"), state, language, translate);
  $("sound").hidden = !(state.sound || sound.running);
  if (before && before.connected && state.connected && before.muted !== state.muted) muteChanged();
}

function hint(now) {
  for (const kind of ["microphone", "loudspeaker"]) {
    const device = state.devices[kind];
    if (device && !device.ok && state.connected && !(state.muted && kind === "microphone")) {
      if (state.sound && !sound.running) return translate("hint.browser"); // there is none but this button
      return translate(`hint.${kind}`, { detail: device.detail });
    }
  }
  if (now === "thinking" && state.tools.length) return translate("hint.tool", { name: state.tools.at(-1) });
  if (now === "waiting" && !state.modes.includes("wake")) return translate("hint.key");
  if (now === "offline" && state.brain.state === "refused") return state.brain.reason; // which says what to mend
  if (now === "offline" && state.brain.name !== "offline") return translate("hint.unreachable");
  return translate(`hint.${now}`);
}

/** The name says what a press does next; that it is pressed as well would say the contrary. */
function named(button, on, text) {
  button.classList.toggle("on", on);
  button.querySelector("span").textContent = text;
}

function muteChanged() {
  announce(translate(state.muted ? "announce.muted" : "announce.unmuted"));
  if (sound.running) followMute();
}

/** A muted voiced has no microphone, here either. */
function followMute() {
  if (state.muted) {
    sound.closeMicrophone();
    showSound("muted");
  } else {
    sound.reopenMicrophone().then(startedSound, soundFailed);
  }
}

function showLevel(dbfs) {
  const part = Math.max(0, Math.min(1, 1 - dbfs / QUIETEST_DBFS));
  $("level").setAttribute("aria-valuenow", String(Math.round(part * 100)));
  $("level-bar").style.transform = `scaleX(${part})`;
}

function showVolume() {
  if (state.volume === null || volumeSettles) return;
  $("volume").value = state.volume;
  $("volume-number").textContent = percent(state.volume);
}

function percent(number) {
  return new Intl.NumberFormat(language, { style: "percent" }).format(number / 100);
}

function showBanner(key, reason = "") {
  if (key && !banner.shown) announce(translate("announce.lost"));
  clearTimeout(banner.timer);
  Object.assign(banner, { timer: 0, shown: key, reason });
  $("banner").hidden = !key;
  if (key) $("banner-text").textContent = translate(key, { reason });
}

function notify(text) {
  clearTimeout(notice.timer);
  $("notice-text").textContent = text;
  $("notice").hidden = false;
  notice.timer = setTimeout(() => ($("notice").hidden = true), NOTICE_MS);
}

/** For screen readers alone: what others see. */
function announce(text) {
  $("announcer").textContent = text;
}

/** All words anew, in the language of now. */
function speak() {
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll("[data-word]")) element.textContent = translate(element.dataset.word);
  for (const element of document.querySelectorAll("[data-label]")) element.ariaLabel = translate(element.dataset.label);
  const field = $("question-text");
  field.placeholder = translate(field.dataset.placeholder);
  $("language").value = language;
  transcript.forget();
  cards.forget();
  showBanner(banner.shown, banner.reason);
  showSound(soundShown.name, soundShown.reason);
  render(null, true);
}

function speakIn(tag) {
  language = tag;
  speak();
}

// What people press.

function wire() {
  for (const [tag, name] of Object.entries(LANGUAGES)) {
    const option = new Option(name, tag);
    option.lang = tag;
    $("language").append(option);
  }
  $("language").addEventListener("change", ({ target }) => {
    keep("language", target.value);
    speakIn(target.value);
  });
  const actions = {
    mute: () => link.send({ do: "mute", muted: !state.muted }),
    stop: () => link.send({ do: "stop" }),
    question: () => $("question-text").focus(),
    help: () => $("help").showModal(),
    louder: (step) => setVolume(Math.max(0, Math.min(100, (state.volume ?? 50) + step))),
  };
  $("mute").addEventListener("click", actions.mute);
  $("stop").addEventListener("click", actions.stop);
  $("help-open").addEventListener("click", actions.help);
  $("volume").addEventListener("input", ({ target }) => setVolume(Number(target.value)));
  $("retry").addEventListener("click", () => link.hurry());
  $("notice-close").addEventListener("click", () => ($("notice").hidden = true));
  $("sound-switch").addEventListener("click", ({ detail }) => {
    if (detail > 1) return; // who clicks twice means once
    if (sound.running) leaveSound();
    else useSound();
  });
  $("question").addEventListener("submit", (event) => {
    event.preventDefault();
    ask($("question-text"));
  });
  $("token").addEventListener("cancel", (event) => event.preventDefault()); // without one there is nothing to see
  $("token-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const token = $("token-text").value.trim();
    $("token-text").value = "";
    $("token").close();
    keep("token", token, SESSION);
    link.use(token);
  });
  $("shortcuts").checked = kept("shortcuts") !== "off";
  $("shortcuts").addEventListener("change", ({ target }) => {
    keep("shortcuts", target.checked ? "on" : "off");
  });
  listenToKeys({ talk, talkButton: $("talk"), actions, wanted: () => $("shortcuts").checked });
}

function ask(field) {
  const text = field.value.trim();
  if (!text || !link.send({ do: "ask", text })) return;
  field.value = "";
}

const sendVolume = atMostEvery(VOLUME_AT_MOST_EVERY_MS, (volume) => link.send({ do: "volume", percent: volume }));

function setVolume(volume) {
  clearTimeout(volumeSettles);
  volumeSettles = setTimeout(() => {
    volumeSettles = 0;
    showVolume();
  }, VOLUME_SETTLES_MS);
  state = { ...state, volume };
  $("volume").value = volume;
  $("volume-number").textContent = percent(volume);
  sendVolume(volume);
}

// This browser's sound.

async function useSound() {
  showSound("starting");
  try {
    await sound.start();
  } catch (trouble) {
    soundFailed(trouble);
    return;
  }
  startedSound();
}

function startedSound() {
  if (!sound.running) return;
  if (state.muted) sound.closeMicrophone();
  sendSound();
  keep("sound", "on");
}

/** Where nobody is connected it is sent after the next hello. */
function sendSound() {
  link.send({ do: "sound", on: true, rate: sound.rate, latency_ms: sound.latencyMs });
}

function leaveSound() {
  link.send({ do: "sound", on: false });
  keep("sound", "off");
  sound.stop();
  showSound("off");
}

function soundAnswered({ sound: answer, reason }) {
  if (answer === "on") {
    showSound(state.muted ? "muted" : "on");
  } else if (sound.running) {
    sound.stop();
    showSound("refused", reason);
  }
}

function soundFailed(trouble) {
  if (!sound.running) link.send({ do: "sound", on: false });
  showSound(trouble.name, trouble.message);
  $("sound-text").scrollIntoView({ block: "nearest" });
}

function soundEnded(trouble) {
  soundFailed(trouble);
}

function showSound(name, reason = "") {
  Object.assign(soundShown, { name, reason });
  $("sound-text").textContent = translate(`sound.${name}`, { reason });
  $("sound-switch").setAttribute("aria-pressed", String(sound.running));
  $("sound").classList.toggle("trouble", !["off", "on", "starting", "muted"].includes(name));
}

// The token.

/** From the address, which it leaves at once, or from before. */
function takeToken() {
  const token = location.hash.match(/[#&]token=([^&]+)/)?.[1]; // not as in a form: a plus is one
  if (token) {
    keep("token", decoded(token), SESSION);
    history.replaceState(null, "", location.pathname + location.search);
  }
  return kept("token", SESSION);
}

/** A token may be pasted as it is, too. */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function askToken() {
  $("token-why").textContent = translate(link.token ? "token.wrong" : "token.why");
  if (!$("token").open) $("token").showModal();
}

function atMostEvery(ms, act) {
  let timer = 0;
  let last = null;
  return (...values) => {
    last = values;
    timer ||= setTimeout(() => {
      timer = 0;
      act(...last);
    }, ms);
  };
}

wire();
speak();
link.connect();

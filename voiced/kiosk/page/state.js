// What the page knows of voiced, and how each message changes it; nothing here touches the document.

/** Entries of the transcript that are kept. */
export const MOST_ENTRIES = 100;
/** Cards that are kept; an older one makes room. */
export const MOST_CARDS = 20;

const FLOORS = { listening: "listening", overlap: "listening", thinking: "thinking", speaking: "speaking" };

/** Before the first message. */
export function blank() {
  return {
    connected: false,
    floor: "idle",
    muted: false,
    attentive: true,
    modes: [],
    talking: false,
    volume: null,
    brain: { name: "", state: "", reason: "" },
    devices: {},
    entries: [],
    cards: [],
    tools: [],
    failures: [],
    spending: null,
    tokens: null,
    sound: false,
  };
}

/** The one word for how it is: idle, waiting, listening, thinking, speaking, muted, offline or lost. */
export function phase(state) {
  if (!state.connected) return "lost";
  if (state.floor in FLOORS) return FLOORS[state.floor];
  if (state.muted) return "muted";
  if (isOffline(state)) return "offline";
  return state.attentive ? "idle" : "waiting";
}

/** The connection is gone: what was said stays readable. */
export function disconnected(state) {
  return { ...state, connected: false, floor: "idle", talking: false, tools: [] };
}

/** The state after one message of the daemon. Knows no time and keeps nothing that it is not told. */
export function after(state, message) {
  if (message.hello) return greeted(state, message.hello);
  if (message.status) return withStatus(state, message.status);
  if (message.answer) return { ...state, entries: withAnswer(state.entries, message.answer) };
  switch (message.fact) {
    case "FloorChanged":
      return { ...state, floor: message.floor };
    case "UserHeard":
      return { ...state, entries: withUser(state.entries, message) };
    case "UserTyped":
      return { ...state, entries: added(state.entries, entry("user", message.text)) };
    case "ReplyHeard":
      if (!message.text) return state;
      return { ...state, entries: added(state.entries, entry("assistant", message.text, message.turn, message.cut)) };
    case "QuestionAsked":
      return { ...state, entries: added(state.entries, entry("assistant", message.text)) };
    case "Muted":
      return { ...state, muted: message.muted };
    case "TalkKeyHeld":
      return { ...state, talking: message.held };
    case "AttentionChanged":
      return { ...state, attentive: message.attentive };
    case "VolumeChanged":
      return { ...state, volume: message.percent };
    case "BrainSelected":
      return { ...state, brain: { name: message.brain, state: "", reason: "" } };
    case "BrainChanged":
      if (message.brain !== state.brain.name) return state;
      return { ...state, brain: { name: message.brain, state: message.state, reason: message.reason } };
    case "DeviceChanged":
      return { ...state, devices: { ...state.devices, [message.kind]: { ok: message.ok, detail: message.detail } } };
    case "ToolStarted":
      return { ...state, tools: [...state.tools, message.name] };
    case "ToolEnded":
      return { ...state, tools: without(state.tools, state.tools.indexOf(message.name)) };
    case "CardShown":
      return { ...state, cards: withCard(state.cards, message.card) };
    case "CardGone":
      return { ...state, cards: state.cards.filter((card) => card.id !== message.id) };
    default:
      return state;
  }
}

/** Whether this fact changes what only a status tells: errors and money. */
export function wantsStatus(message) {
  return ["TurnFailed", "Warned", "DeviceChanged", "BrainChanged", "BrainSelected", "Spent"].includes(message.fact);
}

function isOffline({ brain }) {
  return brain.name === "offline" || brain.state === "lost" || brain.state === "refused";
}

/** What the daemon remembers takes the place of what the page does; where that is the same it stays as it is. */
function greeted(state, hello) {
  const told = (hello.history ?? []).filter((each) => each.text).slice(-MOST_ENTRIES);
  const same = JSON.stringify(told.map(saying)) === JSON.stringify(state.entries.map(saying));
  const fresh = {
    ...blank(),
    connected: true,
    sound: Boolean(hello.sound),
    entries: same ? state.entries : told.map((each) => entry(each.who, each.text)),
    cards: (hello.cards ?? []).slice(-MOST_CARDS),
  };
  return withStatus(fresh, hello.status ?? {});
}

function withStatus(state, status) {
  return {
    ...state,
    floor: status.floor ?? state.floor,
    muted: status.muted ?? state.muted,
    attentive: status.attentive ?? state.attentive,
    modes: status.listening?.modes ?? state.modes,
    talking: status.talking ?? state.talking,
    volume: status.volume ?? state.volume,
    brain: status.brain ?? state.brain,
    devices: status.devices ?? state.devices,
    failures: status.failures ?? state.failures,
    spending: status.spending ?? state.spending,
    tokens: status.tokens ?? state.tokens,
  };
}

function saying({ who, text }) {
  return [who, text];
}

function entry(who, text, turn = null, cut = false) {
  return { who, text, turn, cut };
}

function added(entries, one) {
  return [...entries, one].slice(-MOST_ENTRIES);
}

/** What the user said may be written down only after it was answered: it goes before the answer. */
function withUser(entries, { turn, text }) {
  const answer = entries.findIndex((each) => each.who === "assistant" && each.turn === turn);
  if (answer < 0) return added(entries, entry("user", text, turn));
  return [...entries.slice(0, answer), entry("user", text, turn), ...entries.slice(answer)].slice(-MOST_ENTRIES);
}

/** Who typed gets the whole answer to read, also where the loudspeaker was interrupted. */
function withAnswer(entries, text) {
  const last = entries.at(-1);
  if (last?.who !== "assistant") return added(entries, entry("assistant", text));
  if (last.text === text) return entries;
  return text.startsWith(last.text) ? [...entries.slice(0, -1), { ...last, text, cut: false }] : entries;
}

function withCard(cards, card) {
  const place = cards.findIndex((each) => each.id === card.id);
  return place < 0 ? [...cards, card].slice(-MOST_CARDS) : cards.map((each) => (each.id === card.id ? card : each));
}

function without(list, place) {
  return place < 0 ? list : [...list.slice(0, place), ...list.slice(place + 1)];
}

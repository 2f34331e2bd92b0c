// Cards: countdowns that tick, pictures and texts that tools show.

const TICK_MS = 250;

export class Cards {
  /** `over(title)`: a countdown has just ended. */
  constructor({ section, list, over }) {
    this.section = section;
    this.list = list;
    this.over = over;
    this.shown = new Map(); // id -> { card, element, clock, done }
    this.timer = 0;
  }

  render(cards, translate) {
    this.translate = translate;
    const kept = new Map();
    for (const card of cards) {
      const known = this.shown.get(card.id);
      kept.set(card.id, known?.card === card ? known : made(card, translate));
    }
    this.shown = kept;
    const elements = [...kept.values()].map(({ element }) => element);
    if (elements.length !== this.list.children.length || elements.some((each, i) => each !== this.list.children[i])) {
      this.list.replaceChildren(...elements);
    }
    this.section.hidden = cards.length === 0;
    clearInterval(this.timer);
    if (cards.some((card) => card.ends_at != null)) this.timer = setInterval(() => this.tick(), TICK_MS);
    this.tick();
  }

  /** Make all cards anew, in other words. */
  forget() {
    this.shown.clear();
  }

  tick() {
    for (const shown of this.shown.values()) {
      const { card, clock, element } = shown;
      if (!clock) continue;
      const left = card.ends_at - Date.now() / 1000;
      const text = left > 0 ? countdown(left) : this.translate("card.over");
      if (clock.textContent !== text) clock.textContent = text;
      if (left <= 0 && !element.classList.contains("over")) {
        element.classList.add("over");
        if (shown.ticked) this.over(card.title); // and did not end before the page was opened
      }
      shown.ticked = true;
    }
  }
}

/** Seconds as 1:05 or 1:00:05; what is left of a second counts as one, so that 0:00 is the end. */
export function countdown(left) {
  const seconds = Math.ceil(left);
  const two = (number) => String(number).padStart(2, "0");
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}:${two(seconds % 60)}`;
  return `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(seconds % 60)}`;
}

function made(card, translate) {
  const element = document.createElement("li");
  element.className = "card";
  element.dataset.card = card.id;
  const title = document.createElement("h3");
  title.textContent = card.title;
  title.dir = "auto";
  if (card.title) element.append(title);
  let clock = null;
  if (card.ends_at != null) {
    clock = document.createElement("p");
    clock.className = "clock";
    clock.setAttribute("role", "timer");
    if (card.title) clock.setAttribute("aria-label", card.title);
    element.append(clock);
  }
  if (typeof card.image === "string" && card.image.startsWith("data:image/")) {
    const image = document.createElement("img");
    image.src = card.image;
    image.alt = card.title || card.text || translate("card.picture");
    element.append(image);
  }
  if (card.text) {
    const text = document.createElement("p");
    text.dir = "auto";
    text.textContent = card.text;
    element.append(text);
  }
  return { card, element, clock, ticked: false };
}

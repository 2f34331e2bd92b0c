// What was said, as a list that follows its end unless the reader scrolled up.

const NEAR_END_PX = 48;

export class Transcript {
  constructor({ box, list, nothing, pending, newest }) {
    this.box = box;
    this.list = list;
    this.nothing = nothing;
    this.pending = pending;
    this.newest = newest;
    this.items = new Map(); // entry -> its element
    this.follows = true;
    this.top = 0; // where it was scrolled to
    box.addEventListener("scroll", () => this.scrolled(), { passive: true });
    newest.addEventListener("click", () => {
      this.follow();
      box.focus({ preventScroll: true });
    });
    new ResizeObserver(() => this.follows && this.follow()).observe(box);
  }

  /** `quiet`: a screen reader is not to read what is new, for nobody has just said it. */
  render(entries, waitsFor, translate, quiet) {
    if (quiet) this.hush();
    const kept = new Map();
    for (const entry of entries) kept.set(entry, this.items.get(entry) ?? item(entry, translate));
    for (const [entry, element] of this.items) if (!kept.has(entry)) element.remove();
    this.items = kept;
    let place = this.list.firstElementChild;
    for (const element of kept.values()) {
      if (element === place) place = place.nextElementSibling;
      else this.list.insertBefore(element, place);
    }
    this.nothing.hidden = entries.length > 0 || waitsFor !== "";
    this.pending.hidden = waitsFor === "";
    this.pending.dataset.who = waitsFor;
    if (this.follows) this.follow();
    else this.newest.hidden = false;
  }

  /** Make all entries anew, in other words. */
  forget() {
    this.items.clear();
    this.list.replaceChildren();
  }

  follow() {
    this.box.scrollTop = this.box.scrollHeight;
    this.top = this.box.scrollTop;
    this.follows = true;
    this.newest.hidden = true;
  }

  /** Only who goes up wants to stay: the end also goes out of sight where the box becomes smaller, or the text longer. */
  scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.box;
    if (scrollHeight - scrollTop - clientHeight < NEAR_END_PX) {
      this.follows = true;
      this.newest.hidden = true;
    } else if (scrollTop < this.top) {
      this.follows = false;
    }
    this.top = scrollTop;
  }

  hush() {
    this.box.setAttribute("aria-live", "off");
    setTimeout(() => this.box.setAttribute("aria-live", "polite"), 500);
  }
}

function item({ who, text, cut }, translate) {
  const element = document.createElement("li");
  element.className = who;
  const name = document.createElement("span");
  name.className = "who";
  name.textContent = translate(`who.${who}`);
  const said = document.createElement("p");
  said.dir = "auto";
  said.textContent = text;
  if (cut) {
    const mark = document.createElement("span");
    mark.className = "cut";
    mark.textContent = translate("cut");
    said.append(" ", mark);
  }
  element.append(name, said);
  return element;
}

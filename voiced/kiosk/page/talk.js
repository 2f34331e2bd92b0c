// The button to talk: held with a pointer or the space bar, or tapped to begin and again to end.

/** A press that is shorter is a tap: the key stays down until the next one. */
export const TAP_MS = 300;

export class TalkButton {
  /** `move("down" | "up")`: the key moved. `held()`: whether it is down, whoever pressed it. */
  constructor(button, { move, held }) {
    this.move = move;
    this.held = held;
    this.pressedAt = null;
    this.byPointer = false;
    button.addEventListener("pointerdown", (event) => this.pointerDown(button, event));
    button.addEventListener("pointerup", (event) => this.release(event.timeStamp));
    button.addEventListener("pointercancel", () => this.cancel());
    button.addEventListener("lostpointercapture", (event) => this.release(event.timeStamp));
    button.addEventListener("contextmenu", (event) => event.preventDefault()); // a long touch is no wish for a menu
    button.addEventListener("click", (event) => this.clicked(event));
    window.addEventListener("blur", () => this.cancel());
    document.addEventListener("visibilitychange", () => document.hidden && this.cancel());
  }

  /**
   * Something went down. Where the key is down already this is the tap that ends. `at` is the event's own time: on a
   * busy machine the page hears of it later.
   */
  press(at) {
    if (this.pressedAt !== null) return;
    if (this.held()) {
      this.move("up");
      return;
    }
    this.pressedAt = at;
    this.move("down");
  }

  release(at) {
    if (this.pressedAt === null) return;
    const tapped = at - this.pressedAt < TAP_MS;
    this.pressedAt = null;
    if (!tapped) this.move("up");
  }

  /** The finger slid off, the window is gone, the connection too: nobody will let go. */
  cancel() {
    if (this.pressedAt === null) return;
    this.pressedAt = null;
    this.move("up");
  }

  pointerDown(button, event) {
    if (event.button !== 0) return;
    button.setPointerCapture(event.pointerId);
    this.byPointer = true;
    this.press(event.timeStamp);
  }

  /** Enter, or a screen reader, which knows no holding; the click that ends each touch is none of these. */
  clicked(event) {
    const byPointer = this.byPointer && event.detail > 0;
    this.byPointer = false;
    if (!byPointer) this.move(this.held() ? "up" : "down");
  }
}

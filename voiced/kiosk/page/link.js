// The connection to the daemon, which comes back by itself.

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5000;
/** The daemon tells its status every five seconds: after this silence the connection is dead, whatever TCP thinks. */
const SILENCE_MS = 16000;
/** Sound that may wait to be sent: late sound is worth nothing. */
const MOST_WAITING_BYTES = 96000;

export class Link {
  /**
   * `heard(message)`, `sounded(bytes)`, `lost({ token, reason })`: called as it happens. `token`: there is none, or it
   * is wrong, and nothing is tried until `hurry`. `reason`: what the daemon says, where it is there and refuses.
   */
  constructor({ heard, sounded, lost, token }) {
    this.heard = heard;
    this.sounded = sounded;
    this.lost = lost;
    this.token = token;
    this.pauseMs = FIRST_PAUSE_MS;
    this.socket = null;
    this.timer = 0;
    this.watchdog = 0;
    this.heardAt = 0; // by the clock on the wall: timers sleep with their phone
    window.addEventListener("online", () => this.hurry());
    document.addEventListener("visibilitychange", () => document.hidden || this.hurry());
    window.addEventListener("pagehide", () => this.socket?.close());
    window.addEventListener("pageshow", (event) => event.persisted && this.hurry());
  }

  get open() {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  connect() {
    clearTimeout(this.timer);
    const address = new URL("ws", document.baseURI);
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    address.search = address.hash = "";
    const socket = new WebSocket(address, this.token ? ["voiced.v1", `token.${encoded(this.token)}`] : ["voiced.v1"]);
    this.socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => this.took(data);
    let opened = false;
    socket.onopen = () => (opened = true);
    socket.onclose = () => socket === this.socket && this.closed(opened);
    this.watch();
  }

  /** Try at once, whatever the pause. */
  hurry() {
    if (this.socket && this.socket.readyState !== WebSocket.CLOSED) {
      if (Date.now() - this.heardAt > SILENCE_MS) this.drop();
      return;
    }
    this.pauseMs = FIRST_PAUSE_MS;
    this.connect();
  }

  use(token) {
    this.token = token;
    this.hurry();
  }

  /** Whether it was sent. */
  send(request) {
    if (!this.open) return false;
    this.socket.send(JSON.stringify(request));
    return true;
  }

  /** Whether it was sent: what is too late is left out. */
  sendSound(bytes) {
    if (!this.open || this.socket.bufferedAmount > MOST_WAITING_BYTES) return false;
    this.socket.send(bytes);
    return true;
  }

  took(data) {
    this.watch();
    if (typeof data !== "string") {
      this.sounded(data);
      return;
    }
    const message = JSON.parse(data);
    if (message.hello) this.pauseMs = FIRST_PAUSE_MS;
    this.heard(message);
  }

  async closed(opened) {
    clearTimeout(this.watchdog);
    const socket = this.socket;
    const refusal = opened ? {} : await this.refusal();
    if (socket !== this.socket || this.socket?.readyState < WebSocket.CLOSING) return; // somebody hurried
    this.lost(refusal);
    if (refusal.token) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.connect(), this.pauseMs * (0.75 + Math.random() / 2));
    this.pauseMs = Math.min(this.pauseMs * 2, LONGEST_PAUSE_MS);
  }

  /** Why it did not open: a browser tells its page nothing of that, so the daemon is asked in another way. */
  async refusal() {
    try {
      const query = this.token ? `?${new URLSearchParams({ token: this.token })}` : "";
      const answer = await fetch(`ws${query}`, {
        cache: "no-store",
        headers: { "X-Voiced": "page" }, // which no foreign page can have a browser send
        signal: AbortSignal.timeout(LONGEST_PAUSE_MS),
      });
      if (answer.status === 401) return { token: true };
      return answer.status === 426 ? {} : { reason: await answer.text() };
    } catch {
      return {}; // nobody is there
    }
  }

  watch() {
    clearTimeout(this.watchdog);
    this.watchdog = setTimeout(() => this.drop(), SILENCE_MS);
    this.heardAt = Date.now();
  }

  /** It is dead. */
  drop() {
    const dead = this.socket;
    dead.onclose = dead.onmessage = null; // its close may take a minute
    dead.close();
    this.socket = null;
    this.closed(true);
  }
}

/** As it may stand in a subprotocol: that bears no brackets, which encodeURIComponent leaves. */
function encoded(token) {
  return encodeURIComponent(token).replaceAll("(", "%28").replaceAll(")", "%29");
}

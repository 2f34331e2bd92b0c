// This browser as the microphone and loudspeaker of voiced.

const RATE_OUT = 24000;

/** What the browser does with the microphone: its own echo cancellation lets one interrupt. */
const MICROPHONE = {
  audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: { ideal: 1 } },
};

/** Why the browser can be neither; `name` is the key of the words that say what to do: "sound.<name>". */
export class SoundTrouble extends Error {
  constructor(name, reason = "") {
    super(reason || name);
    this.name = name;
  }
}

export class BrowserSound {
  /** `captured(pcm16)`: 20 ms of the microphone. `ended(trouble)`: the microphone went away by itself. */
  constructor({ captured, ended }) {
    this.captured = captured;
    this.ended = ended;
    this.output = null; // AudioContext
    this.playout = null; // AudioWorkletNode
    this.input = null; // AudioContext
    this.stream = null; // MediaStream
    this.rate = 48000; // Hz of what `captured` gets, or got last
    /** For tests, and who looks for a fault: samples that were loud, that wait; gaps and flushes so far; blocks sent. */
    this.told = { loud: 0, waiting: 0, gaps: 0, flushes: 0, captured: 0 };
  }

  get running() {
    return this.playout !== null;
  }

  /** From the audio thread to the ear, as the browser knows it. */
  get latencyMs() {
    const { baseLatency = 0, outputLatency = 0 } = this.output ?? {};
    return Math.min(1000, Math.round((baseLatency + outputLatency) * 1000));
  }

  /** Open both, unless somebody stops it meanwhile. Raises SoundTrouble, and leaves nothing open. */
  async start() {
    this.stop();
    if (!window.isSecureContext || !navigator.mediaDevices) throw new SoundTrouble("insecure");
    if (!window.AudioWorkletNode) throw new SoundTrouble("unsupported");
    try {
      if (await this.openLoudspeaker()) await this.openMicrophone();
    } catch (error) {
      this.stop();
      throw troubleOf(error);
    }
  }

  stop() {
    this.closeMicrophone();
    this.playout = null;
    this.output?.close();
    this.output = null;
  }

  /** Let the microphone go: the browser's sign for it goes out too. */
  closeMicrophone() {
    for (const track of this.stream?.getTracks() ?? []) {
      track.onended = null;
      track.stop();
    }
    this.stream = null;
    this.input?.close();
    this.input = null;
  }

  /** Raises SoundTrouble. */
  async reopenMicrophone() {
    if (this.input) return;
    try {
      await this.openMicrophone();
    } catch (error) {
      this.closeMicrophone();
      throw troubleOf(error);
    }
  }

  /** 20 ms of sound, PCM16 at 24 kHz. */
  play(pcm) {
    this.playout?.port.postMessage(pcm, [pcm]);
  }

  /** Be silent at once. */
  flush() {
    this.playout?.port.postMessage("flush");
  }

  /** Whether it is open: it is not where it was closed meanwhile. */
  async openLoudspeaker() {
    const output = new AudioContext({ sampleRate: RATE_OUT, latencyHint: "interactive" });
    this.output = output;
    try {
      await ready(output, "playout-worklet.js");
    } catch (error) {
      if (this.output === output) throw error;
    }
    if (this.output !== output) return false;
    this.keepRunning(output);
    const node = new AudioWorkletNode(output, "voiced-playout", { numberOfInputs: 0, outputChannelCount: [1] });
    node.port.onmessage = ({ data }) => Object.assign(this.told, data);
    node.connect(output.destination);
    this.playout = node;
    return true;
  }

  async openMicrophone() {
    const input = new AudioContext({ latencyHint: "interactive" });
    this.input = input;
    this.rate = input.sampleRate;
    let stream = null;
    try {
      await ready(input, "capture-worklet.js");
      stream = await navigator.mediaDevices.getUserMedia(MICROPHONE);
    } catch (error) {
      if (this.input === input) throw error;
    }
    if (this.input !== input) {
      for (const track of stream?.getTracks() ?? []) track.stop();
      return; // it was closed while somebody was asked
    }
    this.keepRunning(input);
    this.stream = stream;
    stream.getAudioTracks()[0].onended = () => {
      this.stop();
      this.ended(new SoundTrouble("ended"));
    };
    const node = new AudioWorkletNode(input, "voiced-capture", { numberOfOutputs: 0 });
    node.port.onmessage = ({ data }) => {
      this.told.captured++;
      this.captured(data);
    };
    input.createMediaStreamSource(stream).connect(node);
  }

  /** A call on the telephone, a device that went: the browser may stop a context, and says nothing to who looks. */
  keepRunning(context) {
    context.onstatechange = async () => {
      if (context.state === "closed") return;
      try {
        await running(context);
      } catch (error) {
        if (context !== this.output && context !== this.input) return;
        this.stop();
        this.ended(troubleOf(error));
      }
    };
  }
}

async function ready(context, module) {
  await running(context);
  await context.audioWorklet.addModule(module);
}

/** A context that nobody pressed a button for does not run, and its promise waits for ever. */
async function running(context) {
  if (context.state === "running") return;
  const patience = new Promise((resolve) => setTimeout(resolve, 1000));
  await Promise.race([context.resume(), patience]);
  if (context.state !== "running") throw new SoundTrouble("gesture");
}

function troubleOf(error) {
  if (error instanceof SoundTrouble) return error;
  switch (error.name) {
    case "NotAllowedError":
    case "SecurityError":
      return new SoundTrouble("denied");
    case "NotFoundError":
    case "OverconstrainedError":
      return new SoundTrouble("none");
    case "NotReadableError":
    case "AbortError":
      return new SoundTrouble("busy");
    default:
      return new SoundTrouble("failed", error.message);
  }
}

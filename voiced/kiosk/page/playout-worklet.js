// The loudspeaker's side of the audio thread: PCM16 blocks in, sound out.

import { JitterBuffer } from "./jitter-buffer.js";

const TELL_EVERY_BLOCKS = 20; // of 128 samples: about ten times a second at 24 kHz
const LOUD = 0.01;

class Playout extends AudioWorkletProcessor {
  constructor() {
    super();
    this.buffer = new JitterBuffer(sampleRate);
    this.loud = 0;
    this.flushes = 0;
    this.untilTold = TELL_EVERY_BLOCKS;
    this.port.onmessage = ({ data }) => {
      if (data === "flush") {
        this.buffer.flush();
        this.flushes++;
      } else {
        this.buffer.put(new Int16Array(data));
      }
    };
  }

  process(_inputs, outputs) {
    const channels = outputs[0];
    this.buffer.take(channels[0]);
    for (const sample of channels[0]) if (Math.abs(sample) > LOUD) this.loud++;
    for (const other of channels.slice(1)) other.set(channels[0]);
    if (--this.untilTold === 0) {
      this.untilTold = TELL_EVERY_BLOCKS;
      const { waiting, gaps } = this.buffer;
      this.port.postMessage({ loud: this.loud, waiting, gaps, flushes: this.flushes });
    }
    return true;
  }
}

registerProcessor("voiced-playout", Playout);

// The microphone's side of the audio thread: sound in, PCM16 blocks of 20 ms out.

class Capture extends AudioWorkletProcessor {
  constructor() {
    super();
    this.block = new Int16Array(Math.round(sampleRate / 50));
    this.filled = 0;
  }

  process(inputs) {
    const channels = inputs[0];
    if (!channels.length) return true; // the microphone is being opened or is gone
    const samples = channels[0].length;
    for (let i = 0; i < samples; i++) {
      let sum = 0;
      for (const channel of channels) sum += channel[i];
      const sample = Math.max(-1, Math.min(1, sum / channels.length));
      this.block[this.filled++] = Math.round(sample * 32767);
      if (this.filled === this.block.length) this.send();
    }
    return true;
  }

  send() {
    const full = this.block.buffer;
    this.port.postMessage(full, [full]);
    this.block = new Int16Array(Math.round(sampleRate / 50));
    this.filled = 0;
  }
}

registerProcessor("voiced-capture", Capture);

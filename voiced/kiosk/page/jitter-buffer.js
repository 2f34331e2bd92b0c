// Sound that came over the network and waits for the loudspeaker; pure: no clock, no audio system.

/** What waits before the first sample of a sound goes out, and the most of it after many gaps. */
const FIRST_CUSHION_MS = 60;
const LARGEST_CUSHION_MS = 200;
const LARGER_BY_MS = 20;
/** Above the cushion and this, what is silent is left out: the delay after a stall goes down again. */
const SLACK_MS = 60;
/** More than this is never kept: what is older is dropped. */
const MOST_MS = 2000;
/** No click where a sound is cut off or begins in the middle. */
const FADE_MS = 5;
const QUIET = 64 / 32768;

export class JitterBuffer {
  constructor(rate) {
    this.perMs = rate / 1000;
    this.cushionMs = FIRST_CUSHION_MS;
    this.blocks = [];
    this.offset = 0; // samples of the first block that are out already
    this.waiting = 0; // samples
    this.flowing = false;
    this.last = 0;
    this.fresh = 0; // samples since it flows, as far as the fade reaches
    this.gaps = 0;
  }

  /** One block of sound, PCM16. */
  put(pcm) {
    this.blocks.push(pcm);
    this.waiting += pcm.length;
    while (this.waiting > MOST_MS * this.perMs) this.drop();
  }

  /** Nothing of what waits is wanted any more: it fades out within FADE_MS. */
  flush() {
    this.blocks = [];
    this.offset = 0;
    this.waiting = 0;
    this.flowing = false;
  }

  /** Fill `out`, floats from -1 to 1; silence where there is nothing. */
  take(out) {
    for (let i = 0; i < out.length; i++) out[i] = this.next();
  }

  next() {
    if (!this.flowing) {
      if (this.waiting < this.cushionMs * this.perMs) return this.fading();
      this.flowing = true;
      this.fresh = 0;
    }
    if (!this.waiting) {
      this.starved();
      return this.fading();
    }
    if (this.offset === 0 && this.waiting > (this.cushionMs + SLACK_MS) * this.perMs) this.dropQuiet();
    const block = this.blocks[0];
    let sample = block[this.offset++] / 32768;
    this.waiting--;
    if (this.offset === block.length) {
      this.blocks.shift();
      this.offset = 0;
    }
    const fade = FADE_MS * this.perMs;
    if (this.fresh < fade) sample *= ++this.fresh / fade;
    this.last = sample;
    return sample;
  }

  /** From the last sample down to silence. */
  fading() {
    this.last = Math.abs(this.last) < QUIET ? 0 : this.last * (1 - 4 / (FADE_MS * this.perMs));
    return this.last;
  }

  /** A sound that ends is no gap; one that is cut off asks for a larger cushion. */
  starved() {
    this.flowing = false;
    if (Math.abs(this.last) < QUIET) return;
    this.gaps++;
    this.cushionMs = Math.min(this.cushionMs + LARGER_BY_MS, LARGEST_CUSHION_MS);
  }

  dropQuiet() {
    while (this.blocks.length > 1 && this.blocks[0].every((sample) => Math.abs(sample) < QUIET * 32768)) {
      if (this.waiting <= this.cushionMs * this.perMs) return;
      this.drop();
    }
  }

  drop() {
    this.waiting -= this.blocks.shift().length - this.offset;
    this.offset = 0;
  }
}

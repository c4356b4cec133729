// hls.js over our playlists. URLs that have expired are asked for again, and it goes on where it was.

import Hls from "hls.js";

// It waits for bytes, or what it was loading is not wanted any more.
const HARMLESS = ["bufferStalledError", "aborted"];

export class Player {
  /** Buffers little, so that a test need not play for minutes before something is loaded late. */
  constructor(client, video, asset) {
    this.client = client;
    this.video = video;
    this.asset = asset;
    this.renewals = [];
    this.errors = [];
    this.begins = {}; // where the browser has put the first picture and the first sound, in seconds
    this.hls = new Hls({ startLevel: 0, maxBufferLength: 3, maxMaxBufferLength: 3, capLevelToPlayerSize: false });
    this.hls.on(Hls.Events.ERROR, (_, data) => this.#failed(data));
    this.hls.on(Hls.Events.BUFFER_APPENDED, (_, data) => this.#appended(data.timeRanges));
    this.hls.attachMedia(video);
  }

  async begin() {
    const fresh = await this.#fresh();
    this.expiresAt = Date.parse(fresh.expires_at);
    this.hls.loadSource(fresh.hls_url);
  }

  #fresh() {
    return this.client.call("POST", `/assets/${this.asset}/playback`);
  }

  #appended(ranges) {
    for (const [type, range] of Object.entries(ranges)) {
      if (range?.length) this.begins[type] ??= range.start(0);
    }
  }

  #failed(data) {
    if (data.response?.code === 403) {
      this.hls.stopLoad(); // its other rungs have expired as well
      this.renewing ??= this.#renew().finally(() => { this.renewing = undefined; });
    } else if (data.fatal || !HARMLESS.includes(data.details)) {
      this.errors.push({ details: data.details, status: data.response?.code ?? null, fatal: data.fatal });
    }
  }

  async #renew() {
    const { video, hls } = this;
    const [at, playing] = [video.currentTime, !video.paused];
    const fresh = await this.#fresh();
    this.expiresAt = Date.parse(fresh.expires_at);
    hls.config.startPosition = at;
    hls.loadSource(fresh.hls_url);
    this.renewals.push(at);
    if (playing) await video.play();
  }

  /** What may be wrong when nothing moves. */
  get facts() {
    const { errors, renewals, video, begins } = this;
    const { currentTime, readyState, seeking, buffered } = video;
    const loaded = Array.from({ length: buffered.length }, (_, at) => [buffered.start(at), buffered.end(at)]);
    return { errors, renewals, begins, currentTime, readyState, seeking, loaded };
  }

  /** Jump there, and return which frame is presented then. */
  seek(seconds) {
    return new Promise((resolve) => {
      this.video.requestVideoFrameCallback((_, { mediaTime, width, height }) => resolve({ mediaTime, width, height }));
      this.video.currentTime = seconds;
    });
  }
}

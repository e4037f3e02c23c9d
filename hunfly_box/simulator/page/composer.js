// Writing, attaching and recording: everything a customer can send.

import { base64, tell } from "./api.js";
import { byId, icon } from "./dom.js";
import { word } from "./words.js";

const SAMPLES = "/phone/samples/";
const SQUARE = { latitude: -23.55052, longitude: -46.633308, name: "Praça da Sé", address: "Centro, São Paulo" };
const TYPING_EVERY_MS = 3000;
const TYPING_ENDS_MS = 4000;

// phone: { place() → {instance, contact, group?} or null, fail(error) }
export class Composer {
  constructor(phone) {
    this.phone = phone;
    this.text = byId("text");
    this.about = null;
    this.typedAt = 0;
    this.buttons();
    byId("composer").addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    this.text.addEventListener("input", () => this.typed());
    this.text.addEventListener("keydown", (event) => this.key(event));
    byId("attach-menu").addEventListener("click", (event) => this.attach(event.target.dataset.attach));
    byId("pick-photo").addEventListener("change", (event) => this.picked(event.target, "image"));
    byId("pick-document").addEventListener("change", (event) => this.picked(event.target, "document"));
  }

  buttons() {
    const icons = { attach: "attach", send: "send", record: "mic", discard: "bin", "send-recording": "send" };
    for (const [id, name] of Object.entries(icons)) byId(id).append(icon(name));
    byId("about-close").append(icon("close"));
    byId("about-close").addEventListener("click", () => this.aboutNothing());
    byId("record").addEventListener("click", () => this.record());
    byId("discard").addEventListener("click", () => this.stop(false));
    byId("send-recording").addEventListener("click", () => this.stop(true));
  }

  key(event) {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      this.submit();
    }
    if (event.key === "Escape" && this.about) this.aboutNothing();
  }

  replyTo(message) {
    this.setAbout("reply", message, word("replying"));
  }

  editing(message) {
    this.setAbout("edit", message, word("editing"));
    this.text.value = message.text;
    this.grow();
  }

  setAbout(kind, message, title) {
    this.about = { kind, message };
    byId("about").hidden = false;
    byId("about-title").textContent = title;
    byId("about-text").textContent = message.text || word(message.kind);
    this.text.focus();
  }

  aboutNothing() {
    if (this.about?.kind === "edit") this.clear();
    this.about = null;
    byId("about").hidden = true;
    this.text.focus();
  }

  clear() {
    this.text.value = "";
    this.grow();
  }

  grow() {
    this.text.rows = Math.min(6, this.text.value.split("\n").length);
    byId("composer").classList.toggle("has-text", this.text.value.trim() !== "");
  }

  typed() {
    this.grow();
    const now = Date.now();
    if (now - this.typedAt > TYPING_EVERY_MS) {
      this.typedAt = now;
      this.presence("composing");
    }
    clearTimeout(this.pause);
    this.pause = setTimeout(() => this.rest(), TYPING_ENDS_MS);
  }

  rest() {
    clearTimeout(this.pause);
    if (this.typedAt) this.presence("paused");
    this.typedAt = 0;
  }

  presence(state) {
    const place = this.phone.place();
    if (place) tell("typing", { ...place, state }).catch(() => {});
  }

  async submit() {
    const text = this.text.value.trim();
    const place = this.phone.place();
    if (!text || !place) return;
    const about = this.about;
    try {
      if (about?.kind === "edit") await tell("edit", { instance: place.instance, message: about.message.id, text });
      else await this.send({ kind: "text", text });
      this.about = null;
      byId("about").hidden = true;
      this.clear();
      this.rest();
    } catch (error) {
      this.phone.fail(error);
    }
    this.text.focus();
  }

  async send(content) {
    const place = this.phone.place();
    if (!place) return;
    const quoted = this.about?.kind === "reply" ? this.about.message.id : undefined;
    await tell("send", { ...place, ...content, quoted });
    if (quoted) this.aboutNothing();
  }

  async attach(what) {
    if (!what) return;
    byId("attach-menu").hidePopover();
    if (what === "photo") return byId("pick-photo").click();
    if (what === "document") return byId("pick-document").click();
    try {
      await this.send(await sample(what));
    } catch (error) {
      this.phone.fail(error);
    }
  }

  async picked(input, kind) {
    const file = input.files[0];
    input.value = "";
    if (!file) return;
    const real = kind === "image" && file.type.startsWith("video/") ? "video" : kind;
    const caption = this.text.value.trim() || undefined;
    try {
      await this.send({ kind: real, media: await base64(file), filename: file.name, mimetype: file.type || undefined, caption });
      if (caption) this.clear();
    } catch (error) {
      this.phone.fail(error);
    }
  }

  async record() {
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
      const type = ["audio/ogg;codecs=opus", "audio/webm;codecs=opus"].find((one) => MediaRecorder.isTypeSupported(one));
      this.recorder = new MediaRecorder(stream, { mimeType: type });
    } catch {
      this.phone.fail(new Error(word("no_microphone")));
      return;
    }
    this.parts = [];
    this.recorder.addEventListener("dataavailable", (event) => this.parts.push(event.data));
    this.recorder.start();
    this.presence("recording");
    this.showRecording(true);
  }

  showRecording(isOn) {
    byId("write-line").hidden = isOn;
    byId("record-line").hidden = !isOn;
    clearInterval(this.ticking);
    if (!isOn) return this.text.focus();
    const since = Date.now();
    const show = () => {
      const seconds = Math.floor((Date.now() - since) / 1000);
      byId("clock").textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    };
    show();
    this.ticking = setInterval(show, 500);
    byId("send-recording").focus();
  }

  async stop(mustSend) {
    const stopped = new Promise((resolve) => this.recorder.addEventListener("stop", resolve, { once: true }));
    this.recorder.stop();
    await stopped;
    for (const track of this.recorder.stream.getTracks()) track.stop();
    this.showRecording(false);
    this.presence("paused");
    if (!mustSend) return;
    try {
      await this.send({ kind: "voice", media: await base64(new Blob(this.parts)) });
    } catch (error) {
      this.phone.fail(error);
    }
  }
}

async function sample(what) {
  if (what === "location") return { kind: "location", ...SQUARE };
  if (what === "contact") return { kind: "contact", name: "Padaria Estrela", number: "5511977776666" };
  const files = {
    sample_photo: { kind: "image", file: "photo.jpg" },
    sample_video: { kind: "video", file: "video.mp4", mimetype: "video/mp4", seconds: 2 },
    sample_document: { kind: "document", file: "document.pdf", filename: "comprovante.pdf", mimetype: "application/pdf" },
    sample_voice: { kind: "voice", file: "voice.ogg" },
    sticker: { kind: "sticker", file: "sticker.webp" },
  };
  const { file, ...content } = files[what];
  return { ...content, media: await base64(await (await fetch(SAMPLES + file)).blob()) };
}

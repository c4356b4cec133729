import { Client } from "./client.js";
import { Player } from "./player.js";
import { makeUploader } from "./upload.js";

const at = (id) => document.getElementById(id);
const client = new Client();
// What tests look at, and nothing of the page depends on.
const seen = (window.showme = { client, uppy: null, player: null, asset: null });

function say(sentence) {
  at("status").textContent = sentence;
}

async function start() {
  at("sign-in").hidden = true;
  const asset = new URLSearchParams(location.search).get("asset");
  if (asset) return watch(asset);
  const task = begun() ?? (await due());
  if (!task) return say("Nothing is to be done.");
  const uppy = (seen.uppy = makeUploader(client, task, say));
  at("prompt").textContent = task.text;
  at("take").hidden = false;
  at("file").onchange = () => uppy.addFile({ name: at("file").files[0].name, data: at("file").files[0] });
  uppy.on("progress", (percent) => { at("progress").value = percent; });
  uppy.on("complete", ({ successful }) => {
    if (successful.length > 0) {
      seen.asset = successful[0].meta.asset;
      say("It is there.");
    }
  });
  addEventListener("offline", () => say("No network: it goes on by itself."));
  addEventListener("online", () => say("The network is back."));
}

/** What is being sent has left the inbox already: the take was submitted before its bytes. */
function begun() {
  return JSON.parse(sessionStorage.getItem("task"));
}

async function due() {
  const [item] = (await client.call("GET", "/me/assignments")).items;
  if (!item) return null;
  const [prompt] = (await client.call("GET", `/challenges/${item.challenge.id}`)).prompts;
  const task = { assignment: item.id, prompt: prompt.id, text: prompt.text };
  sessionStorage.setItem("task", JSON.stringify(task));
  return task;
}

async function watch(asset) {
  at("player").hidden = false;
  const player = (seen.player = new Player(client, at("video"), asset));
  at("video").onresize = () => { at("rung").textContent = `${at("video").videoWidth} × ${at("video").videoHeight}`; };
  await player.begin();
}

at("sign-in").onsubmit = async (event) => {
  event.preventDefault();
  await client.signIn(Object.fromEntries(new FormData(event.target)));
  await start();
};
if (client.signedIn) await start();

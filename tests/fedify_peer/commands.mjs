// What a test can make the peer do. Each command is POST /_peer/NAME with a JSON object, and answers with one.
import { Temporal } from "@js-temporal/polyfill";
import { signRequest, verifyProof } from "@fedify/fedify";
import {
  Accept, Activity, Announce, Article, Create, DataIntegrityProof, Delete, Flag, Follow, Like, Mention, Note, Page,
  Tombstone, Undo, Update,
} from "@fedify/fedify/vocab";

const PUBLIC = new URL("https://www.w3.org/ns/activitystreams#Public");
const KINDS = { Note, Page, Article };

class CommandError extends Error {}

const newId = (origin) => new URL(`${origin}/activities/${crypto.randomUUID()}`);

async function lookUp({ context, as }, uri) {
  const found = await context.lookupObject(uri, { documentLoader: await context.getDocumentLoader({ identifier: as }) });
  if (!found) throw new CommandError(`nothing found at ${uri}`);
  return found;
}

async function send({ context, as }, recipient, activity, sharedInbox = false) {
  await context.sendActivity({ identifier: as }, recipient, activity, { immediate: true, preferSharedInbox: sharedInbox });
  return { id: activity.id.href, sent: await activity.toJsonLd({ contextLoader: context.contextLoader }) };
}

const COMMANDS = {
  // {uri} => the object there, as Fedify understood it
  lookup: async (call, { uri }) => ({ object: await (await lookUp(call, uri)).toJsonLd() }),

  // {uri: "acct:name@host"} => the JRD
  webfinger: async ({ context }, { uri }) => ({ found: await context.lookupWebFinger(uri, { allowPrivateAddress: true }) }),

  // {uri} => NodeInfo
  nodeinfo: async ({ context }, { uri }) => ({ found: await context.lookupNodeInfo(uri, { parse: "best-effort" }) }),

  // {target} => {id, sent}
  follow: async (call, { target }) => {
    const actor = await lookUp(call, target);
    return await send(call, actor, new Follow({ id: newId(call.origin), actor: call.me, object: actor.id, to: actor.id }));
  },

  // {group, kind: Note|Page|Article, name, content, inReplyTo, sharedInbox} => {id, sent, object}
  create: async (call, { group, kind = "Note", name, content = "<p>hello</p>", inReplyTo, sharedInbox }) => {
    const actor = await lookUp(call, group);
    const id = crypto.randomUUID();
    const object = new KINDS[kind]({
      id: call.context.getObjectUri(KINDS[kind], { id }),
      attribution: call.me,
      name,
      content,
      mediaType: "text/html",
      tos: [PUBLIC],
      ccs: [actor.id, call.context.getFollowersUri(call.as)],
      audience: actor.id,
      tags: [new Mention({ href: actor.id, name: `@${actor.preferredUsername}` })],
      replyTarget: inReplyTo ? new URL(inReplyTo) : null,
      published: Temporal.Now.instant(),
    });
    call.objects.set(id, object);
    const activity = new Create({
      id: newId(call.origin), actor: call.me, object, tos: [PUBLIC], ccs: [actor.id], audience: actor.id,
    });
    return { ...(await send(call, actor, activity, sharedInbox)), object: object.id.href };
  },

  // {to, object, content} => {id, sent}: a new text for an object that `create` made
  update: async (call, { to, object, content }) => {
    const key = new URL(object).pathname.split("/").at(-1);
    const edited = call.objects.get(key).clone({ content, updated: Temporal.Now.instant() });
    call.objects.set(key, edited);
    const actor = await lookUp(call, to);
    const activity = new Update({ id: newId(call.origin), actor: call.me, object: edited, tos: [PUBLIC], ccs: [actor.id] });
    return await send(call, actor, activity);
  },

  // {to, object} => {id, sent}
  delete: async (call, { to, object }) => {
    call.objects.delete(new URL(object).pathname.split("/").at(-1));
    const actor = await lookUp(call, to);
    const tombstone = new Tombstone({ id: new URL(object) });
    return await send(call, actor, new Delete({ id: newId(call.origin), actor: call.me, object: tombstone, tos: [PUBLIC] }));
  },

  // {to, object} => {id, sent}
  like: async (call, { to, object }) => {
    const actor = await lookUp(call, to);
    return await send(call, actor, new Like({ id: newId(call.origin), actor: call.me, object: new URL(object), to: actor.id }));
  },

  // {to, activity} => {id, sent}; `activity` is what an earlier command returned as `sent`
  undo: async (call, { to, activity }) => {
    const actor = await lookUp(call, to);
    const undone = await Activity.fromJsonLd(activity);
    return await send(call, actor, new Undo({ id: newId(call.origin), actor: call.me, object: undone, to: actor.id }));
  },

  // {to, activity} => {id, sent}; `activity` is a Follow as it was received
  accept: async (call, { to, activity }) => {
    const actor = await lookUp(call, to);
    const follow = await Activity.fromJsonLd(activity, call.context);
    return await send(call, actor, new Accept({ id: newId(call.origin), actor: call.me, object: follow, to: actor.id }));
  },

  // {to, activity} => {id, sent}: what a group lets its readers know of, as a whole activity
  announce: async (call, { to, activity }) => {
    const actor = await lookUp(call, to);
    const announced = await Activity.fromJsonLd(activity, call.context);
    return await send(call, actor, new Announce({ id: newId(call.origin), actor: call.me, object: announced, tos: [PUBLIC] }));
  },

  // {to, objects, content} => {id, sent}
  flag: async (call, { to, objects, content }) => {
    const actor = await lookUp(call, to);
    const reported = objects.map((uri) => new URL(uri));
    return await send(call, actor, new Flag({ id: newId(call.origin), actor: call.me, objects: reported, content, to: actor.id }));
  },

  // {activity} => {proven}: whether its integrity proof holds, by the key that its actor's document lists
  proven: async ({ context }, { activity }) => {
    const loaders = { documentLoader: context.documentLoader, contextLoader: context.contextLoader };
    const proof = await DataIntegrityProof.fromJsonLd(activity.proof, loaders);
    return { proven: (await verifyProof(activity, proof, loaders)) != null };
  },

  // {url, method, body, spec, alter: {header: value}, alteredBody} => {status, body}: signed bytes of any kind, altered after signing
  raw: async ({ context, as }, { url, method = "POST", body, spec = "draft-cavage-http-signatures-12", alter = {}, alteredBody }) => {
    const [pair] = await context.getActorKeyPairs(as);
    const type = "application/activity+json";
    const request = new Request(url, { method, body, headers: { "content-type": type, accept: type } });
    const signed = await signRequest(request, pair.privateKey, pair.keyId, { spec });
    const headers = { ...Object.fromEntries(signed.headers), ...alter };
    const response = await fetch(url, { method, headers, body: alteredBody ?? body, redirect: "manual" });
    return { status: response.status, body: (await response.text()).slice(0, 2000) };
  },
};

// {kind, type, object, seconds} => the first entry of the journal that fits, now or within `seconds`
function wait(journal, { kind = "received", type, object, seconds = 10 }) {
  const fits = (entry) => entry.kind === kind && (!type || entry.type === type) && (!object || entry.object === object);
  return new Promise((resolve, reject) => {
    const look = () => {
      const entry = journal.entries.find(fits);
      if (entry) finish(() => resolve(entry));
    };
    const finish = (then) => {
      journal.waiting.delete(look);
      clearTimeout(timer);
      then();
    };
    const timer = setTimeout(() => finish(() => reject(new CommandError(`no ${type ?? kind} came`))), seconds * 1000);
    journal.waiting.add(look);
    look();
  });
}

export async function commands({ federation, origin, journal, objects, request, url }) {
  const name = url.pathname.slice("/_peer/".length);
  const { as = "alice", ...given } = request.method === "POST" ? await request.json() : {};
  const context = federation.createContext(new URL(origin), undefined);
  const call = { context, origin, objects, as, me: context.getActorUri(as) };
  const json = (status, body) => Response.json(body, { status });
  try {
    if (name === "journal") return json(200, { entries: journal.entries });
    if (name === "forget") return json(200, { forgotten: journal.entries.splice(0).length });
    if (name === "wait") return json(200, await wait(journal, given));
    if (!Object.hasOwn(COMMANDS, name)) return json(404, { error: `no command ${name}` });
    return json(200, await COMMANDS[name](call, given));
  } catch (error) {
    return json(error instanceof CommandError ? 404 : 500, { error: String(error), stack: error.stack });
  }
}

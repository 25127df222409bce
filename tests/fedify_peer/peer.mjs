// An instance of other software for the peer tests: Fedify with its signature checks on, and commands for the test under /_peer/.
// node peer.mjs --port 8902 [--origin http://localhost:8902] [--first-knock draft-cavage-http-signatures-12] [--secure]
import http from "node:http";
import { parseArgs } from "node:util";
import { createFederation, generateCryptoKeyPair, InProcessMessageQueue, MemoryKvStore } from "@fedify/fedify";
import { Activity, Article, Endpoints, Group, Note, Page, Person } from "@fedify/fedify/vocab";
import { configure, getConsoleSink } from "@logtape/logtape";
import { commands } from "./commands.mjs";

const PEOPLE = ["alice", "bob"];
const GROUPS = ["square"];
const OBJECT_PATHS = [[Note, "notes"], [Page, "pages"], [Article, "articles"]];

const { values: options } = parseArgs({
  options: {
    port: { type: "string" },
    origin: { type: "string" },
    "first-knock": { type: "string", default: "rfc9421" },
    secure: { type: "boolean", default: false }, // actors only for signed requests, as Mastodon's secure mode does
    log: { type: "string", default: "error" },
  },
});
const origin = options.origin ?? `http://localhost:${options.port}`;

await configure({
  sinks: { console: getConsoleSink() },
  loggers: [
    { category: "fedify", sinks: ["console"], lowestLevel: options.log },
    { category: ["logtape", "meta"], sinks: ["console"], lowestLevel: "error" },
  ],
});

// What happened here, in order; the test waits for an entry instead of sleeping.
const journal = { entries: [], waiting: new Set() };
journal.add = (entry) => {
  journal.entries.push(entry);
  for (const look of journal.waiting) look();
};

const objects = new Map();
const keyPairs = new Map();
const federation = createFederation({
  kv: new MemoryKvStore(),
  queue: new InProcessMessageQueue(),
  origin,
  allowPrivateAddress: true, // both sides live on loopback
  firstKnock: options["first-knock"],
  outboxRetryPolicy: () => null, // a test wants to hear of a failure at once
  onOutboxError: (error) => journal.add({ kind: "not sent", error: String(error) }),
});

federation
  .setActorDispatcher("/users/{identifier}", async (context, identifier) => {
    if (!PEOPLE.includes(identifier) && !GROUPS.includes(identifier)) return null;
    const keys = await context.getActorKeyPairs(identifier);
    const Type = GROUPS.includes(identifier) ? Group : Person;
    return new Type({
      id: context.getActorUri(identifier),
      preferredUsername: identifier,
      name: identifier,
      url: context.getActorUri(identifier),
      inbox: context.getInboxUri(identifier),
      outbox: context.getOutboxUri(identifier),
      followers: context.getFollowersUri(identifier),
      endpoints: new Endpoints({ sharedInbox: context.getInboxUri() }),
      publicKey: keys[0].cryptographicKey,
      assertionMethods: keys.map((pair) => pair.multikey),
    });
  })
  .setKeyPairsDispatcher(async (_context, identifier) => {
    if (!keyPairs.has(identifier)) {
      const algorithms = ["RSASSA-PKCS1-v1_5", "Ed25519"];
      keyPairs.set(identifier, Promise.all(algorithms.map((algorithm) => generateCryptoKeyPair(algorithm))));
    }
    return await keyPairs.get(identifier);
  })
  .authorize(async (context) => !options.secure || (await context.getSignedKeyOwner()) != null);

federation.setOutboxDispatcher("/users/{identifier}/outbox", () => ({ items: [] }));
federation.setFollowersDispatcher("/users/{identifier}/followers", () => ({ items: [] }));
for (const [Type, path] of OBJECT_PATHS) {
  federation.setObjectDispatcher(Type, `/${path}/{id}`, (_context, { id }) => objects.get(id) ?? null);
}
federation.setNodeInfoDispatcher("/nodeinfo/2.1", () => ({
  software: { name: "fedify-peer", version: { major: 1, minor: 0, patch: 0 } },
  protocols: ["activitypub"],
  usage: { users: { total: PEOPLE.length, activeHalfyear: 2, activeMonth: 2 }, localPosts: 0, localComments: 0 },
}));

federation
  .setInboxListeners("/users/{identifier}/inbox", "/inbox")
  // Who signs when a key is asked for that the shared inbox needs: one in secure mode gives it to nobody else.
  .setSharedKeyDispatcher(() => ({ identifier: "alice" }))
  .on(Activity, async (context, activity) => {
    journal.add({
      kind: "received", // verified by Fedify, or this listener would not have been called
      type: activity.constructor.name,
      id: activity.id?.href,
      actor: activity.actorId?.href,
      object: activity.objectId?.href,
      recipient: context.recipient,
      json: await activity.toJsonLd({ contextLoader: context.contextLoader }),
    });
  })
  .onError((_context, error) => journal.add({ kind: "inbox error", error: String(error) }));

async function answer(incoming, outgoing) {
  const chunks = [];
  for await (const chunk of incoming) chunks.push(chunk);
  const url = new URL(incoming.url, origin);
  const bodiless = ["GET", "HEAD"].includes(incoming.method);
  const request = new Request(url, {
    method: incoming.method,
    headers: incoming.headers,
    body: bodiless ? undefined : Buffer.concat(chunks),
  });
  const response = url.pathname.startsWith("/_peer/")
    ? await commands({ federation, origin, journal, objects, request, url })
    : await federation.fetch(request, { contextData: undefined });
  if (!url.pathname.startsWith("/_peer/")) {
    journal.add({
      kind: "request",
      method: incoming.method,
      path: incoming.url,
      status: response.status,
      scheme: "signature-input" in incoming.headers ? "rfc9421" : "signature" in incoming.headers ? "cavage" : null,
    });
  }
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  outgoing.end(Buffer.from(await response.arrayBuffer()));
}

http
  .createServer((incoming, outgoing) => {
    answer(incoming, outgoing).catch((error) => {
      outgoing.writeHead(500, { "content-type": "application/json" });
      outgoing.end(JSON.stringify({ error: String(error), stack: error.stack }));
    });
  })
  .listen(Number(options.port), "127.0.0.1", () => console.log(`ready ${origin}`));

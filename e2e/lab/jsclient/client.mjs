// A Matrix client on matrix-js-sdk with its Rust crypto, driven by lines of JSON: {"id", "do", …} comes in on standard
// input, {"id", "result"} or {"id", "error"} goes out on standard output, and {"event": …} for everything that the client
// is shown. It accepts every invitation.
import { createInterface } from "node:readline";
import encrypt from "matrix-encrypt-attachment";

// Node got it in version 22; the SDK wants it.
Promise.withResolvers ??= function () {
  const all = {};
  all.promise = new this((resolve, reject) => Object.assign(all, { resolve, reject }));
  return all;
};

const say = (message) => process.stdout.write(JSON.stringify(message) + "\n");
for (const level of ["log", "info", "warn", "error", "debug", "trace"]) {
  console[level] = (...words) => process.stderr.write(words.map(String).join(" ") + "\n");
}
const sdk = await import("matrix-js-sdk");
const { AllDevicesIsolationMode, OnlySignedDevicesIsolationMode } = await import("matrix-js-sdk/lib/crypto-api/index.js");

let client;
const shown = new Set();

function show(event) {
  if (event.isBeingDecrypted() || event.status !== null || shown.has(event.getId())) return;
  if (event.isEncrypted() && event.getClearContent() === null && !event.isDecryptionFailure()) return;
  if (!event.isDecryptionFailure()) shown.add(event.getId());
  say({
    event: {
      id: event.getId(), room: event.getRoomId(), sender: event.getSender(), type: event.getType(),
      state_key: event.getStateKey(), time: event.getTs(), encrypted: event.isEncrypted(),
      failure: event.isDecryptionFailure() ? String(event.decryptionFailureReason) : undefined,
      // What an edit leaves behind is the original's content here, as on the wire.
      content: event.getWireType() === "m.room.encrypted" && event.getClearContent() ? event.getClearContent() : event.getOriginalContent(),
      relates: event.getWireContent()["m.relates_to"], redacts: event.event.redacts ?? event.getContent().redacts,
    },
  });
}

const actions = {
  async login({ homeserver, user, password }) {
    client = sdk.createClient({ baseUrl: homeserver });
    const { access_token, user_id, device_id } = await client.loginRequest({
      type: "m.login.password", identifier: { type: "m.id.user", user }, password,
    });
    client = sdk.createClient({ baseUrl: homeserver, accessToken: access_token, userId: user_id, deviceId: device_id });
    await client.initRustCrypto({ useIndexedDB: false });
    const crypto = client.getCrypto();
    await crypto.bootstrapCrossSigning({
      authUploadDeviceSigningKeys: (make) => make({
        type: "m.login.password", identifier: { type: "m.id.user", user: user_id }, password,
      }),
    });
    client.on("Room.timeline", show);
    client.on("Event.decrypted", show);
    client.on("RoomMember.membership", (_, member) => {
      if (member.userId === user_id && member.membership === "invite") {
        client.joinRoom(member.roomId).catch((err) => console.error("join", member.roomId, err));
      }
    });
    const ready = new Promise((resolve, reject) => client.on("sync", (state, _, data) => {
      if (state === "PREPARED") resolve();
      if (state === "ERROR") console.error("sync", data?.error);
      if (state === "STOPPED") reject(new Error("sync stopped"));
    }));
    await client.startClient({ initialSyncLimit: 100 });
    await ready;
    return { user_id, device_id };
  },

  // isolate shuts out, or lets in again, devices that their owners have not signed (MSC4153).
  async isolate({ on }) {
    client.getCrypto().setDeviceIsolationMode(on ? new OnlySignedDevicesIsolationMode() : new AllDevicesIsolationMode(false));
    return {};
  },

  async direct({ user }) {
    const { room_id } = await client.createRoom({
      preset: "trusted_private_chat", is_direct: true, invite: [user],
      initial_state: [{ type: "m.room.encryption", state_key: "", content: { algorithm: "m.megolm.v1.aes-sha2" } }],
    });
    return { room: room_id };
  },

  async send({ room, type = "m.room.message", content }) {
    return { event: (await client.sendEvent(room, type, content)).event_id };
  },

  async upload({ room, name, mimetype, data, info = {}, msgtype = "m.file" }) {
    const bytes = Buffer.from(data, "base64");
    const sealed = await encrypt.encryptAttachment(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
    const { content_uri } = await client.uploadContent(new Blob([sealed.data]), { type: "application/octet-stream", includeFilename: false });
    return actions.send({
      room, content: { msgtype, body: name, filename: name, info: { mimetype, size: bytes.length, ...info }, file: { ...sealed.info, url: content_uri } },
    });
  },

  async download({ file }) {
    const url = client.mxcUrlToHttp(file.url, undefined, undefined, undefined, false, true, true);
    const response = await fetch(url, { headers: { Authorization: `Bearer ${client.getAccessToken()}` } });
    if (!response.ok) throw new Error(`download ${file.url}: status ${response.status}`);
    const plain = await encrypt.decryptAttachment(await response.arrayBuffer(), file);
    return { data: Buffer.from(plain).toString("base64") };
  },

  async redact({ room, event }) {
    return { event: (await client.redactEvent(room, event)).event_id };
  },

  async read({ room, event }) {
    await client.sendReadReceipt(client.getRoom(room).findEventById(event));
    return {};
  },

  // devices tells what this client makes of somebody's devices.
  async devices({ user }) {
    const crypto = client.getCrypto();
    const known = (await crypto.getUserDeviceInfo([user], true)).get(user) ?? new Map();
    const devices = [];
    for (const device of known.keys()) {
      const status = await crypto.getDeviceVerificationStatus(user, device);
      devices.push({ device, signed_by_owner: status?.signedByOwner ?? false });
    }
    return { devices };
  },

  // shield tells with what warning a client shows an encrypted event: colour 0 is none, 1 grey, 2 red.
  async shield({ room, event }) {
    const { shieldColour, shieldReason } = await client.getCrypto().getEncryptionInfoForEvent(client.getRoom(room).findEventById(event));
    return { colour: shieldColour, reason: shieldReason };
  },

  async room({ room }) {
    const known = client.getRoom(room);
    if (!known) throw new Error(`room ${room} is not known`);
    const direct = client.getAccountData("m.direct")?.getContent() ?? {};
    return {
      name: known.name, avatar: known.getMxcAvatarUrl() ?? "", encrypted: known.hasEncryptionStateEvent(),
      direct: Object.values(direct).flat().includes(room),
      members: known.getJoinedMembers().map((member) => ({ id: member.userId, name: member.name, avatar: member.getMxcAvatarUrl() ?? "" })),
    };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { id, do: name, ...args } = JSON.parse(line);
  Promise.resolve().then(() => actions[name](args)).then(
    (result) => say({ id, result }),
    (error) => say({ id, error: String(error?.stack ?? error) }),
  );
}
process.exit(0);

#!/bin/sh
# What the container runs. With no argument: makes the configuration in the data folder if there is none yet, then runs
# the bridge. With `init`: makes it only. With anything else: runs the program so, as in `docker run ... crosschat doctor`.
#
# Read when the configuration is made, and never again:
#   CROSSCHAT_HOMESERVER  where this container reaches the homeserver: http://synapse:8008
#   CROSSCHAT_DOMAIN      the homeserver's name, the part of user ids after the colon: example.com
#   CROSSCHAT_ADMIN       who may administer the bridge: @you:example.com
#   CROSSCHAT_ADDRESS     where the homeserver reaches this container (default: http://crosschat:29380)
#   CROSSCHAT_DATABASE    postgres://USER:PASSWORD@HOST/NAME (default: SQLite in the data folder)
#   CROSSCHAT_ENCRYPTION  auto, appservice, sync or off (default: auto)
# CROSSCHAT_DATA, the data folder, is /data unless set.
set -eu
data=${CROSSCHAT_DATA:-/data}
config=$data/config.yaml

die() {
  printf 'crosschat: %s\n' "$@" >&2
  exit 1
}

if [ $# -gt 0 ] && [ "$1" != init ]; then
  exec crosschat "$@"
fi

if [ ! -e "$config" ]; then
  missing=
  [ -n "${CROSSCHAT_HOMESERVER:-}" ] || missing="$missing CROSSCHAT_HOMESERVER"
  [ -n "${CROSSCHAT_DOMAIN:-}" ] || missing="$missing CROSSCHAT_DOMAIN"
  [ -n "${CROSSCHAT_ADMIN:-}" ] || missing="$missing CROSSCHAT_ADMIN"
  if [ -n "$missing" ]; then
    die "there is no $config yet, and to make it these environment variables are missing:$missing" \
      "for example: CROSSCHAT_HOMESERVER=http://synapse:8008 CROSSCHAT_DOMAIN=example.com CROSSCHAT_ADMIN=@you:example.com"
  fi
  if [ ! -d "$data" ] || [ ! -w "$data" ]; then
    die "the data folder $data cannot be written by user $(id -u)" \
      "mount a volume there, or give the folder to that user: chown -R $(id -u) FOLDER"
  fi
  crosschat init --data "$data" \
    --homeserver "$CROSSCHAT_HOMESERVER" --domain "$CROSSCHAT_DOMAIN" --admin "$CROSSCHAT_ADMIN" \
    --hostname 0.0.0.0 --port 29380 --address "${CROSSCHAT_ADDRESS:-http://crosschat:29380}" \
    --encryption "${CROSSCHAT_ENCRYPTION:-auto}" \
    ${CROSSCHAT_DATABASE:+--database "$CROSSCHAT_DATABASE"}
fi

if [ "${1:-run}" = init ]; then exit 0; fi
exec crosschat run -c "$config" -r "$data/registration.yaml"

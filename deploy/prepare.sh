#!/bin/sh
# The one-shot service `prepare` of docker-compose.yaml. Runs as root, before the database, Synapse and the bridge start,
# and makes what ties them together: passwords, databases, Synapse's extra configuration, the bridge's configuration
# and its registrations. What is there already stays; only the copies of the registrations are made anew.
#
# Sees the volumes of all three: the bridge's /data, Synapse's /synapse (homeserver.yaml is there already), and
# /database, which PostgreSQL's image reads when it makes its data folder.
set -eu
umask 077
data=${CROSSCHAT_DATA:-/data}
synapse=${PREPARE_SYNAPSE:-/synapse}
database=${PREPARE_DATABASE:-/database}

# write FILE: standard input becomes FILE at once or not at all.
write() {
  cat >"$1.new"
  mv "$1.new" "$1"
}

# password NAME: prints it; made on first use. Hexadecimal, so that no quoting is needed anywhere.
password() {
  if [ ! -s "$database/$1.password" ]; then
    od -An -N 24 -tx1 /dev/urandom | tr -d ' \n' | write "$database/$1.password"
  fi
  cat "$database/$1.password"
}

password postgres >/dev/null
for name in synapse crosschat; do
  # Synapse refuses a database that sorts otherwise.
  cat <<SQL
CREATE ROLE $name LOGIN PASSWORD '$(password $name)';
CREATE DATABASE $name OWNER $name TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C';
SQL
done | write "$database/databases.sql"
# PostgreSQL's image reads them as a user of its own; nobody but it and this script has the volume.
chmod 755 "$database"
chmod 644 "$database/databases.sql" "$database"/*.password

if [ ! -e "$synapse/crosschat.yaml" ]; then
  write "$synapse/crosschat.yaml" <<YAML
# Read after homeserver.yaml; a section here replaces the one there.
database:
  name: psycopg2
  args:
    host: postgres
    user: synapse
    password: $(password synapse)
    dbname: synapse
    cp_min: 2
    cp_max: 10
app_service_config_files:
  - /data/appservices/registration.yaml
  - /data/appservices/doublepuppet.yaml
# Encryption between users and the bridge: without both, the bridge can't read encrypted rooms.
experimental_features:
  msc2409_to_device_messages_enabled: true
  msc3202_transaction_extensions: true
YAML
fi

if [ ! -e "$data/config.yaml" ]; then
  CROSSCHAT_DATABASE="postgres://crosschat:$(password crosschat)@postgres/crosschat?sslmode=disable" \
    crosschat-entrypoint init
fi
chown -R crosschat:crosschat "$data"

mkdir -p "$synapse/appservices"
for file in registration.yaml doublepuppet.yaml; do
  write "$synapse/appservices/$file" <"$data/$file"
done
# The user that Synapse's image runs as.
chown -R 991:991 "$synapse/appservices" "$synapse/crosschat.yaml"

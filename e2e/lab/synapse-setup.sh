# Installs Synapse into a chroot: sh -s CHROOT MIRROR. Run by synapse.go under a lock; may be repeated after a failure.
set -eu
root=$1 mirror=$2
base=$root/.lab-base

if [ ! -e "$base" ]; then
	mkdir -p "$root"
	debootstrap --variant=minbase sid "$root" "$mirror"
	touch "$base"
fi

# What the host's apt needs to reach a mirror (a proxy, say), the chroot's apt needs too.
cp -n /etc/apt/apt.conf.d/* "$root/etc/apt/apt.conf.d/" 2>/dev/null || true
# Packages must not start services in here.
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
printf 'path-exclude=/usr/share/%s/*\n' doc man locale >"$root/etc/dpkg/dpkg.cfg.d/lab"

printf 'matrix-synapse matrix-synapse/%s\n' \
	'server-name string lab.localhost' 'report-stats boolean false' | chroot "$root" debconf-set-selections
chroot "$root" apt-get update
chroot "$root" apt-get install -y --no-install-recommends matrix-synapse python3-psycopg2 libeatmydata1
chroot "$root" apt-get clean
rm -rf "$root"/var/lib/apt/lists/*
touch "$root/.lab-ready-2"

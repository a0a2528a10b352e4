#!/bin/sh
# Installs, upgrades and removes the workspace runtime as a systemd service, or as plain files where there is no
# systemd. Works from the unpacked archive and from the repository after `npm run build`. Every command may be
# repeated: what is there already stays.

set -eu

NAME=workspace-runtime
UNITS='runtime.service runtime.socket'

usage() {
  cat <<EOF
install.sh [--prefix DIR] [--root DIR] [install|upgrade|uninstall|status]

  install          install, or upgrade what is installed, and start it (the default)
  upgrade          the same, for what is installed already
  uninstall        stop and remove it; token and settings stay
  uninstall --purge   remove those too
  status           what is installed, and whether it runs (exit code 3: not installed, 4: not running)

  --prefix DIR     the executable goes to DIR/bin (/usr/local)
  --root DIR       into the file system below DIR, for an image; nothing is started
EOF
}

say() { echo "install.sh: $*"; }
fail() {
  echo "install.sh: $*" >&2
  exit 1
}

prefix=/usr/local
root=
command=
purge=no
while [ $# -gt 0 ]; do
  case $1 in
    --prefix=*) prefix=${1#*=} ;;
    --root=*) root=${1#*=} ;;
    --prefix | --root)
      [ $# -gt 1 ] || fail "$1 needs a value"
      if [ "$1" = --prefix ]; then prefix=$2; else root=$2; fi
      shift
      ;;
    --purge) purge=yes ;;
    -h | --help)
      usage
      exit 0
      ;;
    install | upgrade | uninstall | status)
      [ -z "$command" ] || fail "one command is accepted, not $command and $1"
      command=$1
      ;;
    *)
      usage >&2
      fail "there is no $1"
      ;;
  esac
  shift
done
command=${command:-install}
[ "$purge" = no ] || [ "$command" = uninstall ] || fail '--purge belongs to uninstall'
case $prefix in
  /*) ;;
  *) fail "--prefix is $prefix; accepted is an absolute path" ;;
esac
# It becomes part of a unit file and of a sed expression.
case $prefix$root in
  *[!A-Za-z0-9/._+@-]*) fail '--prefix and --root may have letters, digits and / . _ + @ - only' ;;
esac
case $root in
  '' | /*) ;;
  *) root=$(pwd)/$root ;;
esac
root=${root%/}
# A new folder would be an image of ours alone, which is a typo more often than a wish.
[ -z "$root" ] || [ -d "$root" ] || fail "--root is $root, which is not a directory; make it first, or correct it"

binary=$prefix/bin/$NAME
units=/etc/systemd/system
settings=/etc/$NAME
state=/var/lib/$NAME
cache=/var/cache/$NAME

# --root is an image: nothing of it runs on this machine.
managed=no
if [ -z "$root" ] && [ -d /run/systemd/system ] && command -v systemctl >/dev/null 2>&1; then managed=yes; fi

here=$(cd "$(dirname "$0")" && pwd)

# The first of the places where a file may lie: beside this script, or in the repository around it.
source_of() {
  for place in "$here/$1" "$here/../dist/$1" "$here/../$1"; do
    if [ -f "$place" ]; then
      echo "$place"
      return
    fi
  done
  fail "$1 is missing beside install.sh; unpack the whole archive, or run \`npm run build\`"
}

writable() {
  mkdir -p "$1" 2>/dev/null && [ -w "$1" ] || fail "$1 cannot be written: run this as root, or choose --prefix or --root"
}

# What the executable calls itself, or nothing where it does not run.
version_of() { "$1" --version 2>/dev/null | sed -n "1s/^$NAME //p"; }

# Functions that answer yes or no run with -e switched off: each command in them that can fail says so itself.

# Puts $1 at $2 with mode $3 in one step, so that no process sees half of it. False: the same is there already.
put() {
  if [ -f "$2" ] && cmp -s "$1" "$2"; then return 1; fi
  writable "$(dirname "$2")"
  { cp "$1" "$2.new.$$" && chmod "$3" "$2.new.$$" && mv -f "$2.new.$$" "$2"; } || fail "$2 cannot be written"
}

# The old executable stays until the new one has shown that it runs here.
put_binary() {
  from=$(source_of $NAME)
  if [ -f "$root$binary" ] && cmp -s "$from" "$root$binary"; then
    say "$root$binary is up to date ($(version_of "$root$binary"))"
    return 1
  fi
  writable "$root$prefix/bin"
  aside=$root$prefix/bin/.$NAME.new.$$
  if ! { cp "$from" "$aside" && chmod 755 "$aside"; }; then
    rm -f "$aside"
    fail "$root$prefix/bin cannot be written: is the disk full?"
  fi
  new=$(version_of "$aside") || new=
  if [ -z "$new" ]; then
    reason=$("$aside" --version 2>&1 | head -n 1) || true
    rm -f "$aside"
    fail "the new executable does not run here, nothing was changed: ${reason:-no answer to --version}"
  fi
  if [ -f "$root$binary" ]; then
    say "$root$binary: $(version_of "$root$binary") becomes $new"
  else
    say "$root$binary: $new"
  fi
  mv -f "$aside" "$root$binary" || fail "$root$binary cannot be replaced"
}

put_units() {
  new_units=no
  for unit in $UNITS; do
    text=$(mktemp) || fail 'no temporary file can be made'
    sed "s|/usr/local/bin/$NAME|$binary|" "$(source_of "$unit")" >"$text" || fail "$unit cannot be read"
    if put "$text" "$root$units/$unit" 644; then
      say "$root$units/$unit"
      new_units=yes
    fi
    rm -f "$text"
  done
  [ "$new_units" = yes ]
}

install_all() {
  if [ "$command" = upgrade ] && [ ! -f "$root$binary" ]; then
    fail "there is no $root$binary to upgrade; use install"
  fi
  for file in $NAME $UNITS; do source_of "$file" >/dev/null || exit 1; done
  changed=no
  put_binary && changed=yes
  put_units && changed=yes
  if [ "$managed" = yes ]; then
    start_service "$changed"
  elif [ -n "$root" ]; then
    enable_in_image
  else
    say "there is no systemd here; start it yourself, under your service manager:"
    say "  STATE_DIRECTORY=$state CACHE_DIRECTORY=$cache $binary serve --host 0.0.0.0 --port 9990"
    say "both are removed by \`uninstall --purge\`; without them the daemon uses the home directory of its user"
  fi
}

# What `systemctl enable` would do.
enable_in_image() {
  for link in multi-user.target.wants/runtime.service sockets.target.wants/runtime.socket; do
    writable "$root$units/${link%/*}"
    ln -sfn "$units/${link#*/}" "$root$units/$link"
  done
  say "enabled in $root: it starts with the image"
}

# The socket unit keeps the port: who connects during the restart waits for the new daemon.
start_service() {
  systemctl daemon-reload
  systemctl --quiet enable runtime.service runtime.socket
  systemctl start runtime.socket
  if [ "$1" = yes ] && systemctl --quiet is-active runtime.service; then
    say 'restarting runtime.service; runtime.socket holds the port'
    systemctl restart runtime.service || started_not
  else
    systemctl start runtime.service || started_not
  fi
  say 'runtime.service is running'
  if [ -f "$state/token" ]; then say "the token is in $state/token"; fi
}

started_not() {
  systemctl --no-pager --lines=5 status runtime.service >&2 || true
  fail 'runtime.service does not start; see above, and `journalctl -u runtime.service`'
}

uninstall_all() {
  if [ "$managed" = yes ]; then
    for unit in $UNITS; do
      if [ -f "$units/$unit" ]; then systemctl --quiet disable --now "$unit" || true; fi
    done
  fi
  remove "$root$binary"
  for unit in $UNITS; do remove "$root$units/$unit"; done
  for link in multi-user.target.wants/runtime.service sockets.target.wants/runtime.socket; do
    rm -f "$root$units/$link"
    rmdir "$root$units/${link%/*}" 2>/dev/null || true
  done
  if [ "$managed" = yes ]; then
    systemctl daemon-reload
    systemctl --quiet reset-failed $UNITS 2>/dev/null || true
  fi
  remove "$root$cache"
  if [ "$purge" = yes ]; then
    remove "$root$state"
    remove "$root$settings"
    for unit in $UNITS; do remove "$root$units/$unit.d"; done
  elif [ -e "$root$state" ] || [ -e "$root$settings" ]; then
    say "token and settings stay in $root$state and $root$settings; --purge removes them"
  fi
}

remove() {
  if [ ! -e "$1" ] && [ ! -L "$1" ]; then return 0; fi
  rm -rf "$1" || fail "$1 cannot be removed: run this as root"
  say "removed $1"
}

status() {
  if [ ! -f "$root$binary" ]; then
    say "not installed: there is no $root$binary"
    exit 3
  fi
  say "$root$binary: $(version_of "$root$binary")"
  if [ "$managed" = no ]; then
    say 'no systemd is asked here: whether it runs is not known'
    return
  fi
  for unit in $UNITS; do say "$unit: $(systemctl is-active "$unit" || true), $(systemctl is-enabled "$unit" || true)"; done
  systemctl --quiet is-active runtime.service || exit 4
}

case $command in
  install | upgrade) install_all ;;
  uninstall) uninstall_all ;;
  status) status ;;
esac

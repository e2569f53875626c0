#!/usr/bin/env bats
# What `make install` puts where, and that what it installs can be started.
bats_require_minimum_version 1.5.0
load helpers

setup() {
  cd "$BATS_TEST_TMPDIR" || return
  meson install -C "$MQD_BUILD" --no-rebuild --quiet --destdir "$PWD/root" > install.log 2>&1
  prefix=$(meson introspect "$MQD_BUILD" --buildoptions | jq -r '.[] | select(.name == "prefix").value')
  conf=/etc/mqd
  [[ $prefix == /usr || $prefix == /usr/local ]] || conf=$prefix/etc/mqd
}

@test "programs, manual, units and their configuration are there" {
  local program page
  for program in mqsend mqpull mqadmin mqdump mqd-broker mqd-namesrv; do
    "root$prefix/bin/$program" --version
  done
  for page in "$BATS_TEST_DIRNAME"/../../man/*.[1-8]; do
    page=${page##*/}
    [ -e "root$prefix/share/man/man${page##*.}/$page" ]
  done
  [ -e "root$conf/broker.conf" ]
  [ -e "root$conf/namesrv.conf" ]
}

@test "completions lie where the shells look" {
  local tool
  for tool in mqsend mqpull mqadmin mqdump; do
    [ -e "root$prefix/share/bash-completion/completions/$tool" ]
    # fish does not look below /usr/local by itself.
    [ -e "root${prefix%/local}/share/fish/vendor_completions.d/$tool.fish" ]
    [ -e "root$prefix/share/zsh/site-functions/_$tool" ] || [ -e "root$prefix/share/zsh/vendor-completions/_$tool" ]
  done
}

# starts_as UNIT ROLE OPTION...: what the unit starts does, on the configuration that is installed.
starts_as() {
  local unit=root$prefix/lib/systemd/system/$1.service role=$2 program file
  shift 2
  read -r program file < <(sed -nE 's/^ExecStart=([^ ]+) -c ([^ ]+)$/\1 \2/p' "$unit")
  [ "$file" = "$conf/${file##*/}" ]
  "root$program" -c "root$file" --check
  start_daemon "$role" "$role" "root$program" -c "root$file" "$@"
  stop_daemon "$daemon_pid"
}

@test "the units start what is installed, on the configuration that is installed" {
  start_namesrv
  starts_as mqd-namesrv namesrv --listen 127.0.0.1:0
  starts_as mqd-broker broker -n "$namesrv" --listen 127.0.0.1:0
  # Each has a folder of its own: systemd gives it to the user that it makes for the unit.
  [ "$(sed -n 's/^StateDirectory=//p' root"$prefix"/lib/systemd/system/*.service | sort | uniq -d)" = "" ]
}

@test "an installation over another one leaves the configuration alone" {
  echo brokerName=mine > "root$conf/broker.conf"
  meson install -C "$MQD_BUILD" --no-rebuild --quiet --destdir "$PWD/root" > install.log 2>&1
  [ "$(< "root$conf/broker.conf")" = brokerName=mine ]
}

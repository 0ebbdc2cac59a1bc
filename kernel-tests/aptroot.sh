# SPDX-License-Identifier: Apache-2.0
# Sourced by fetch.sh, sysroot.sh and apttool.sh: an apt of our own for other suites and architectures. Nothing of
# the machine's apt or dpkg is changed.

CACHE=${KT_CACHE:-build/kernels}
mkdir -p "$CACHE"
CACHE=$(cd "$CACHE" && pwd)

# The Debian mirror this machine uses anyway, without the suite.
debian_mirror() {
	local uri
	uri=$(apt-get indextargets --format '$(REPO_URI)' | grep -m1 '/debian/*$') ||
		{ echo "apt knows no Debian mirror: set KT_MIRROR=URL" >&2; return 1; }
	echo "${uri%/}"
}

suites_of() {
	case $1 in
	sid) echo sid experimental ;;
	bullseye) echo bullseye bullseye-updates bullseye-security ;;
	*) echo "$1 $1-updates $1-security $1-backports" ;;
	esac
}

# apt_root SUITE ARCH: makes the root once and exports APT_CONFIG for the apt commands that follow.
apt_root() {
	local root=$CACHE/apt/$1-$2 mirror suite uri
	export APT_CONFIG=$root/apt.conf
	[ -e "$root/updated" ] && return
	unset APT_CONFIG
	mirror=${KT_MIRROR:-$(debian_mirror)}
	[ -n "$mirror" ] || return 1
	rm -rf "$root"
	mkdir -p "$root"/etc/apt/{apt.conf.d,preferences.d,sources.list.d,trusted.gpg.d} \
		"$root"/var/lib/{dpkg,apt/lists/partial} "$root"/var/cache/apt/archives/partial
	: >"$root/var/lib/dpkg/status"
	for suite in $(suites_of "$1"); do
		case $suite in *-security) uri=$mirror-security ;; *) uri=$mirror ;; esac
		echo "deb [arch=$2 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $uri $suite main"
	done >"$root/etc/apt/sources.list"
	cat >"$root/apt.conf" <<-END
		Dir "$root";
		Dir::State::status "$root/var/lib/dpkg/status";
		Dir::Etc "$root/etc/apt";
		APT::Architecture "$2";
		APT::Architectures { "$2"; };
		APT::Sandbox::User "root";
		Acquire::Languages "none";
		Acquire::Check-Valid-Until "false";
		Acquire::Retries "3";
	END
	export APT_CONFIG=$root/apt.conf
	apt-get update -qq && touch "$root/updated"
}

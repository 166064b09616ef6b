#!/bin/sh
# Make this Debian or Ubuntu machine a router or a load balancer that runs havip from a checkout, or what is beside it:
#
#   provision.sh r1|r2|d1|d2|w1|w2|client [--checkout DIR] [--interface IF] [--vip ADDRESS/LENGTH] [--servers A,B]
#
#   r1, r2       a router: r1 with priority 150, r2 with 100
#   d1, d2       a director: the same, and HTTP to the virtual address is spread over the web servers
#   w1, w2       a web server that says its name; it takes what directors route to it, and answers clients itself
#   client       ping, arping and curl, nothing of havip
#   --checkout   where havip's source is (default: the checkout that this script lies in)
#   --interface  where the virtual address lives (default: the interface on whose network it is)
#   --vip        the virtual address (default: 192.168.57.100/24; of directors and web servers 192.168.57.200/24)
#   --servers    the web servers behind a director (default: 192.168.57.41,192.168.57.42)
#
# A second run changes what is different and nothing else: new code restarts the service, a new configuration is
# reloaded.  It works without systemd as well (a chroot, an image): then the service starts at the next boot.
set -eu

# What is compiled comes from Debian, what is pure Python by pip.  So the router needs no compiler and no headers
# (systemd-python has no wheel), and the C libraries get their security updates by apt.
ROUTER_PACKAGES="python3 python3-venv python3-yaml python3-systemd ca-certificates iproute2 nftables"
DIRECTOR_PACKAGES="kmod ipvsadm" # beside a router's: modules of the kernel, and a second opinion on its tables
WEB_PACKAGES="iproute2 nginx"
CLIENT_PACKAGES="iproute2 iputils-ping iputils-arping curl"

PYTHON=/usr/bin/python3  # Debian's own: Debian's packages are for no other
HOME_OF_HAVIP=/opt/havip # a virtual environment per release, and `current`, a link to the one in use
UNITS=/etc/systemd/system # havip.service, and havip@.service for further daemons
CONFIGURATION=/etc/havip/havip.yaml
OURS="# Written by provision.sh.  Take this line away to keep your changes."
MODULES=/etc/modules-load.d/havip.conf # of the kernel, on a director
SETTINGS=/etc/sysctl.d/60-havip.conf   # of a web server
PAGE=/var/www/html/index.html

die() {
    echo "provision.sh: $*" >&2
    exit 1
}

usage() {
    sed -n 's/^#   //p' "$0" >&2
    exit 2
}

install_packages() {
    present=" $(dpkg-query --show --showformat '${db:Status-Status}:${Package} ' "$@" 2>/dev/null || :)"
    missing=""
    for package; do
        case $present in *" installed:$package "*) ;; *) missing="$missing $package" ;; esac
    done
    [ -n "$missing" ] || return 0
    export DEBIAN_FRONTEND=noninteractive
    apt-get -q -o DPkg::Lock::Timeout=300 update
    # shellcheck disable=SC2086  # the words are the packages
    apt-get -q -o DPkg::Lock::Timeout=300 install --yes --no-install-recommends $missing </dev/null
}

# Name a state of the source and of the interpreter that it is installed for.
digest_of_release() {
    {
        $PYTHON -c 'import sys; print(sys.version_info[:2])'
        cd "$checkout"
        find havip pyproject.toml README.md LICENSE -type f ! -name '*.pyc' -print0 | LC_ALL=C sort -z |
            xargs -0 sha256sum
    } | sha256sum | cut -c 1-12
}

# Remember it on the disk as well: a run that ends before the restart leaves it to the next one.
needs_restart() {
    touch "$HOME_OF_HAVIP/needs-restart"
    change=restart
}

# Build beside the release in use: a failure leaves that one alone, and so does the swap its running processes.
install_havip() {
    release=$(digest_of_release)
    [ "$(readlink "$HOME_OF_HAVIP/current" || :)" != "$release" ] || return 0
    rm -rf "${HOME_OF_HAVIP:?}/$release"
    $PYTHON -m venv --system-site-packages "$HOME_OF_HAVIP/$release"
    "$HOME_OF_HAVIP/$release/bin/pip" install --quiet --disable-pip-version-check --no-input "${checkout}[systemd]"
    needs_restart
    ln -sfn "$release" "$HOME_OF_HAVIP/next"
    mv -T "$HOME_OF_HAVIP/next" "$HOME_OF_HAVIP/current"
    ln -sfn "$HOME_OF_HAVIP/current/bin/havip" /usr/local/bin/havip
}

remove_old_releases() {
    find "$HOME_OF_HAVIP" -mindepth 1 -maxdepth 1 -type d ! -name "$release" -exec rm -rf {} +
}

# put FILE DESTINATION: replace the destination as a whole.
put() {
    mkdir -p "${2%/*}"
    cp "$1" "$2.new"
    chmod 644 "$2.new"
    mv "$2.new" "$2"
}

# put_text DESTINATION: the same with what comes on standard input.
put_text() {
    text=$(mktemp)
    cat >"$text"
    put "$text" "$1"
    rm -f "$text"
}

install_units() {
    for unit in havip.service havip@.service; do
        ! cmp -s "$checkout/systemd/$unit" "$UNITS/$unit" || continue
        [ "$unit" != havip.service ] || needs_restart # what runs as another instance is its operator's to restart
        put "$checkout/systemd/$unit" "$UNITS/$unit"
        [ ! -d /run/systemd/system ] || systemctl daemon-reload
    done
}

# The kernel made a route for every network that an interface has an address on.
interface_of_vip() {
    family=-4
    case $vip in *:*) family=-6 ;; esac
    ip "$family" route show table main proto kernel match "${vip%/*}" | sed -n 's/.* dev \([^ ]*\).*/\1/p' | head -n 1
}

# What a director has beside its virtual router.  `direct`: the web servers answer the clients themselves.
balance() {
    echo "load_balancer:"
    echo "  sync_daemon: {interface: $interface, router: gateway}"
    echo "virtual_services:"
    echo "  web:"
    echo "    address: ${vip%/*}"
    echo "    port: 80"
    echo "    scheduler: rr"
    echo "    forwarding: direct"
    echo "    probes:"
    echo "      page: {http: {path: /}, interval: 1s, fall: 2}"
    echo "    servers:"
    number=0
    for server in $(echo "$servers" | tr , ' '); do
        number=$((number + 1))
        echo "      w$number: {address: $server}"
    done
}

# IPVS before the daemon asks for it: a hardened kernel lets nobody else load it.
load_modules() {
    printf '%s\n' ip_vs ip_vs_rr | put_text "$MODULES"
    [ ! -d /run/systemd/system ] || systemctl restart systemd-modules-load.service
}

# A web server holds the virtual address, to take what comes for it, and must never answer ARP for it.
serve() {
    put_text "$SETTINGS" <<EOF
net.ipv4.conf.all.arp_ignore = 1
net.ipv4.conf.all.arp_announce = 2
EOF
    put_text "$UNITS/virtual-address.service" <<EOF
[Unit]
Description=Virtual address ${vip%/*}, which the directors route to this web server
After=network-pre.target systemd-sysctl.service
Before=network.target nginx.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=ip address replace ${vip%/*}/32 dev lo
ExecStop=ip address del ${vip%/*}/32 dev lo

[Install]
WantedBy=multi-user.target
EOF
    echo "$role" | put_text "$PAGE"
    systemctl --quiet enable virtual-address.service nginx.service
    if [ ! -d /run/systemd/system ]; then
        echo "provision.sh: no systemd runs here: the services start at the next boot"
        return 0
    fi
    systemctl daemon-reload
    systemctl restart systemd-sysctl.service # before the address is there: nobody may answer ARP for it
    systemctl restart virtual-address.service
    systemctl start nginx.service
}

configure() {
    if [ -e "$CONFIGURATION" ] && [ "$(head -n 1 "$CONFIGURATION")" != "$OURS" ]; then
        echo "provision.sh: $CONFIGURATION is no longer the one written here: left as it is"
        return 0
    fi
    [ -n "$interface" ] || interface=$(interface_of_vip)
    [ -n "$interface" ] || die "no interface has an address on the network of $vip: give one, or say --interface IF"
    draft=$(mktemp)
    trap 'rm -f "$draft"' EXIT
    cat >"$draft" <<EOF
$OURS
virtual_routers:
  gateway:
    interface: $interface
    vrid: $vrid
    priority: $priority
    addresses: ["$vip"]
EOF
    [ "$kind" != director ] || balance >>"$draft"
    ! cmp -s "$draft" "$CONFIGURATION" || return 0
    havip check -c "$draft"
    put "$draft" "$CONFIGURATION"
    change=${change:-reload}
}

# Bring the service to what is installed by the gentlest means.
start() {
    if [ ! -d /run/systemd/system ]; then
        systemctl --quiet enable havip.service
        echo "provision.sh: no systemd runs here: the service starts at the next boot"
        return 0
    fi
    systemctl --quiet enable havip.service
    systemctl --quiet is-active havip.service || change=restart
    [ -z "$change" ] || systemctl "$change" havip.service || {
        journalctl --no-pager --unit havip.service --lines 20 >&2
        die "the service did not $change"
    }
}

tell_router() {
    cat <<EOF

$role runs havip $(havip version | sed -n "1s/^havip //p"), priority $priority, virtual address $vip.  (${change:-nothing} needed)

  havip status                        who is master, since when, and why
  journalctl -fu havip                what happens, as it happens
  journalctl HAVIP_ROUTER=gateway     the life of one virtual router
  ip address                          the master has the address
  systemctl stop havip                hand the address to the other router
  systemctl kill -s KILL havip        crash it
  $CONFIGURATION, then: systemctl reload havip
EOF
}

tell_director() {
    cat <<EOF

  havip services                      the web servers: which are good, and who gets what
  havip server drain web/w1           no new connection for w1; \`ready\` in place of \`drain\` takes that back
  ipvsadm -Ln                         what the kernel has
EOF
}

tell_web() {
    cat <<EOF

$role serves http://${vip%/*}/ behind the directors.

  systemctl stop nginx                fail; the directors notice after two seconds
  ip address show dev lo              it holds the virtual address, and keeps that to itself
EOF
}

tell_client() {
    cat <<EOF

$role is ready.

  curl http://192.168.57.200/     which web server answers, where directors run
  ping -i 0.2 ${vip%/*}         does the virtual address answer, and what does a failover cost?
  ip neighbour show ${vip%/*}   whose MAC address it has: the master's
  arping -c 3 ${vip%/*}         exactly one router answers
EOF
}

role=""
checkout=$(dirname "$0")/..
interface=""
vip=""
servers=192.168.57.41,192.168.57.42
while [ $# -gt 0 ]; do
    case $1 in
        r1 | r2 | d1 | d2 | w1 | w2 | client) [ -z "$role" ] || usage; role=$1 ;;
        --checkout | --interface | --vip | --servers)
            [ $# -ge 2 ] || usage
            case $1 in
                --checkout) checkout=$2 ;;
                --interface) interface=$2 ;;
                --vip) vip=$2 ;;
                --servers) servers=$2 ;;
            esac
            shift
            ;;
        *) usage ;;
    esac
    shift
done
[ -n "$role" ] || usage
[ "$(id -u)" = 0 ] || die "needs root: sudo $0 ..."
command -v apt-get >/dev/null || die "needs Debian or Ubuntu; elsewhere see docs/install.md"

case $role in
    r?) kind=router vrid=51 address=192.168.57.100/24 ;;
    d?) kind=director vrid=61 address=192.168.57.200/24 ;;
    w?) kind=web address=192.168.57.200/24 ;;
    *) kind=client address=192.168.57.100/24 ;;
esac
vip=${vip:-$address}

if [ "$kind" = client ]; then
    # shellcheck disable=SC2086  # the words are the packages
    install_packages $CLIENT_PACKAGES
    tell_client
    exit 0
fi
if [ "$kind" = web ]; then
    # shellcheck disable=SC2086  # the words are the packages
    install_packages $WEB_PACKAGES
    serve
    tell_web
    exit 0
fi

[ -f "$checkout/systemd/havip.service" ] || die "no checkout of havip in $checkout: say --checkout DIR"
checkout=$(cd "$checkout" && pwd)
priority=150
case $role in *2) priority=100 ;; esac
change="" # what the service will need: nothing, reload, restart
[ ! -e "$HOME_OF_HAVIP/needs-restart" ] || change=restart

[ "$kind" != director ] || ROUTER_PACKAGES="$ROUTER_PACKAGES $DIRECTOR_PACKAGES"
# shellcheck disable=SC2086  # the words are the packages
install_packages $ROUTER_PACKAGES
$PYTHON -c 'import sys; sys.exit(sys.version_info < (3, 11))' || die "needs Python 3.11: Debian 12, Ubuntu 24.04, or newer"
install_havip
install_units
[ "$kind" != director ] || load_modules
configure
start
rm -f "$HOME_OF_HAVIP/needs-restart"
remove_old_releases
tell_router
[ "$kind" != director ] || tell_director

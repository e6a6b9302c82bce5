#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# `skep run OBJ --iface NAME` as a person has it: in a network namespace of the test's own (root), a
# veth pair, traffic from ping with an address at each end, counts, a file of what passed that tcpdump
# reads, Ctrl-C, and what is said when there is no interface or no permission.

set -u
set -m # background jobs heed SIGINT, as at a terminal
: "${SKEP:?}" "${SKEP_BUILD:?}"
if [ "${1-}" != inside ]; then
	[ "$(id -u)" = 0 ] || { echo 'needs root for a network namespace'; exit 77; }
	for tool in ip ping tcpdump setpriv nsenter; do
		command -v $tool >/dev/null || { echo "needs $tool"; exit 77; }
	done
	unshare --net true 2>/dev/null || { echo 'no network namespace'; exit 77; }
	exec unshare --net "$0" inside
fi

work=$(mktemp -d) || exit 3
peer=
trap '[ -n "$peer" ] && kill "$peer" 2>/dev/null; rm -rf "$work"' EXIT
chmod 755 "$work"
cp "$SKEP" "$work/skep"
cp "$SKEP_BUILD/examples/xdp_stats.bpf.o" "$SKEP_BUILD/examples/tc_rewrite.bpf.o" "$work" || exit 3
chmod -R a+rX "$work"
skep=$work/skep
export ASAN_OPTIONS=detect_leaks=0
passed=0 failed=0

check()
{
	if [ "$2" = "$3" ]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		printf "not ok %s: got '%s', expected '%s'\n" "$1" "$2" "$3"
	fi
}

has()
{
	if grep -qE "$2" "$3"; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		printf "not ok %s: no '%s' in:\n" "$1" "$2"
		cat "$3"
	fi
}

# The other end lives in a namespace of a sleeping process, which goes with it.
unshare --net sleep 120 &
peer=$!
disown
for i in $(seq 100); do
	[ "$(readlink "/proc/$peer/ns/net")" != "$(readlink /proc/self/ns/net)" ] && break
	sleep 0.05
done
there() { nsenter --net="/proc/$peer/ns/net" "$@"; }
echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6
there sh -c 'echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6'
ip link set lo up
ip link add sk0 type veth peer name sk1 netns "$peer" || { echo 'no veth pair'; exit 77; }
ip addr add 10.99.0.1/24 dev sk0 && ip link set sk0 up
there ip addr add 10.99.0.2/24 dev sk1
there ip link set sk1 up

# Ten echo requests come in on sk0; ARP besides is why a filter counts them.
"$skep" run -q --json -c 10 --seconds 20 --filter 'icmp[icmptype] == icmp-echo' --iface sk0 \
	--write "$work/out.pcap" "$work/xdp_stats.bpf.o" >"$work/out" 2>"$work/err" &
run=$!
sleep 0.5
there ping -q -c 12 -i 0.02 -s 100 10.99.0.1 >/dev/null
wait "$run"
check 'ten packets: status' $? 0
check 'ten packets: written' "$(tcpdump -nr "$work/out.pcap" 2>/dev/null | grep -c 'echo request')" 10
check 'ten packets: bytes' "$(stat -c %s "$work/out.pcap")" $((24 + 10 * (16 + 142)))

# The summary names packets and verdicts; Ctrl-C ends the run and prints it.
"$skep" run --iface sk0 --filter icmp "$work/tc_rewrite.bpf.o" >"$work/out" 2>"$work/err" &
run=$!
sleep 0.5
there ping -q -c 3 -i 0.02 10.99.0.1 >/dev/null
sleep 0.3
kill -INT "$run"
wait "$run"
check 'Ctrl-C: status' $? 0
cat "$work/err" >>"$work/out"
has 'Ctrl-C: verdicts' 'TC_ACT_OK.*\b3\b' "$work/out"

"$skep" run --iface nosuch0 "$work/xdp_stats.bpf.o" >"$work/out" 2>&1
check 'no interface: status' $? 3
has 'no interface: names those there are' "'sk0'" "$work/out"

setpriv --reuid 65534 --regid 65534 --clear-groups \
	"$skep" run --iface sk0 "$work/xdp_stats.bpf.o" >"$work/out" 2>&1
check 'no permission: status' $? 3
has 'no permission: says what is needed' CAP_NET_RAW "$work/out"
has 'no permission: says what to do' 'tcpdump -i sk0 -w -' "$work/out"

"$skep" run --iface sk0 --filter 'no such word' "$work/xdp_stats.bpf.o" >"$work/out" 2>&1
check 'bad filter: refused' "$([ $? != 0 ] && echo yes)" yes
has 'bad filter: the manual page' 'pcap-filter' "$work/out"

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]

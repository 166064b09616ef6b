#!/bin/sh
# The network of the machine under test: eth1, and behind it another host, in a namespace of its own.
set -eu

ip netns add lan
ip link add eth1 type veth peer name eth0 netns lan
ip address add 10.77.0.1/24 dev eth1
ip link set eth1 up
ip -n lan address add 10.77.0.9/24 dev eth0
ip -n lan link set eth0 up

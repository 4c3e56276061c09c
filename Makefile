# SPDX-License-Identifier: Apache-2.0
# A thin front: the work is in tools/ and in CMakePresets.json.
.PHONY: help build run check fuzz torture power tck interop network check-ubl csaf match stix taxii eval bench format analyze clean
help:
	@echo "make run      install what is missing, build, start a demo shop and a node coupled to it"
	@echo "make check    install what the tests need and pass them all"
	@echo "make build    the release binary, build/release/koppel"
	@echo "make bench    the figures of docs/figures.md"
	@echo "make fuzz     every fuzz target for ten minutes (FUZZ_SECONDS=...)"
	@echo "make torture  kill -9 a thousand times, while a thousand order files come, and at every message between two nodes"
	@echo "make power    a thousand power cuts"
	@echo "make tck      the test suite of the Dataspace Protocol, N times (Java)"
	@echo "make interop  a node and an Eclipse Dataspace connector share with each other (Java)"
	@echo "make network  N companies with a machine each that share around, until Ctrl-C (N=3)"
	@echo "make check-ubl  orders and invoices judged beside the public rules (Java), and all that a node puts out"
	@echo "make match    devices and advisories matched as labelled pairs want it (KOPPEL_DATA)"
	@echo "make csaf     advisories judged as the test files of OASIS want it (KOPPEL_DATA)"
	@echo "make stix     patterns of threat information held against vectors (KOPPEL_DATA)"
	@echo "make eval     what watches find in public time series with labels (KOPPEL_DATA), and in scripted days of a machine"
	@echo "make taxii    a node asked the 60 things a TAXII 2.1 server has to do"
	@echo "make analyze  gcc's static analyser over everything"
	@echo "make format   clang-format over everything"
	@echo "make clean    remove build/"
build:
	@tools/setup build
	@cmake --preset release > /dev/null
	@cmake --build --preset release
run:
	@tools/setup run
	@cmake --preset release > /dev/null
	@cmake --build --preset release
	@exec tools/demo
check:
	@tools/setup check
	@tools/check
fuzz:
	@tools/setup check
	@tools/fuzz $${FUZZ_SECONDS:-600}
torture:
	@tools/setup check
	@cmake --preset dev > /dev/null
	@cmake --build --preset dev
	@tests/crash/kill.py build/dev/crash_store build/dev/koppel 1000
	@tests/crash/drop_kill.py build/dev/koppel --files 1000
	@tests/crash/share_kill.py build/dev/koppel --random 300
power:
	@tools/setup check
	@cmake --preset dev > /dev/null
	@cmake --build --preset dev --target test_store_power
	@KOPPEL_POWER_CUTS=1000 KOPPEL_POWER_SEED=$${POWER_SEED:-1} build/dev/test_store_power
tck: build
	@tools/setup tck
	@for i in $$(seq $${N:-1}); do tests/dsp/run-tck build/release/koppel || exit 1; done
interop: build
	@tools/setup edc
	@tests/dsp/run-edc build/release/koppel
network:
	@tools/setup run
	@cmake --preset release > /dev/null
	@cmake --build --preset release
	@exec tools/network $${N:-3}
check-ubl: build
	@tools/setup check-ubl
	@tests/flex/agree.py build/release/koppel $${UBL_DOCUMENTS:-1000} $${UBL_SEED:-1}
	@tests/flex/emitted.py build/release/koppel
csaf: build
	@tests/csaf/check build/release/koppel
	@tests/csaf/agree build/release/koppel $${CSAF_DOCUMENTS:-1000} $${CSAF_SEED:-1}
stix: build
	@tests/shield/stix-vectors build/release/koppel
taxii: build
	@tests/shield/taxii build/release/koppel
match: build
	@tests/match/check build/release/koppel
eval: build
	@tests/eval/run build/release/koppel
bench: build
	@tools/setup bench
	@bench/start
	@bench/opcua
	@bench/ingest
	@bench/size
	@bench/query
	@bench/couplings
	@bench/alarms
	@bench/gate
	@bench/oee
	@bench/share
	@bench/pull
	@bench/network
	@bench/csaf
	@bench/stix
	@bench/watch
	@bench/shield
	@bench/taxii
	@bench/console
	@bench/http
format:
	@git ls-files '*.c' '*.h' | xargs clang-format-14 -i
analyze:
	@tools/setup build
	@cmake --preset analyze > /dev/null
	@cmake --build --preset analyze
clean:
	@rm -rf build

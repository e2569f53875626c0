# mqd: two commands do everything, `make demo` and `make check`; the rest is what they are made of.
#: make                    builds everything in build/, with what is missing installed first
#: make demo               starts a broker, pipes a real log of this machine through it, compares the bytes
#: make check              builds and runs all tests; SAN=address or SAN=thread with sanitizers
#: make quick              builds, and runs in less than a minute what a change breaks first
#: make install            installs below PREFIX=/usr/local; DESTDIR=pkg puts pkg/ before all paths
#: make uninstall          removes what the last make install has installed
#: make lint               formatting, clang-tidy, thread safety, shellcheck, man pages
#: make fmt                formats all sources
#: make interop            official clients against our daemons; SERVER=rocketmq against RocketMQ's own
#: make soak               everything at once for MINUTES=10 on a broker that is killed again and again
#: make bench              figures against their targets; NAMES="sync keys" only those, PEERS=1 others too
#: make fuzz               the parsers, a minute each
#: make crashes            the store's crash tests with 30 random survivals of each crash
#: make mutate             changes the code as tests/mutations says and prints what no unit test notices; NAMES=store
#: make nightly            what takes hours: fuzz (10 minutes each), crashes, soak (an hour), mutate
#: make deps               installs the Debian packages that building needs
#: make clean              removes what was built
# ccache, where there is one, takes precompiled headers only when told that it may.
export CCACHE_SLOPPINESS ?= pch_defines,time_macros
SAN    ?=
PREFIX ?= /usr/local
PEERS  ?=
SERVER ?=
NAMES  ?=
MINUTES ?= 10
SECONDS ?=

DEMO_PROGRAMS := mqd-broker:executable mqsend mqpull mqdump
BUILD := build$(if $(SAN),-$(SAN))
SANITIZE_address := address,undefined
SANITIZE_thread  := thread
SETUP := $(if $(SAN),-Db_sanitize=$(SANITIZE_$(SAN)) -Db_lundef=false -Doptimization=1 -Ddebug=true)

.PHONY: all help demo check quick lint fmt interop soak bench fuzz crashes mutate nightly install uninstall deps clean
all: $(BUILD)/build.ninja
	@meson compile -C $(BUILD)

help:
	@sed -n 's/^#: //p' Makefile

$(BUILD)/build.ninja: | deps
	@meson setup --prefix $(PREFIX) $(SETUP) $(BUILD) > /dev/null || { tail -25 $(BUILD)/meson-logs/meson-log.txt >&2; exit 1; }

deps:
	@.ci/deps build

check: all
	@.ci/deps check
	@tests/run $(BUILD)

quick: all
	@.ci/deps check
	@tests/quick $(BUILD)

# Only what it runs: the tests take most of a build.
demo: $(BUILD)/build.ninja
	@meson compile -C $(BUILD) $(DEMO_PROGRAMS)
	@tests/demo $(BUILD)

lint: all
	@.ci/deps lint
	@tests/lint/run $(BUILD)

fmt:
	@.ci/deps lint
	@git ls-files '*.cpp' '*.h' | xargs clang-format-14 -i

interop: all
	@SERVER=$(SERVER) tests/interop/run $(BUILD)

soak: all
	@tests/soak/run $(BUILD) $(or $(SECONDS),$(shell expr $(MINUTES) \* 60)) 20

bench: all
	@PEERS=$(PEERS) bench/run $(BUILD) $(NAMES)

fuzz:
	@.ci/deps lint
	@tests/fuzz/run

crashes: all
	@MQD_CRASH_SEEDS=30 $(BUILD)/tests/unit/store/unit-store -tc='a store recovers from a crash*'

mutate:
	@.ci/deps check
	@tests/mutate --work build-mutate $(NAMES)

nightly:
	@FUZZ_SECONDS=600 $(MAKE) -k --no-print-directory fuzz crashes soak mutate MINUTES=60 NAMES=

# Whatever prefix build/ was made with; without PREFIX= that one.
install: all
	@$(if $(filter command environment,$(firstword $(origin PREFIX))),meson configure $(BUILD) --prefix $(abspath $(PREFIX)))
	@meson install -C $(BUILD) $(if $(DESTDIR),--destdir $(abspath $(DESTDIR)))

# What the last install from this build/ has put there; folders stay.
uninstall:
	@ninja -C $(BUILD) uninstall

clean:
	@rm -rf build build-address build-thread build-fuzz build-clang build-mutate

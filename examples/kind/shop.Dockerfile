# The shop's image: one static binary whose arguments say which workload it is.
#   docker build -f examples/kind/shop.Dockerfile -t heddle.test/shop:test .
FROM rust:1.95-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends cmake musl-tools && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN rustup target add "$(uname -m)-unknown-linux-musl" \
 && cargo build --release --locked -p heddle-shop --target "$(uname -m)-unknown-linux-musl" \
 && cp "target/$(uname -m)-unknown-linux-musl/release/shop" /shop

FROM scratch
COPY --from=build /shop /shop
USER 65532:65532
ENTRYPOINT ["/shop"]

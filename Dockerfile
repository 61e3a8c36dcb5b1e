# The bridge as a container: docker build -t crosschat .
# Its only state is the volume /data. docs/install.md says how to run it.

FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG TAG=unknown
ARG COMMIT=unknown
ARG BUILDTIME=unknown
# cgo is for SQLite. Linked statically (hence Go's own resolver, and no SQLite extensions, which would want the dynamic
# linker), so that it runs on the small image below.
RUN CGO_ENABLED=1 go build -trimpath \
    -tags goolm,netgo,osusergo,sqlite_omit_load_extension \
    -ldflags "-s -w -linkmode external -extldflags -static -X main.Tag=${TAG} -X main.Commit=${COMMIT} -X main.BuildTime=${BUILDTIME}" \
    -o /out/crosschat ./bridge

FROM alpine:3.22
# ffmpeg converts voice messages and stickers.
RUN apk add --no-cache ca-certificates ffmpeg \
    && adduser -D -H -u 10029 crosschat \
    && mkdir /data \
    && chown crosschat:crosschat /data
COPY --from=build /out/crosschat /usr/local/bin/crosschat
COPY LICENSE /usr/share/licenses/crosschat/LICENSE
COPY --chmod=755 deploy/entrypoint.sh /usr/local/bin/crosschat-entrypoint
COPY --chmod=755 deploy/prepare.sh /usr/local/bin/crosschat-prepare
USER crosschat
WORKDIR /data
VOLUME /data
EXPOSE 29380
# Answers as soon as the bridge listens; while it waits for the homeserver it does not.
HEALTHCHECK --start-period=60s --interval=30s --timeout=5s --retries=3 \
    CMD wget -q -O /dev/null http://127.0.0.1:29380/_matrix/mau/live
ENTRYPOINT ["crosschat-entrypoint"]

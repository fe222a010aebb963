# Pollux in a container: pollux-wsd answers everything on port 8081.  docs/hosting.md says how to use it.
FROM debian:bookworm-slim AS build
WORKDIR /pollux
COPY . .
RUN tools/setup deb && make deb

FROM debian:bookworm-slim
COPY --from=build /pollux/build/deb /tmp/deb
# The two of systemd, without systemd itself, make the user and its folders.
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates \
	systemd-standalone-sysusers systemd-standalone-tmpfiles /tmp/deb/pollux_*.deb /tmp/deb/pollux-wsd_*.deb && \
	rm -rf /tmp/deb /var/lib/apt/lists/*
USER pollux
ENV POLLUX_WSD_LISTEN=*:8081
EXPOSE 8081
CMD ["pollux-wsd", "-c", "/etc/pollux/pollux.conf"]

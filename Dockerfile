# The image of mm4d. Give it a Redis (REDIS_URL) and a volume for its journal; docs/containers.md tells the rest.
FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# No package has to run anything of its own to be installed.
RUN npm ci --ignore-scripts
COPY tsconfig.json ./
COPY ops/assets.mjs ops/build.mjs ops/schema.mjs ops/
COPY src src
# npm keeps the compiler, because a package could make use of it.
RUN npm run build \
    && npm prune --omit=dev --ignore-scripts \
    && rm -rf node_modules/typescript node_modules/@typescript node_modules/.bin

FROM node:24-bookworm-slim
# What only builds and installs, and what scanners find faults in.
RUN rm -rf /usr/local/lib/node_modules /usr/local/include /opt/yarn* \
      /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /usr/local/bin/yarn /usr/local/bin/yarnpkg \
    && ln -s /app/dist/main.js /usr/local/bin/mm4d \
    && install -d -o node -g node -m 0700 /data
WORKDIR /app
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/package.json ./
COPY --from=build /app/dist dist
COPY ops/containers/livez.mjs ops/containers/token.mjs ops/containers/
# A port that is published leads to the container's address, not to its loopback.
ENV NODE_ENV=production \
    MM4D_SMTP_HOST=0.0.0.0 \
    MM4D_DATA_DIR=/data
# The version is package.json's: a test compares them.
LABEL org.opencontainers.image.title="mm4d" \
      org.opencontainers.image.description="Receives MMS delivery reports over MM4 (SMTP) and puts one normalised event per report on a BullMQ queue" \
      org.opencontainers.image.version="1.1.0-dev" \
      org.opencontainers.image.licenses="MIT"
USER node
VOLUME /data
EXPOSE 2525 8025
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s CMD ["node", "ops/containers/livez.mjs"]
# No shell and no npm between: node itself is told to stop.
CMD ["node", "dist/main.js", "serve"]

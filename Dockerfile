# The service of one registry. The root file system may be read-only: only GAIJI_HOME and /tmp
# (large uploads, `gaiji journal verify`) are written.
#
#   docker build -t gaiji .
#   docker run --read-only --tmpfs /tmp -v gaiji-home:/var/lib/gaiji -p 127.0.0.1:8000:8000 gaiji

FROM python:3.11-slim-bookworm AS build
WORKDIR /source
COPY pyproject.toml hatch_build.py constraints.txt README.md LICENSE NOTICE ./
COPY fonts ./fonts
COPY migrations ./migrations
COPY gaiji ./gaiji
RUN pip wheel --no-cache-dir --constraint constraints.txt --wheel-dir /wheels '.[postgresql]'

FROM python:3.11-slim-bookworm
# The reference font and the demo's donor; gaiji fonts status checks their sha256.
RUN apt-get update \
    && apt-get install -y --no-install-recommends fonts-ipamj-mincho fonts-hanazono \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /wheels /wheels
RUN pip install --no-cache-dir --no-index --find-links /wheels 'gaiji[postgresql]' \
    && rm -rf /wheels \
    && groupadd --system --gid 10001 gaiji \
    && useradd --system --uid 10001 --gid gaiji --no-create-home --home-dir /nonexistent gaiji \
    && install -d -o gaiji -g gaiji -m 0750 /var/lib/gaiji
ENV GAIJI_HOME=/var/lib/gaiji \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER gaiji
WORKDIR /var/lib/gaiji
VOLUME /var/lib/gaiji
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
# Makes or upgrades the database, loads the shipped reference set once, then serves.
CMD ["sh", "-c", "gaiji db upgrade && gaiji reference load && exec gaiji serve --host 0.0.0.0 --port 8000"]

# Two stages: the first installs and pulls models, the second holds what runs. No compiler, no package
# manager cache, no root, nothing that connects to anywhere.
FROM python:3.11-slim AS build
WORKDIR /src
COPY . .
RUN python -m venv /opt/veridical \
 && /opt/veridical/bin/pip install --no-cache-dir -c constraints.txt '.[service,pull,postgres]'
ENV VERIDICAL_MODELS_DIR=/opt/models
# Weights without commercial use marked `yes` stay out of an image that sets this to 1.
ARG VERIDICAL_COMMERCIAL_ONLY=0
ENV VERIDICAL_COMMERCIAL_ONLY=${VERIDICAL_COMMERCIAL_ONLY}
RUN /opt/veridical/bin/veridical models pull \
 && /opt/veridical/bin/veridical models verify

FROM python:3.11-slim
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin veridical \
 && install -d -o veridical -g veridical -m 0700 /data
COPY --from=build /opt/veridical /opt/veridical
COPY --from=build /opt/models /opt/models
ARG VERIDICAL_COMMERCIAL_ONLY=0
ENV PATH=/opt/veridical/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    OMP_NUM_THREADS=1 \
    VERIDICAL_COMMERCIAL_ONLY=${VERIDICAL_COMMERCIAL_ONLY} \
    VERIDICAL_MODELS_DIR=/opt/models \
    VERIDICAL_DATA_DIR=/data
USER 10001
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=15s --timeout=3s --start-period=30s \
  CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/livez', timeout=2)"]
# Beyond loopback the service refuses to start without keys: see docs/how-to/operations.md.
CMD ["veridical", "serve", "--host", "0.0.0.0", "--port", "8080"]

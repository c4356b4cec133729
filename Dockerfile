# One image for every part: `serve`, `worker`, `migrate`, `doctor`, `backup`, … It was checked by a test of the words in
# it (tests/test_deployment.py), and not yet built: there was no container engine where it was written.
FROM python:3.11-slim AS build
WORKDIR /src
RUN python -m venv /opt/showme
COPY requirements.lock ./
RUN /opt/showme/bin/pip install --no-cache-dir --no-deps --require-hashes --requirement requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY api ./api
COPY media ./media
COPY models ./models
RUN /opt/showme/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.11-slim
RUN useradd --system --uid 10001 --home-dir /var/lib/showme --create-home showme
COPY --from=build /opt/showme /opt/showme
ENV PATH=/opt/showme/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    SHOWME_DATA_DIR=/var/lib/showme/data \
    SHOWME_HOST=0.0.0.0 \
    SHOWME_LOG_FORMAT=json
USER showme
WORKDIR /var/lib/showme
EXPOSE 8080
STOPSIGNAL SIGTERM
ENTRYPOINT ["showme"]
CMD ["serve"]

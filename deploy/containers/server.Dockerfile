# Server, build worker and command line tool. From the repository: docker build -f deploy/containers/server.Dockerfile -t fleet-server .
FROM mcr.microsoft.com/dotnet/sdk:10.0 AS build
WORKDIR /source
COPY . .
RUN dotnet publish server/Fleet.Server -c Release -o /out/server \
 && dotnet publish server/Fleet.Modeling -c Release --use-current-runtime --no-self-contained -o /out/modeling \
 && dotnet publish server/Fleet.Quantize -c Release --use-current-runtime --no-self-contained -o /out/quantize \
 && dotnet publish server/Fleet.Cli -c Release -o /out/cli

FROM mcr.microsoft.com/dotnet/aspnet:10.0
COPY --from=build /out /opt/fleet
# One folder is written; a volume mounted here takes its owner.
RUN mkdir /data && chown $APP_UID:$APP_UID /data && chmod 0700 /data
ENV PATH=/opt/fleet/server:/opt/fleet/modeling:/opt/fleet/quantize:/opt/fleet/cli:$PATH \
    Fleet__DataFolder=/data \
    Fleet__ListenAddress=0.0.0.0 \
    FLEET_KEY_FILE=/data/keys/operator.key \
    DOTNET_EnableDiagnostics=0
USER $APP_UID
VOLUME /data
# 8443 devices and operators, 8883 MQTT over TLS. 8080 is for the loopback of the container only.
EXPOSE 8443 8883
ENTRYPOINT ["fleet-server"]

# The agent. From the repository: docker build -f deploy/containers/agent.Dockerfile -t fleet-agent .
FROM mcr.microsoft.com/dotnet/sdk:10.0 AS build
WORKDIR /source
COPY . .
RUN dotnet publish agent/Fleet.Agent -c Release --use-current-runtime --no-self-contained -o /out

FROM mcr.microsoft.com/dotnet/aspnet:10.0
COPY --from=build /out /opt/fleet/agent
COPY --chmod=0755 deploy/containers/agent-entrypoint.sh /opt/fleet/agent/
RUN mkdir /data && chown $APP_UID:$APP_UID /data && chmod 0700 /data
ENV PATH=/opt/fleet/agent:$PATH \
    DOTNET_EnableDiagnostics=0
USER $APP_UID
VOLUME /data
ENTRYPOINT ["agent-entrypoint.sh"]

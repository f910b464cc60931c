#!/bin/sh
# Enrolls at the first start, with FLEET_SERVER, FLEET_DEVICE_ID, FLEET_TOKEN and, where set, FLEET_PROFILE; then runs.
set -eu
if [ ! -e /data/identity.json ]; then
  fleet-agent enroll --server "$FLEET_SERVER" --id "$FLEET_DEVICE_ID" ${FLEET_PROFILE:+--profile "$FLEET_PROFILE"} --data /data
fi
exec fleet-agent run --data /data "$@"

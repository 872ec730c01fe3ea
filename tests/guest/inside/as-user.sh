#!/bin/sh
# as-user.sh USER COMMAND...: as after that user's login.
user=$1
shift
cd /
exec setpriv --reuid="$user" --regid="$user" --init-groups \
    env -i USER="$user" LOGNAME="$user" HOME="/home/$user" SHELL=/bin/bash PATH="$PATH" \
    XDG_RUNTIME_DIR="/run/user/$(id -u "$user")" \
    DBUS_SESSION_BUS_ADDRESS="unix:path=/run/user/$(id -u "$user")/bus" "$@"

"""The systemd unit of a gateway, shut in as far as it can work.

It may write its data folder and nothing else, has no capability, no device and only the network
families it speaks. Secrets come from a file that root alone can read.
"""

from pathlib import Path

from cobenefit_gateway.config import Config

_UNIT = """\
# Written by `cobenefit gateway unit`; put it into /etc/systemd/system/cobenefit-gateway.service
[Unit]
Description=Cobenefit gateway ({tenant})
Documentation=man:systemd.service(5)
Wants=network-online.target time-sync.target
After=network-online.target time-sync.target mosquitto.service
StartLimitIntervalSec=0

[Service]
Type=simple
User={user}
Group={user}
ExecStart={program} gateway run {config}
ExecReload=/bin/kill -HUP $MAINPID
EnvironmentFile=-/etc/cobenefit/gateway.env
Restart=always
RestartSec=10
# Longer than backend.drain_s, so that a stop can forward what it has.
TimeoutStopSec={stop_s}
Environment=PYTHONUNBUFFERED=1

ReadWritePaths={data}
ProtectSystem=strict
ProtectHome=true
PrivateTmp=true
PrivateDevices=true
ProtectClock=true
ProtectControlGroups=true
ProtectHostname=true
ProtectKernelLogs=true
ProtectKernelModules=true
ProtectKernelTunables=true
ProtectProc=invisible
ProcSubset=pid
NoNewPrivileges=true
CapabilityBoundingSet=
AmbientCapabilities=
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=true
RestrictRealtime=true
RestrictSUIDSGID=true
RemoveIPC=true
LockPersonality=true
MemoryDenyWriteExecute=true
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
UMask=0077
MemoryMax=512M
TasksMax=64

[Install]
WantedBy=multi-user.target
"""


def unit(config: Config, program: Path, user: str) -> str:
    """Return the text of a unit file.

    Parameters
    ----------
    config : Config
        Which file it runs, and where the data are.
    program : Path
        The `cobenefit` command.
    user : str
        Who it runs as; not root.

    Returns
    -------
    str
        A unit for `/etc/systemd/system`.
    """
    return _UNIT.format(
        tenant=config.tenant,
        user=user,
        program=program.absolute(),
        config=Path(config.file).absolute(),
        data=config.data_dir.absolute(),
        stop_s=round(config.backend.drain_s) + 30,
    )

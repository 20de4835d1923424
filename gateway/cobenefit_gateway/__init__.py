"""The gateway: MQTT in, journal, decode, aggregate, spool, forward."""

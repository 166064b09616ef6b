"""SNMP: the daemon as an AgentX sub-agent (RFC 2741) of the SNMP agent that runs on the host."""

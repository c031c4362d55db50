"""A fake GitHub on loopback: realistic reports, signed links that expire, and planned faults. It stands alone."""

from copilot_etl.sandbox.faults import Fault
from copilot_etl.sandbox.server import Request, Sandbox
from copilot_etl.sandbox.world import ENTERPRISE, ORGANIZATIONS, Enterprise, Organization, World

__all__ = ["ENTERPRISE", "ORGANIZATIONS", "Enterprise", "Fault", "Organization", "Request", "Sandbox", "World"]
